"""Small files of every format: read by tests, damaged by fuzz.py."""
