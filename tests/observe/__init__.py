"""Proofs of the room ``shmtui.observe``."""
