"""Finite temperature: heat bath, stochastic dynamics, thermal averages, and search methods built on them.

A method takes a batch of textures and returns what became of every replica (``magsearch.relaxation.relax.Method``);
``relax`` and an island take one wherever a minimiser goes. Its ``steps`` count sweeps and evaluations alike: one of
either visits every spin once.
"""
