"""Proofs of the room ``shmtui.tui``."""
