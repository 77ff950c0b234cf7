"""VAMPIRE: a unit cell file (.ucf), a material file (.mat), and the main file ``input`` that names them.

In VAMPIRE (Evans et al., J. Phys.: Condens. Matter 26, 103202 (2014))

    E = - 1/2 sum_{i != j} S_i . J_ij S_j - sum_i [ku (S_i . e)^2 + kc / 2 (x^4 + y^4 + z^4)_i] - sum_i mu_i B . S_i

in joule, with unit spins and each ordered pair listed: J is used unchanged. Up to the constant kc / 2 of each spin the
cubic term is + kc (x^2 y^2 + y^2 z^2 + z^2 x^2), so Kc = kc. docs/formats.md cites the lines of VAMPIRE's source.
"""

CONVENTIONS = """\
E = - 1/2 sum over every ordered pair (each pair twice) s_i.J s_j - sum_i ku (s_i.e)^2 - sum_i mu_i B.s_i,
in joule and tesla: the coupling of a pair is 1 x J / 1.602176634e-22 meV, J row by row as in s_i.J s_j, and ku > 0 is
an easy axis. normalised-* multiplies the diagonal by the material's exchange-matrix, and drops off-diagonal elements.
Cubic: - kc/2 (x^4 + y^4 + z^4) is read as Kc = kc, which leaves out the constant - kc/2 of each spin."""
