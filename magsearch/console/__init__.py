"""What is printed on a terminal or in a batch log."""
