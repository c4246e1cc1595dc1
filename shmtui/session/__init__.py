"""A run or an attachment: opens it, closes it, cleans up after it."""
