"""A student's programs judged: tried in every way that a check asks for, contained, and marked by a rubric."""
