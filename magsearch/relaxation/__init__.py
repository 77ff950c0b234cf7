"""Relaxation of a whole population at T = 0: the loop (``relax``) and the minimisers that it drives, one a module."""
