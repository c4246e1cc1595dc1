"""Proofs of the command line: refusals, help, headless runs, clean ends."""
