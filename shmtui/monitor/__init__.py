"""One look at a segment and its processes, as one snapshot."""
