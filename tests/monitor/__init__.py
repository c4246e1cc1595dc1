"""Tests of ``shmtui.monitor``."""
