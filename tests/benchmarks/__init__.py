"""Measurements: programs of their own, which no test run starts."""
