"""Lessons: their programs, and what a killed one leaves."""
