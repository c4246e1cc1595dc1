"""The panels: each draws a view model in one widget of lines, and knows nothing else."""
