"""Structures: FeI2 and antiferromagnetic MnF2 in several formats, a film, and a model on one of them."""

POSCAR = """\
FeI2
1.0
 4.05012 0 0
 -2.02506 3.507506817 0
 0 0 6.75214
Fe I
1 2
Direct
0 0 0
0.3333333333 0.6666666667 0.25
0.6666666667 0.3333333333 0.75
"""
CIF = """\
data_FeI2
_cell_length_a 4.05012
_cell_length_b 4.05012
_cell_length_c 6.75214
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P -3 m 1'
loop_
_symmetry_equiv_pos_as_xyz
x,y,z
-y,x-y,z
-x+y,-x,z
y,x,-z
x-y,-y,-z
-x,-x+y,-z
-x,-y,-z
y,-x+y,-z
x-y,x,-z
-y,-x,z
-x+y,y,z
x,x-y,z
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Fe1 Fe 0 0 0 1
I1 I 0.3333 0.6667 0.25 1.0
"""
MCIF = """\
data_MnF2
_cell_length_a 4.87
_cell_length_b 4.87
_cell_length_c 3.31
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 -x,-y,z,+1
3 -y+1/2,x+1/2,z+1/2,-1
4 y+1/2,-x+1/2,z+1/2,-1
5 -x+1/2,y+1/2,-z+1/2,+1
6 x+1/2,-y+1/2,-z+1/2,+1
7 y,x,-z,-1
8 -y,-x,-z,-1
9 -x,-y,-z,+1
10 x,y,-z,+1
11 y+1/2,-x+1/2,-z+1/2,-1
12 -y+1/2,x+1/2,-z+1/2,-1
13 x+1/2,-y+1/2,z+1/2,+1
14 -x+1/2,y+1/2,z+1/2,+1
15 -y,-x,z,-1
16 y,x,z,-1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mn1 Mn 0 0 0
F1 F 0.305 0.305 0
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Mn1 0 0 4.6
"""
EXTXYZ = """\
2
Lattice="2.87 0 0 0 2.87 0 0 0 20" Properties=species:S:1:pos:R:3:initial_magmoms:R:1 pbc="T T F"
Fe 0 0 5 2.5
Fe 1.435 1.435 6.4 -2.6
"""
MODEL = """\
[model]
structure = "POSCAR"
size = [4, 4, 2]
symmetry = true

[[model.magnetic]]
atoms = "Fe"
moment = 2.0

[[model.bond]]
i = 0
j = 0
cells = [1, 0, 0]
matrix = [[0.397, 0, 0], [0, 0.075, 0.261], [0, 0.261, 0.236]]

[[model.exchange]]
J = -0.1
shell = 2

[[model.anisotropy]]
K = 2.165
"""
