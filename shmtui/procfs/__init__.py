"""What the kernel tells about processes: identity, credentials, memory maps, futex waits, time."""
