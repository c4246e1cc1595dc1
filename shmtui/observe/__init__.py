"""Looking at a segment without touching it: snapshots, sampling, /proc, rates.

Everything here reads through O_RDONLY descriptors and /proc; nothing maps,
writes, creates or posts.
"""
