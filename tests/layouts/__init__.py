"""Tests of ``shmtui.layouts``."""
