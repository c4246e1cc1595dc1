"""What the kernel tells about processes: identity, memory maps, futex waits."""
