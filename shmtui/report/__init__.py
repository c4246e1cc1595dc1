"""Snapshots as text and as JSON. It reads records, and samples nothing itself."""
