"""What the bytes of a segment mean: struct layouts, member roles, inference from live bytes."""
