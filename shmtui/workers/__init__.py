"""Producers and consumers: the loop that a child runs, and the supervisor that runs the children.

A worker is a process of its own, started by exec. It takes its orders from its
record in the control block and writes its telemetry there.
"""
