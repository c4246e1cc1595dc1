"""Tests of ``shmtui.procfs``."""
