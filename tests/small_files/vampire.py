"""The three files of a small VAMPIRE model: unit cell, materials and main input."""

from __future__ import annotations

UCF = """\
# Unit cell size:
3.0 4.0 5.0
# Unit cell vectors:
1.0 0.0 0.0
0.0 1.0 0.0
0.0 0.0 1.0

# Atoms num, id cx cy cz mat lc hc
2 2
0 0.0 0.0 0.0 0 0 0
1 0.5 0.0 0.0 1 0 1
# Interactions n exctype, id i j dx dy dz Jij
4 {kind}
0 0 1 0 0 0 {forward}
1 1 0 0 0 0 {backward}
2 1 0 1 0 0 {forward}
3 0 1 -1 0 0 {backward}
"""
MAT = """\
# materials
material:num-materials=2
material[1]:material-name=RE
material[1]:material-element="Gd"
material[1]:atomic-spin-moment = 2.0 !muB
material[1]:damping-constant=0.1
material[2]:material-name=TM
material[2]:atomic-spin-moment=1.5 !muB
material[2]:uniaxial-anisotropy-constant=8.0e-24   # easy axis
material[2]:uniaxial-anisotropy-direction = 0.0, 2.0, 0.0
material[1]:exchange-matrix[2] = 2.0, 3.0, 4.0 !meV
material[2]:exchange-matrix[1] = 2.0, 3.0, 4.0 !meV
"""
INPUT = """\
create:full
create:periodic-boundaries-x
create:periodic-boundaries-z
material:file = cell.mat
material:unit-cell-file = "cell.UCF"
dimensions:system-size-x = 2.4 !nm
dimensions:system-size-y = 4.0 !A
dimensions:system-size-z = 0.5 !nm
sim:applied-field-strength = 50 !kOe
sim:applied-field-unit-vector = 0,0,1
sim:temperature = 10
"""
