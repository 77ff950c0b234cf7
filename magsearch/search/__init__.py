"""Genetic-tunneling search (Xu et al., Commun. Phys. 6, 239 (2023)): islands, migration, stopping, supercells."""
