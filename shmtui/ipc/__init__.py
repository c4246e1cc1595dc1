"""POSIX shared memory and semaphores, as the kernel and libc lay them out.

This room owns bytes: names, segments, layouts, semaphores, the ring and the
control block. It imports nothing else of the project.
"""
