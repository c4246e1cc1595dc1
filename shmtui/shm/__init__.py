"""The bytes of a shared-memory segment: files, semaphores, the ring, its protocol, the control block."""
