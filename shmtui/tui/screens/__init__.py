"""Dialogs above the dashboard. Imported when they open, so that the first frame does not wait."""
