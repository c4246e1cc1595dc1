"""Proofs of the room ``shmtui.workers``."""
