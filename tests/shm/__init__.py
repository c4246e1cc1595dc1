"""Tests of ``shmtui.shm``."""
