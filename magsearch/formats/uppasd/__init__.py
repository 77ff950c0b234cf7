"""UppASD: inpsd.dat and the files that it names.

In UppASD (Skubic et al., J. Phys.: Condens. Matter 20, 315203 (2008)) every ordered pair is in the sum, without a
factor 1/2:

    E = - sum_{i != j} [J_ij e_i . e_j + D_ij . (e_i x e_j)] + sum_i K1 (e_i . n)^2 - sum_i m_i B . e_i

with J, D and K1 in mRy: the coupling of a pair is 2 x 13.6057 meV times the number in the file in magsearch, and
K = - 13.6057 meV times K1. The signs were checked against energies printed by UppASD 6.1; docs/formats.md lists the
columns of each file.
"""

CONVENTIONS = """\
E = - sum over every ordered pair (each pair twice) [J e_i.e_j + D.(e_i x e_j)] + sum_i K1 (e_i.n)^2 - sum_i m_i B.e_i,
in mRy and tesla: J and D of a pair are 2 x 13.605693 meV x the numbers of the files, K = - 13.605693 meV x K1.
A row applies to every atom of the type of its i; of several rows for one type and vector the last is used."""
