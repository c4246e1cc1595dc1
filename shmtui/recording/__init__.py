"""Recordings: every snapshot of a time, in a file that can be read while it grows and after any end."""
