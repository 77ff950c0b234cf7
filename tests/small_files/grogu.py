"""A file as grogupy's save_magnopy writes it, with two sites and three pairs, both directions of each."""

FULL = """\
====================
GROGU INFORMATION

#grogupy version: 0.4.0
# Exchange tensor (meV) of no meaning

====================
Hamiltonian convention
Double counting      true
Normalized spins     true
Intra-atomic factor  +1
Exchange factor      +0.5
====================
Cell (Ang)
3.000 0.000 0.000
0.500 4.000 0.000
0.000 0.000 5.000
====================
Magnetic sites
Number of sites 2
Name  x (Ang)  y (Ang)  z (Ang)  s   sx   sy   sz
0Fe(l:2) 0.000 0.000 0.000 1.200 0.000 0.000 1.000
1Co(l:2) 1.750 2.000 2.500 0.800 0.000 0.000 1.000
====================
Intra-atomic anisotropy tensor (meV)
--------------------
0Fe(l:2)
Matrix
 0.100 0.020 0.000
 0.020 0.300 -0.050
 0.000 -0.050 -0.400
--------------------
1Co(l:2)
Matrix
 0.000 0.000 0.000
 0.000 0.200 0.000
 0.000 0.000 0.700
--------------------
====================
Exchange tensor (meV)
Number of pairs 6
--------------------
Name1  Name2  i j k d (Ang)
--------------------
0Fe(l:2) 1Co(l:2) 0 0 0 3.6
Matrix
 -3.000 0.500 -0.200
 -0.400 -3.200 0.100
 0.300 -0.150 -2.900
--------------------
1Co(l:2) 0Fe(l:2) 0 0 0 3.6
Matrix
 -3.000 -0.400 0.300
 0.500 -3.200 -0.150
 -0.200 0.100 -2.900
--------------------
0Fe(l:2) 0Fe(l:2) 1 0 0 3.0
Matrix
 1.000 0.250 0.000
 -0.250 1.100 0.000
 0.000 0.000 0.900
--------------------
1Co(l:2) 0Fe(l:2) 0 1 -1 4.1
Matrix
 0.600 0.000 0.100
 0.000 0.700 0.200
 -0.100 0.000 0.800
--------------------
0Fe(l:2) 0Fe(l:2) -1 0 0 3.0
Matrix
 1.000 -0.250 0.000
 0.250 1.100 0.000
 0.000 0.000 0.900
--------------------
0Fe(l:2) 1Co(l:2) 0 -1 1 4.1
Matrix
 0.600 0.000 -0.100
 0.000 0.700 0.000
 0.100 0.200 0.800
--------------------
====================
"""
