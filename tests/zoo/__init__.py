"""Healthy C programs of many shapes and habits. No finding on one may be sure, and no repair touch it."""
