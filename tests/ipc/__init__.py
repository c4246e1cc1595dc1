"""Proofs of the room ``shmtui.ipc``."""
