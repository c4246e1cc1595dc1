"""From a segment and /proc to snapshots: sampling, processes, roles, throughput; and the list of what
processes share.
"""
