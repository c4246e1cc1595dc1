"""The content of each panel as lines of spans. Pure: a view model and a size in, lines out."""
