"""Small files of all formats that fuzz.py damages: models with all settings and terms, couplings, structures, spins."""

from __future__ import annotations

import io
import pickle
import re
import sys

import numpy as np

from magsearch.model.lattice import Lattice
from small_files import grogu, ovf, spirit, structures, tb2j, uppasd, vampire

Files = dict[str, bytes]  # by name; the first is the one to be read

TOML = """\
[model]
size = [4, 4, 2]
cell = [[2, 0, 0], [0, 2.5, 0], [0.1, 0, 3]]
constant = 1.5
periodic = [true, true, false]
unit = "mRy"
moment = 2.0
field = [0, 0, 1.5]
vacancies = [3]
basis = [{species = "Fe", position = [0, 0, 0], moment = 2.5}, {species = "Co", position = [0.5, 0.5, 0.5]}]

[[model.exchange]]
J = [1.0, -0.2]
shell = 1
[[model.dmi]]
shell = 3
D = 0.5
direction = "neel"
between = ["Fe", "Co"]
[[model.bond]]
i = 0
j = 1
cells = [1, 0, 0]
D = [0, 0, 1]
matrix = [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
[[model.anisotropy]]
K = 0.1
K4 = 0.01
axis = [1, 1, 0]
atoms = [1]
[[model.cubic]]
Kc = 0.2

[search]
generations = 3
"""
NAMED = """\
[model]
lattice = "kagome"
size = [3, 3, 1]
[[model.exchange]]
J = [1.0, 0.3, 0.1]
[[model.dmi]]
D = 0.5
direction = "bloch"
"""
TERMS = """\
[model]
title = "all terms"
size = [4, 4, 1]
cell = [[1, 0, 0], [0, 1, 0], [0, 0, 3]]
cartesian = true
basis = [{position = [0, 0, 0]}]
dipole = {demagnetising = [0.0, 0.0, 1.0]}
nonmagnetic = [{species = "O", position = [0.5, 0.5, 0.5]}]
symmetry = {tolerance = 0.01}
[[model.bond]]
i = 0
j = 0
cells = [1, 0, 0]
J = 1.0
[[model.two_ion]]
A = [0.1, 0.2]
axis = [0, 0, 1]
[[model.stevens]]
k = 4
q = 4
B = 0.1
[[model.biquadratic]]
B = 0.1
[[model.biquadratic_bond]]
i = 0
j = 0
cells = [0, 1, 0]
B = 0.1
"""
CLUSTERS = """\
[model]
lattice = "honeycomb"
size = [4, 4, 1]
field = [0.0, 0.0, 1.0]
unit = "J"
[[model.kitaev]]
K = 1e-22
Gamma = 1e-22
Gamma_prime = 1e-22
[[model.exchange]]
J = 1e-21
[[model.four_spin]]
K = 1e-22
form = "ring"
sites = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]]
[[model.chirality]]
T = 1e-22
sites = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]]
[[model.tensor_product]]
sites = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
A = [[1e-22, 0, 0], [0, 1e-22, 0], [0, 0, -1e-22]]
B = [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]
[[model.q]]
Q = [0.25, 0, 0]
J = 1e-21
K = 1e-22
D = [0, 0, 1e-22]
matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1.5]]
star = 2
axis = [0, 0, 1]
"""
EVERY_TABLE = """\
[model]
lattice = "square"
size = [4, 4, 1]
exchange = [{J = 1.0}]
[search]
replicas = 8
elites = 2
seed = 3
modes = 2
adaptation = 0.5
generations = 3
seconds = 10
window = 4
deviation = 1e-6
gap = 1e-4
minima = 2
torque = 1e-5
steps = 300
bound = true
bound_seconds = 3
minimizer = "lbfgs"
fitness = "local-entropy"
fitness_temperature = 3.0
scope = 0.1
selection = "roulette"
temperature = 2.0
cells = "auto"
sites = 40
seeds = {RandomSpins = 1.0}
operators = {HeatPatch = 1.0, PlantSkyrmion = 2.0}
[search.variance]
window = 5
energy = 1e-8
[search.backend]
name = "parallel-tempering"
hottest = 30.0
coldest = 0.3
rungs = 4
sweeps = 8
every = 2
[islands]
count = 4
scheme = "leader"
topology = "ring"
every = 2
own = [{islands = [1, 3], minimizer = "fire"}]
[storage]
gather = 0
seconds = 5
share = 0.1
[scan]
field = [0, 1.5, [0, 1, 0]]
temperature = {first = 0, last = 2, count = 3}
axes = {"exchange.0.J" = [1.0, 2.0]}
combine = "grid"
[reference]
source = "Nobody (1900)"
doi = ["10.1000/1"]
energy = -2.0
known = "proven"
"""
UPPASD = """
do_jtensor 0
dm ./dmfile
anisotropy ./kfile
posfiletype D
maptype 2
hfield 0 0 1.0
aunits N
map_multiple T
Sym 1
mult_axis Y
do_ralloy 0
"""
SPIRIT = """\
bravais_lattice hex2d
lattice_constant 3.0
basis
2
0 0 0
0.333 0.333 0
n_basis_cells 4 4 1
boundary_conditions 1 1 0
mu_s 2.0 1.0
n_anisotropy 1
i K Kx Ky Kz
0 0.5 0 0 1
external_field_magnitude 2
external_field_normal 0 0 1
interaction_pairs_file pairs.txt
"""
PAIRS = (
    "n_interaction_pairs 2\n i j da db dc Jij Dij Dijx Dijy Dijz\n0 1 0 0 0 10.0 6.0 1 0 0\n0 0 1 0 0 -1.0 0 0 0 1\n"
)
XYZ = """\
6
Lattice="3 0 0 0 2 0 0 0 1" Properties=species:S:1:pos:R:3:magmoms:R:3 pbc="T T F"
X 0 0 0 1 0 0
X 1 0 0 0 1 0
X 2 0 0 0 0 1
X 0 1 0 -1 0 0
X 1 1 0 0 -2 0
X 2 1 0 0.6 0 -0.8
"""
LATTICE = Lattice.named("square", (3, 2, 1))  # of the files of spins
RESTART = "".join(["#\n" * 7, *(f"-1 1 {k} 1.0 0.0 0.6 0.8\n" for k in range(1, 7))])


def _files(**texts: str) -> Files:
    return {name.replace("__", "."): text.encode() for name, text in texts.items()}


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, ovf.ROWS)
    return buffer.getvalue()


class Atoms:
    """Pickled under the name of ASE's class, of which the reader wants no more than this."""

    def __init__(self) -> None:
        self._cellobj = Atoms.__new__(Atoms)
        self._cellobj.__dict__ = {"array": np.diag([4.0, 4.0, 2.5])}
        self.arrays = {"numbers": np.array([26, 8]), "positions": np.array([[0.1, 0, 0], [2, 2, 0]])}


def _pickle(protocol: int) -> bytes:
    keys = [((0, 0, 1), 0, 0), ((0, 0, -1), 0, 0)]
    content = {
        "atoms": Atoms(),
        "spinat": np.array([[0, 3.0, -4.0], [0, 0, 0.1]]),
        "index_spin": [0, -1],
        "exchange_Jdict": dict.fromkeys(keys, np.float64(3e-3)),
        "dmi_ddict": {keys[0]: np.array([0, 0, 5e-4]), keys[1]: np.array([0, 0, -5e-4])},
        "Jani_dict": dict.fromkeys(keys, np.diag([2e-4, -1e-4, -1e-4])),
        "sia_tensor": {0: np.diag([0, 0, 7e-4])},
        "k1": None,
    }
    name, Atoms.__module__ = Atoms.__module__, "ase"
    sys.modules["ase"], before = sys.modules[name], sys.modules.get("ase")
    try:
        return pickle.dumps(content, protocol)
    finally:
        Atoms.__module__ = name
        sys.modules.pop("ase") if before is None else sys.modules.update(ase=before)


def _vampire(kind: str, value: str) -> Files:
    ucf = vampire.UCF.format(kind=kind, forward=value, backward=value)
    return _files(cell__UCF=ucf, cell__mat=vampire.MAT, input=vampire.INPUT)


STRUCTURED = re.sub("matrix = .*", "J = 0.5", structures.MODEL)
SMALL_XYZ = """\
1
Lattice="1 0 0 0 1 0 0 0 1" Properties=species:S:1:pos:R:3:magmoms:R:3 pbc="T T F"
Fe 0 0 0 0 0 2.0
"""
MCIF = """\
# one atom, the second by an operation
data_s
_parent_space_group.child_transform_Pp_abc  'a,2b,c;0,0,0'
_cell_length_a 1.00(1)
_cell_length_b 2
_cell_length_c 1
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_some_text
;
several lines
;
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 'x, y+1/2, z, -1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Fe1 0 0 0
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Fe1 0.5 -1.0 2.0
"""

SEEDS: dict[str, list[Files]] = {
    "toml": [_files(in__toml=text) for text in (TOML, NAMED, TERMS, CLUSTERS)],
    "settings": [_files(in__toml=EVERY_TABLE)],
    "uppasd": [
        _files(**{name.replace(".", "__"): text for name, text in uppasd.CHAIN.items()}),
        _files(
            inpsd__dat=uppasd.HONEYCOMB["inpsd.dat"] + UPPASD,
            posfile=uppasd.HONEYCOMB["posfile"],
            momfile=uppasd.HONEYCOMB["momfile"],
            jfile="1 2 0 0 0 1.0\n2 1 0 0 0 1.0\n1 1 1 0 0 -0.1\n2 2 1 0 0 -0.1\n",
            dmfile="1 2 0 0 0 0 0 1.0\n2 1 0 0 0 0 0 -1.0\n",
            kfile="1 1 0.1 0.01 0 0 1 0\n2 7 0.1 0.0 0 0 1 0.5\n",
        ),
    ],
    "exchange.out": [_files(exchange__out=form) for name, form in tb2j.FORMS.items() if name != "xml"],
    "exchange.xml": [_files(exchange__xml=tb2j.XML)],
    "pickle": [{"TB2J.pickle": _pickle(protocol)} for protocol in (3, 4, 5)],
    "spirit": [
        _files(a__cfg=spirit.CHAIN),
        _files(a__cfg=spirit.SHELLS.format(chirality=2)),
        _files(a__cfg=SPIRIT, pairs__txt=PAIRS),
    ],
    "ucf": [
        _vampire("isotropic", "1e-21"),
        _vampire("tensorial", "1e-21 0 0 0 1e-21 0 0 0 1e-21"),
        _vampire("tensor", "(1e-21+0j) 0j 0j 0j (1e-21-1e-40j) 0j 0j 0j (1e-21+0j)"),
    ],
    "input": [
        dict(reversed(_vampire("normalised-vectorial", "1 2 3").items())),
        _files(input="create:single-spin\nmaterial:file = m.mat\n", m__mat="material:atomic-spin-moment = 1 !muB\n"),
    ],
    "grogu": [_files(two__magnopy__txt=grogu.FULL)],
    "structure": [
        _files(
            in__toml=re.sub("matrix = .*", "J = 0.5", structures.MODEL).replace("POSCAR", name),
            **{name.replace(".", "__"): content},
        )
        for name, content in {
            "POSCAR": structures.POSCAR,
            "a.cif": structures.CIF,
            "a.mcif": structures.MCIF.replace("Mn", "Fe"),
            "a.xyz": structures.EXTXYZ,
        }.items()
    ],
    "ovf": [
        {"m.ovf": ovf.file(ovf.text(ovf.ROWS))},
        {"m.ovf": ovf.file(ovf.text(ovf.ROWS), mesh="irregular")},
        {"m.ovf": ovf.file(ovf.binary(ovf.ROWS, 4), "Binary 4")},
        {"m.ovf": ovf.file(ovf.binary(ovf.ROWS, 8), "Binary 8", mesh="irregular")},
    ],
    "xyz": [_files(s__xyz=XYZ), _files(s__xyz=SMALL_XYZ)],
    "mcif": [_files(s__mcif=MCIF)],
    "restart": [_files(restart__a__out=RESTART)],
    "npy": [{"s.npy": _npy()}],
}
SPINS = ("ovf", "xyz", "mcif", "restart", "npy")
