"""Physical constants (CODATA 2018) in the units of magsearch: meV, tesla, kelvin, angstrom, Bohr magneton."""

MU_B = 5.7883818060e-2  # meV / T
K_B = 8.617333262e-2  # meV / K
HBAR = 6.582119569e-13  # meV s
MRY = 13.605693122994  # meV
JOULE = 1 / 1.602176634e-22  # meV
BOHR = 0.529177210903  # angstrom
DIPOLE = 1.25663706212e-6 / (4 * 3.141592653589793) * 1e30 * MU_B**2 / JOULE  # meV angstrom^3, mu_0 mu_B^2 / 4 pi
