"""A run from its input to its file, on however many ranks."""
