"""UppASD: inpsd.dat and the files it names. In UppASD every ordered pair counts, without a half:

    E = - sum_{i != j} [J_ij e_i . e_j + D_ij . (e_i x e_j)] + sum_i K1 (e_i . n)^2 - sum_i m_i B . e_i

with J, D and K1 in mRy: a coupling of a pair here is 2 x 13.6057 meV times the number in the file, and K = - K1 in meV.
The signs were checked against energies that UppASD 6.1 printed; docs/formats.md has the columns of each file.
"""

CONVENTIONS = """\
E = - sum over every ordered pair (each pair twice) [J e_i.e_j + D.(e_i x e_j)] + sum_i K1 (e_i.n)^2 - sum_i m_i B.e_i,
in mRy and tesla: J and D of a pair are 2 x 13.605693 meV x the numbers of the files, K = - 13.605693 meV x K1.
A row holds for every atom of the type of its i; of several rows for one type and vector the last counts."""
