"""What each panel says, as lines of spans. Pure: a view and a size in, lines out."""
