"""Lessons: prepared scenes with a text beside them, and the programs and files that they need.

A lesson uses the ordinary workers with their rates and faults, or programs like the course's.
:mod:`shmtui.cli.lab` starts it.
"""
