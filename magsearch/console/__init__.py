"""Output on a terminal or in a batch log."""
