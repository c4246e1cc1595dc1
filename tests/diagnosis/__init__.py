"""Tests of ``shmtui.diagnosis``."""
