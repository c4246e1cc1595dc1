"""What a built package carries beside the program: man pages, completions, the text for an index.

It is used while a package is built, and is in no wheel itself.
"""
