"""Repairs: what is broken on real processes is found, mended, and moves again."""
