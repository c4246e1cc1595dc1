"""An hour that holds the events of eight: ``python -m tests.soak --help``.

Each actor is a process of its own, with its own choices from the seed, so that one that fails stops
no other: it is begun anew. What they do and see is told in a journal, which is judged at the end.
"""
