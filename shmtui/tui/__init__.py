"""The dashboard. It draws snapshots and passes orders on; it knows no segment and no process."""
