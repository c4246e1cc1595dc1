"""Proofs of the room ``shmtui.report``."""
