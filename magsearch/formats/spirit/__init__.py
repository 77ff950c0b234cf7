"""Spirit: a .cfg file with pairs (or shells) of couplings, anisotropy, boundary conditions and field.

In Spirit (Mueller et al., Phys. Rev. B 99, 224414 (2019))

    E = - sum over pairs [J n_i . n_j + D . (n_i x n_j)] - sum_i [K (n_i . k)^2 + K4 / 2 (x^4 + y^4 + z^4)_i]
        - mu_B sum_i mu_i B . n_i

in meV, each listed row being one pair: J and D are used unchanged. Up to the constant K4 / 2 of each spin, the cubic
term is + K4 (x^2 y^2 + y^2 z^2 + z^2 x^2), so Kc = K4. The keywords are those of Spirit 2.2.
"""

CONVENTIONS = """\
E = - sum over pairs (each row is one pair) [J n_i.n_j + D.(n_i x n_j)] - sum_i K (n_i.k)^2 - mu_B sum_i mu_s B.n_i,
in meV and tesla: J, D and K are 1 x the numbers of the file; K > 0 is an easy axis.
Cubic: - K4/2 (x^4 + y^4 + z^4) is read as Kc = K4, which leaves out the constant - K4/2 of each spin.
dm_chirality 1 puts D along the bond, 2 along r x z (our "neel" with the other sign), -1 and -2 reverse it."""
