"""MPI ranks, signals, and interrupting all ranks of a run together."""
