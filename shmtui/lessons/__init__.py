"""Lessons: prepared scenes, and the text that stands beside them. Pure records.

A lesson is made of what there is anyway: workers at their rates, their faults, and programs
like the course's. What starts it is :mod:`shmtui.cli.lab`.
"""
