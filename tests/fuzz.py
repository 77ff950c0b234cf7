"""Files that are nearly right, for every reader: each must be read, or refused with an InputError, soon.

    .venv/bin/python tests/fuzz.py NAME --seconds 600

damages the small files of SEEDS in every way of DAMAGES until the time is over or one is found that raises anything
else, takes over HANG seconds, or needs over --gigabytes more memory; that is shrunk, and its files are printed.
test_fuzz.py runs a little of it. With atheris, ``atheris.Setup(argv, attempt(NAME).hypothesis.fuzz_one_input)`` works.
"""

from __future__ import annotations

import argparse
import io
import pickle
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from forked import Tally
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from small_files import grogu, ovf, spirit, structures, tb2j, uppasd, vampire

from magsearch import config, formats
from magsearch.errors import InputError
from magsearch.model.lattice import Lattice

HANG = 20  # seconds that no small file may take
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

# -- damages -----------------------------------------------------------------------------------------------------------

NASTY = [
    "0", "-0.0", "1", "-1", "2", "3", "7", "1e308", "-1e308", "1e-320", "1d400", "nan", "-inf", "infinity", "0.5",
    "4294967296", "9223372036854775807", "18446744073709551616", "1e18", "99999", "100000000", "1_0", "0x10", "9" * 400,
    "1,2", "٣", "\0", "''", '"', "[", "]", "{}", "[[[[[[", "(", ")", "=", ":", "!", "!meV", "!parsec", "##", "<a>",
    "</a>", "&amp;", "&x;", "true", "T", "F", "P", "C", "x" * 300, "/", "..", ".", "~", "a/b", "\ufeff", "\x1c", "\x85",
    "\u2028", "\x1b[2J",
]  # fmt: skip
TOKEN = re.compile(rb"[^\s,=\[\]{}()<>\":;!#]+")


def _spans(content: bytes) -> list[tuple[int, int]]:
    return [match.span() for match in TOKEN.finditer(content)] or [(0, len(content))]


def _replaced_word(draw: Any, content: bytes) -> bytes:
    """A word, by a nasty one or one from elsewhere in the file; or removed, or written twice."""
    spans = _spans(content)
    a, b = draw(st.sampled_from(spans))
    c, d = draw(st.sampled_from(spans))
    nasty = draw(st.sampled_from(NASTY)).encode()
    new = draw(st.sampled_from([nasty, content[c:d], b"", content[a:b] + b" " + content[a:b], content[a:b] + nasty]))
    return content[:a] + new + content[b:]


def _shuffled_lines(draw: Any, content: bytes) -> bytes:
    """A line removed, written twice or many times, moved, or put together with the next."""
    lines = content.splitlines(keepends=True) or [b""]
    at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    line = lines.pop(at)
    times = draw(
        st.sampled_from([0, 2, 1, min(300, 2**16 // (len(line) + 1))])
    )  # else a file's only line grows 300-fold
    if times == 1 and draw(st.booleans()):
        line = line.rstrip()
    lines[to if times == 1 else at : to if times == 1 else at] = [line] * times
    return b"".join(lines)


def _cut(draw: Any, content: bytes) -> bytes:
    a, b = sorted(draw(st.integers(0, len(content))) for _ in range(2))
    return draw(st.sampled_from([content[:a], content[:a] + content[b:], content[a:]]))


def _bytes(draw: Any, content: bytes) -> bytes:
    """A few bytes put in, or in the place of others."""
    at = draw(st.integers(0, len(content)))
    new = draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\r\n", b"\t"])))
    return content[:at] + new + content[at + (len(new) if draw(st.booleans()) else 0) :]


DAMAGES: list[Callable[[Any, bytes], bytes]] = [
    _replaced_word,
    _replaced_word,
    _replaced_word,
    _shuffled_lines,
    _cut,
    _bytes,
]


@st.composite
def damaged(draw: Any, name: str) -> Files:
    files = dict(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(1, 5))):
        file = draw(st.sampled_from(sorted(files)))
        files[file] = draw(st.sampled_from(DAMAGES))(draw, files[file])
    return files


# -- what must hold ----------------------------------------------------------------------------------------------------


class Hang(Exception):
    pass


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise Hang(f"took over {seconds} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read(name: str, path: Path) -> str:
    """What a user's command does with the file; what it returns must make sense, and so must the refusal, if any."""
    refusal = ""
    try:
        if name in SPINS:
            spins = formats.read_spins(path, LATTICE)
        else:
            h = config.read(path).hamiltonian if name == "settings" else formats.read(path, unpickle=True)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert refusal.isprintable(), "a message is one line"
        assert len(refusal) < 2000
    elif name in SPINS:
        assert spins.shape == (LATTICE.sites, 3)
        assert np.allclose(np.linalg.norm(spins, axis=1), 1)
    else:
        for numbers in (h.bonds.J, h.moments, h.field, h.lattice.cell, h.lattice.basis):
            assert np.isfinite(numbers).all()
        assert len(h.bonds.merged()) == len(h.bonds)
        assert all(note.isprintable() for note in h.notes)
    return refusal


def attempt(name: str, failing: list[Files] | None = None, **options: Any) -> Callable[[], None]:
    """A hypothesis test of the reader of this name.

    failing   becomes the files on which it failed last: the smallest ones, where hypothesis shrinks them
    """

    @settings(
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )
    @given(damaged(name))
    def test(files: Files) -> None:
        with tempfile.TemporaryDirectory() as folder, patience(HANG), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            for file, content in files.items():
                (Path(folder) / file).write_bytes(content)
            try:
                read(name, Path(folder) / next(iter(files)))
            except BaseException:
                if failing is not None:
                    failing[:] = [files]
                raise

    return test


def readers(seconds: float, seed_of_all: int, most: int = 10**9) -> Tally:
    """Try damaged files of all formats in turn, until the time is over or ``most`` have been tried."""
    tally, begin, batch = Tally(), time.monotonic(), 500
    for place in count():
        name = list(SEEDS)[place % len(SEEDS)]
        if time.monotonic() - begin > seconds or tally.trials >= most:
            return tally
        words = _failure(name, seed_of_all + place, batch)
        tally.expect(not words, f"{name}, seed {seed_of_all + place}: {words}")
        tally.trials += batch


def _failure(name: str, seed_of_one: int, batch: int) -> str:
    """Try a batch of damaged files of a format; return the error, where it was raised, and the files; "" if none."""
    failing: list[Files] = []
    phases = (Phase.generate, Phase.target, Phase.shrink)
    test = attempt(name, failing, max_examples=batch, phases=phases, report_multiple_bugs=False)
    try:
        with redirect_stdout(io.StringIO()):
            seed(seed_of_one)(test)()
    except Exception:
        return f"{traceback.format_exc()}\nfiles: {failing}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("name", choices=SEEDS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--gigabytes", type=float, default=2)
    given_ = parser.parse_args()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + int(given_.gigabytes * 2**30),) * 2)
    begin, done, batch = time.monotonic(), 0, 2000
    while time.monotonic() - begin < given_.seconds:
        words = _failure(given_.name, given_.seed + done, batch)
        if words:
            sys.exit(f"{given_.name}, seed {given_.seed + done}: {words}")
        done += batch
        print(f"{given_.name}: {done} files in {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
