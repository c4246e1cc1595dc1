"""Pictures of the real program in real states, and what makes them."""
