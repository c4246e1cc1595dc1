"""Snapshots as text and as JSON. It reads records; it looks at nothing itself."""
