"""What the bytes of a segment mean: structs, the roles of their members, the live values."""
