"""TB2J: exchange.out, Multibinit's exchange.xml, TB2J.pickle.

In TB2J (He et al., Comput. Phys. Commun. 264, 107938 (2021)) every ordered pair is in the sum, without a factor 1/2,
and spins have unit length:

    E = - sum_{i != j} [J_ij S_i . S_j + S_i . Jani_ij S_j + D_ij . (S_i x S_j)] - sum_i S_i . A_i S_i

so the coupling of a pair is 2 (J 1 + [D] + Jani) in magsearch, and A (or K with its axis) is used unchanged. The cell R
of a coupling (i, j, R) is that of j. docs/formats.md describes how signs and factors were checked.
"""

CONVENTIONS = """\
E = - sum over every ordered pair (each pair twice) [J s_i.s_j + D.(s_i x s_j) + s_i.Jani s_j] - sum_i s_i.A s_i,
unit spins: J, D and Jani of a pair are 2 x the numbers of the file, A (K > 0: easy axis) is 1 x.
R is the cell of j relative to i. Moments are those of the atoms; couplings do not contain their lengths."""
