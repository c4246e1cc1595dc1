"""Repairs of real processes: the fault is found and repaired, and items move again."""
