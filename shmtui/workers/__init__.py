"""Producers and consumers: the loop of a worker, and the supervisor of workers and programs.

A worker is a process of its own, started by exec. It reads its orders from its record in the
control block and writes its telemetry there.
"""
