"""What the bytes of a segment mean: the structs that a compiler laid out, and their members."""
