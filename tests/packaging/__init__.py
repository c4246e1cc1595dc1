"""Proofs of what a package carries beside the program."""
