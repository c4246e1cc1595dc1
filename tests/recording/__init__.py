"""Proofs of the room ``shmtui.recording``."""
