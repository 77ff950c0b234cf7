"""Stevens operators in the classical limit: polynomials, symmetries, bounds and files."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import oracle
import pytest
from models import exchange, shell_bonds
from numpy.testing import assert_allclose

from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.checks import examine
from magsearch.errors import InputError
from magsearch.formats import read, write
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.forms import STEVENS, bounds, curvature, gradient, monomials, stevens, turned
from magsearch.model.terms.single_ion import StevensOperator, UniaxialAnisotropy
from magsearch.symmetry.spin_group import spin_group

OPERATORS = [(k, q) for k in STEVENS for q in range(-k, k + 1)]
ONE = Lattice.cluster([[0, 0, 0]])
RANDOM = np.random.default_rng(5)
S = RANDOM.normal(size=(40, 3))
FRAME = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]


def site(*terms, **more) -> Hamiltonian:
    return Hamiltonian(ONE, Bonds.none(), 2.0, terms, **more)


# -- the polynomials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "q"), OPERATORS)
def test_operators_are_solid_harmonics(k, q):
    """Laplace's equation holds; the oracle has Legendre's polynomials and the leading coefficients."""
    form = stevens(k, q)
    assert_allclose(np.trace(curvature(k, form, S), axis1=-2, axis2=-1), 0, atol=1e-10 * np.abs(form).max())
    assert_allclose(monomials(k, S) @ form, oracle.stevens(k, q, S), rtol=1e-10, atol=1e-10)


# values along directions, from the tables of Hutchings (1964) with operators replaced by components
KNOWN = {
    (2, 0): ((0, 0, 1), 2.0), (2, 2): ((1, 0, 0), 1.0), (2, -2): ((1, 1, 0), 1.0), (2, 1): ((1, 0, 1), 0.5),
    (4, 0): ((0, 0, 1), 8.0), (4, 4): ((1, 1, 0), -1.0), (4, 3): ((1, 0, 1), 0.25), (4, -4): ((2, 1, 0), 0.96),
    (6, 0): ((0, 0, 1), 16.0), (6, 6): ((0, 1, 0), -1.0), (6, 4): ((1, 0, 1), 9 / 8), (6, -3): ((0, 1, 1), -5 / 8),
}  # fmt: skip


@pytest.mark.parametrize(("k", "q"), KNOWN)
def test_known_values(k, q):
    direction, value = KNOWN[k, q]
    s = np.array(direction) / np.linalg.norm(direction)
    assert monomials(k, s) @ stevens(k, q) == pytest.approx(value)


def test_cubic_combinations():
    """x^4 + y^4 + z^4 = O_4^0 / 20 + O_4^4 / 4 + 3/5 of unit vectors; O_6^0 - 21 O_6^4 has the symmetry of the cube."""
    s = S / np.linalg.norm(S, axis=1)[:, None]
    four = monomials(4, s) @ (stevens(4, 0) / 20 + stevens(4, 4) / 4)
    assert_allclose(four + 3 / 5, (s**4).sum(axis=1), rtol=1e-12)
    six = stevens(6, 0) - 21 * stevens(6, 4)
    assert_allclose(monomials(6, s[:, [1, 2, 0]]) @ six, monomials(6, s) @ six, atol=1e-11)


@pytest.mark.parametrize(("k", "q"), [(2, 1), (4, -3), (6, 5)])
def test_axes_and_derivatives(k, q):
    form, h = stevens(k, q), 1e-5
    assert_allclose(monomials(k, S) @ turned(k, form, FRAME), monomials(k, S @ FRAME.T) @ form, rtol=1e-10, atol=1e-10)
    for axis in range(3):
        e = h * np.eye(3)[axis]
        slope = (monomials(k, S + e) @ form - monomials(k, S - e) @ form) / (2 * h)
        assert_allclose(gradient(k, form, S)[:, axis], slope, atol=1e-7 * np.abs(slope).max())
        slopes = (gradient(k, form, S + e) - gradient(k, form, S - e)) / (2 * h)
        assert_allclose(curvature(k, form, S)[:, axis], slopes, atol=1e-7 * np.abs(slopes).max())


@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_and_are_close(seed):
    random = np.random.default_rng(seed)
    forms = {4: random.normal(size=15), 6: random.normal(size=28)}
    s = random.normal(size=(100_000, 3))
    s /= np.linalg.norm(s, axis=1)[:, None]
    values = sum(monomials(k, s) @ form for k, form in forms.items())
    low, high = bounds(forms)
    assert low <= values.min() < low + 0.01 * np.ptp(values)
    assert high >= values.max() > high - 0.01 * np.ptp(values)
    assert bounds({4: np.zeros(15)}) == (0.0, 0.0)


def test_operators_of_second_order_are_the_quadratic_anisotropy():
    """O_2^0 = 3 z^2 - 1 of unit vectors: K = -3 B and a constant; its bound is exact."""
    s = S[:, None] / np.linalg.norm(S, axis=1)[:, None, None]
    model, other = site(StevensOperator(2, 0, 0.2)), site(UniaxialAnisotropy(-0.6))
    assert_allclose(oracle.energy(model, s), oracle.energy(other, s) - 0.2, rtol=1e-12)
    assert_allclose(model.terms[1].quadratic(model), [np.diag([0.2, 0.2, -0.4])], atol=1e-15)
    assert lower_bound(model).per_site == pytest.approx(-0.2, abs=1e-8)


# -- symmetry ----------------------------------------------------------------------------------------------------------

CUBIC4 = (StevensOperator(4, 0, 0.1), StevensOperator(4, 4, 0.5))
GROUPS = [
    (CUBIC4, 48, 0),
    ((*CUBIC4, StevensOperator(6, 0, 0.01), StevensOperator(6, 4, -0.21)), 48, 0),
    ((StevensOperator(4, 0, 0.3),), 4, 1),  # any angle about z: -1 and half turns about x remain
    ((StevensOperator(4, 4, 0.3),), 16, 0),  # D4h
    ((StevensOperator(4, 3, 0.3),), 12, 0),  # D3d
    ((StevensOperator(6, 6, 0.3), StevensOperator(2, 0, -0.1)), 24, 0),  # D6h
    ((StevensOperator(4, 4, 0.3), StevensOperator(4, -4, 0.2), StevensOperator(4, 0, 0.1)), 16, 0),  # turned about z
    ((StevensOperator(6, 4, 0.3), StevensOperator(4, -4, 0.2)), 8, 0),  # C4h: mirrors do not agree
    ((StevensOperator(4, 1, 0.3), StevensOperator(4, -2, 0.2)), 2, 0),  # Ci
]


@pytest.mark.parametrize(("terms", "order", "axes"), GROUPS)
def test_point_groups(terms, order, axes):
    """Of combinations of operators along axes of no symmetry; every operation leaves the energy."""
    model = site(*(replace(term, axes=tuple(map(tuple, FRAME.tolist()))) for term in terms))
    group = spin_group(model)
    assert (group.order, len(group.axes)) == (order, axes)
    s = oracle.random_textures(model, 1)[0]
    for _, turns in group.maps:
        for each in turns:
            assert_allclose(oracle.energy(model, s @ each.T), oracle.energy(model, s), atol=1e-9)


def test_check_knows_anisotropies_of_higher_order(tmp_path):
    """80/7 meV between the axis and the cone z^2 = 3/7 of O_4^0, in a chain with two bonds of 1 meV."""
    (tmp_path / "input.toml").write_text(
        '[model]\nlattice = "chain"\nsize = [4, 1, 1]\n[[model.exchange]]\nJ = 1\n'
        "[[model.stevens]]\nk = 4\nq = 0\nB = 1.0\n"
    )
    found = [one.text for one in examine(read(tmp_path / "input.toml")).findings if one.code == "large-anisotropy"]
    assert len(found) == 1
    assert found[0].startswith("an anisotropy of 11.4 meV exceeds all couplings of a spin together, 2 meV")


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_lower_bound_of_a_spin(seed):
    random = np.random.default_rng(seed)
    terms = [StevensOperator(k, q, random.normal(scale=10.0**-k)) for k, q in OPERATORS if random.random() < 0.5]
    model = site(*terms, field=tuple(random.normal(scale=0.1, size=3)))
    s = random.normal(size=(20000, 1, 3))
    s /= np.linalg.norm(s, axis=-1, keepdims=True)
    assert lower_bound(model).per_site <= oracle.energy(model, s).min()


# -- files -------------------------------------------------------------------------------------------------------------

TEXT = """
[model]
lattice = "square"
size = [2, 2, 1]
unit = "mRy"
{}
"""
TABLE = "[[model.stevens]]\nk = 4\nq = -3\nB = 0.01\n"


def parsed(tmp_path, text: str) -> Hamiltonian:
    (tmp_path / "input.toml").write_text(TEXT.format(text))
    return read(tmp_path / "input.toml")


def test_tables_of_an_input(tmp_path):
    model = parsed(tmp_path, TABLE + "axes = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]\natoms = [0]\n")
    (term,) = model.anisotropy
    assert (term.k, term.q, term.axes[0], term.atoms) == (4, -3, (0, 1, 0), (0,))
    assert_allclose(term.B, 0.01 * 13.605693)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("k = 4", "k = 3"), r"input.toml:\d+: .*k.*2, 4 or 6"),
        (TABLE.replace("q = -3", "q = 5"), r"input.toml:\d+: .*expected k = 2, 4 or 6 and q from -k to k"),
        (TABLE + "axes = [[1, 0, 0], [1, 0, 0], [0, 0, 1]]\n", r"input.toml:\d+: .*orthogonal"),
        (TABLE + "atoms = [1]\n", r"input.toml:\d+: .*atoms 0 to 0"),
    ],
)
def test_wrong_tables_are_refused(text, message, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        parsed(tmp_path, text)
    assert re.search(message, str(error.value))


def test_toml_keeps_operators_and_other_formats_refuse_them(tmp_path):
    lattice = Lattice.named("honeycomb", (2, 2, 1), 3.0)
    frame = tuple(map(tuple, FRAME.tolist()))
    terms = (StevensOperator(6, -5, 0.3, frame, atoms=(1,)), StevensOperator(4, 2, 0.1), StevensOperator(2, 1, 0.2))
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 2.0, terms)
    write(model, tmp_path / "again.toml")
    s = oracle.random_textures(model, 2)
    assert_allclose(oracle.energy(read(tmp_path / "again.toml"), s), oracle.energy(model, s), rtol=1e-12)
    with pytest.raises(InputError, match="UppASD cannot express the anisotropy StevensOperator"):
        write(model, tmp_path / "inpsd.dat")
