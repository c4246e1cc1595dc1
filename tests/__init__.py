"""The proofs: what shmtui says of itself, tried."""
