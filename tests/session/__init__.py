"""Tests of ``shmtui.session.terminal``."""
