"""From a segment and /proc to snapshots: sampling, processes, roles, throughput, discovery."""
