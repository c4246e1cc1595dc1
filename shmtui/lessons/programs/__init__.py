"""The C programs of a lesson: they lie here as sources, and are compiled when it starts."""
