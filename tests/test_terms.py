"""Terms of the Hamiltonian: one that nobody knows meets every consumer; many axes and cubes stand on one site."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import h5py
import numpy as np
import oracle
import pytest
from models import MODELS, exchange, shell_bonds, square_bloch
from numpy.testing import assert_allclose
from random_models import model_of_further_terms

from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.bounds.quadratic_form import quadratic_form
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.kernels import rows
from magsearch.engine.path import cost
from magsearch.engine.sweep_order import SweepPlan
from magsearch.errors import InputError
from magsearch.formats.expression import Expression
from magsearch.minima.hessian import Hessian
from magsearch.model import terms
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import CONVENTION, Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.soft_waves import softest_waves
from magsearch.model.terms.single_ion import CubicAnisotropy, SingleIon, StevensOperator, UniaxialAnisotropy
from magsearch.model.terms.term import Below, UnsupportedTerm
from magsearch.observables.energy_density import energy_density
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import relax
from magsearch.storage import model as stored
from magsearch.symmetry.space_group import operations
from magsearch.symmetry.spin_group import any_angle, spin_group
from magsearch.thermal.sampling import averages, sample
from magsearch.units import K_B

ONE = Lattice.cluster([[0, 0, 0]])
SQUARE = Lattice.named("square", (4, 4, 1))


@dataclass(frozen=True)
class Cubed:
    """+ c sum_i s_x^3: no kernel, no bound, odd under time reversal."""

    c: float

    name: ClassVar[str] = "cubed"
    unit: ClassVar[str] = "meV"
    linear_in_spin: ClassVar[bool] = False
    spin_orbit: ClassVar[bool] = True

    def check(self, sites: Any) -> None:
        if not np.isfinite(self.c):
            raise ValueError("the constant of 'cubed' must be a finite number")

    def energies(self, sites: Any, spins: Any) -> Any:
        return self.c * spins[..., 0] ** 3

    def fill(self, entries: Any) -> bool:
        return False

    def stiffness(self, sites: Any) -> Any:
        return np.full(sites.lattice.sites, 6 * abs(self.c))

    def quadratic(self, sites: Any) -> Any:
        return np.zeros((sites.lattice.atoms, 3, 3))

    def invariant_under(self, sites: Any, space: Any, turns: Any, tolerance: float) -> Any:
        return np.abs(turns @ [1.0, 0, 0] - [1.0, 0, 0]).max(axis=1) <= tolerance

    def directions(self, sites: Any) -> Any:
        return np.cross([1.0, 0, 0], np.eye(3)).T[None]

    def turns(self, sites: Any) -> Any:
        return np.zeros((0, 3, 3))

    def relaxed_below(self, sites: Any) -> Below | None:
        return None


@dataclass(frozen=True)
class Rhombic(Cubed):
    """+ c sum_i (s_x^2 - s_y^2), in the rows that kernels read and as a quadratic form."""

    name: ClassVar[str] = "rhombic"

    @property
    def A(self) -> Any:
        return np.diag([-self.c, self.c, 0.0])

    def energies(self, sites: Any, spins: Any) -> Any:
        return self.c * (spins[..., 0] ** 2 - spins[..., 1] ** 2) * sites.occupied

    def fill(self, entries: Any) -> bool:
        for atom in range(entries.atoms):
            entries.add_quadratic(atom, self.A)
        return True

    def quadratic(self, sites: Any) -> Any:
        return np.tile(self.A, (sites.lattice.atoms, 1, 1))

    def invariant_under(self, sites: Any, space: Any, turns: Any, tolerance: float) -> Any:
        return np.abs(turns @ self.A @ turns.swapaxes(1, 2) - self.A).max(axis=(1, 2)) <= tolerance * abs(self.c)

    def directions(self, sites: Any) -> Any:
        return self.A[None]

    def relaxed_below(self, sites: Any) -> Below | None:
        zero = Below.nothing(sites)
        return replace(zero, A=zero.A + self.A * sites.occupied[:, None, None])


def square(**more: Any) -> Hamiltonian:
    return Hamiltonian(SQUARE, shell_bonds(SQUARE, exchange(1.0)), **more)


UNKNOWN = square(others=(Cubed(0.2),))

# -- a term that nobody knows ------------------------------------------------------------------------------------------

RAISING = {
    "the evaluator": lambda model, _: Evaluator(model, Cpu()),
    "the heat bath": lambda model, _: SweepPlan.of(model, Cpu(), np.float32),
    "the lower bound": lambda model, _: lower_bound(model),
    "storage": lambda model, path: stored.write(h5py.File(path / "run.h5", "w").create_group("model"), model),
}


@pytest.mark.parametrize("consumer", RAISING)
def test_a_consumer_that_cannot_handle_a_term_names_it_and_itself(consumer, tmp_path):
    with pytest.raises(UnsupportedTerm, match=r"'cubed' \(Cubed\)") as error:
        RAISING[consumer](UNKNOWN, tmp_path)
    assert (error.value.consumer, error.value.term) == (consumer, UNKNOWN.others[0])
    assert str(error.value).startswith(consumer)


@pytest.mark.parametrize("target", ["UppASD", "TOML"])
def test_formats_refuse_a_term_by_name(target):
    with pytest.raises(InputError, match=rf"{target} cannot express the term 'cubed'"):
        Expression.of(UNKNOWN, target)


def test_the_model_knows_the_energy_of_a_term_of_any_kind():
    s = oracle.random_textures(UNKNOWN, 2)
    total = sum(term.energies(UNKNOWN, s).sum(axis=-1) for term in UNKNOWN.terms)
    assert_allclose(total, oracle.energy(UNKNOWN, s) + 0.2 * (s[..., 0] ** 3).sum(axis=-1), rtol=1e-12)
    assert set(UNKNOWN.parts()) == {"exchange", "dmi", "anisotropy", "zeeman", "cubed"}
    assert UNKNOWN.parts()["cubed"].others == UNKNOWN.others
    assert not UNKNOWN.parts()["exchange"].others
    assert UNKNOWN.stiffness == pytest.approx(square().stiffness + 6 * 0.2)
    assert UNKNOWN.with_size((2, 3, 1)).others == UNKNOWN.others


def test_symmetries_are_those_of_all_terms():
    """Free spins become spins that know x from -x, and nothing else of it."""
    free, bound = spin_group(square()), spin_group(UNKNOWN)
    assert len(free.axes) == 3
    assert_allclose(np.abs(any_angle(UNKNOWN)), [[1, 0, 0]], atol=1e-12)
    assert bound.order == spin_group(square(field=(1.0, 0.0, 0.0))).order  # the same symmetry
    s = oracle.random_textures(UNKNOWN, 1)[0]
    before = sum(term.energies(UNKNOWN, s).sum() for term in UNKNOWN.terms)
    assert len(operations(UNKNOWN)) > 1
    for operation in operations(UNKNOWN):
        assert sum(t.energies(UNKNOWN, operation(s)).sum() for t in UNKNOWN.terms) == pytest.approx(before)


def test_waves_are_those_of_the_quadratic_part():
    assert_allclose(softest_waves(UNKNOWN).energy, softest_waves(square()).energy)
    A = softest_waves(square(others=(Rhombic(0.3),)))
    assert A.energy[0] == pytest.approx(softest_waves(square()).energy[0] - 0.3)
    assert_allclose(np.abs(A.vector[0].ravel()), [0, 1, 0], atol=1e-12)


def test_wrong_constants_and_names_are_refused():
    with pytest.raises(ValueError, match="'cubed' must be a finite"):
        square(others=(Cubed(np.nan),))
    with pytest.raises(ValueError, match="two terms are named 'cubed'"):
        square(others=(Cubed(1.0), Cubed(2.0)))
    with pytest.raises(ValueError, match="two terms are named 'dmi'"):
        square(others=(type("Dmi", (Cubed,), {"name": "dmi"})(1.0),))


# -- a term of a user that fills the rows of the kernels ---------------------------------------------------------------

BASE = square_bloch()
KNOWN = replace(BASE, others=(Rhombic(0.4),), vacancies=(3,))


def rhombic(s: np.ndarray) -> np.ndarray:
    return 0.4 * (s[..., 0] ** 2 - s[..., 1] ** 2).sum(axis=-1)


def test_a_term_that_fills_the_rows_works_everywhere(target, real):
    s = oracle.random_textures(KNOWN, 3)
    evaluator, rtol = Evaluator(KNOWN, target, real), 1e-5 if real == np.float32 else 1e-12
    assert_allclose(evaluator.energies(s), oracle.energy(KNOWN, s) + rhombic(s), rtol=rtol)
    field = oracle.field(KNOWN, s) + s * [-0.8, 0.8, 0.0]
    assert_allclose(evaluator.field(s)[:, KNOWN.occupied], field[:, KNOWN.occupied], atol=10 * rtol)
    assert_allclose(energy_density(evaluator, s).sum(axis=-1), evaluator.energies(s), rtol=rtol)
    assert not evaluator.sweep_plan.linear


def test_its_bound_is_a_bound():
    evaluator = Evaluator(KNOWN, Cpu(), np.float64)
    lowest = relax(BarzilaiBorwein(), evaluator, oracle.random_textures(KNOWN, 16)).energy.min() / KNOWN.n_spins
    bound = lower_bound(KNOWN).per_site
    assert bound <= lowest + 1e-9
    assert bound > lowest - 0.5
    assert quadratic_form(KNOWN).exact


# -- several axes and cubes on one site --------------------------------------------------------------------------------


def site(*terms: Any, **more: Any) -> Hamiltonian:
    return Hamiltonian(ONE, Bonds.none(), 2.0, terms, **more)


def frame(angle: float, axis: int = 2) -> tuple[tuple[float, float, float], ...]:
    c, s = np.cos(angle), np.sin(angle)
    turned = np.roll(np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]), (axis - 2, axis - 2), axis=(0, 1))
    return tuple((float(x), float(y), float(z)) for x, y, z in turned)


AXES = [(1.0, 2.0, 2.0), (-2.0, 1.0, 0.3), (0.0, 1.0, 1.0)]
MANY = (
    *(UniaxialAnisotropy(0.1 * k, axis, K4=0.5 - 0.4 * k) for k, axis in enumerate(AXES)),
    CubicAnisotropy(0.7),
    CubicAnisotropy(-0.4, frame(0.5)),
    CubicAnisotropy(0.3, frame(0.9, axis=0)),
    StevensOperator(2, -1, 0.2, frame(0.3, axis=1)),
    StevensOperator(4, 3, 0.05),
    StevensOperator(4, -2, -0.03, frame(0.2)),
    StevensOperator(6, -5, 0.02, frame(0.7, axis=1)),
    StevensOperator(6, 0, 0.002),
)


@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_field_is_minus_gradient_with_several_axes(target, real, path):
    model = replace(MODELS["fcc_every_anisotropy"], anisotropy=MANY)
    if path == "fourier" and np.isinf(cost(model, target).fourier):
        pytest.skip("no Fourier path")
    s = oracle.random_textures(model, 3)
    evaluator, rtol = Evaluator(model, target, real, path), 2e-5 if real == np.float32 else 1e-11
    assert_allclose(evaluator.energies(s), oracle.energy(model, s), rtol=rtol)
    assert_allclose(evaluator.field(s), oracle.field(model, s), atol=rtol * np.abs(oracle.field(model, s)).max())


def test_oracles_field_is_minus_the_gradient_of_its_energy():
    """Central differences of a polynomial of sixth order, with the step that balances rounding."""
    model, h = site(*MANY, field=(1.0, 2.0, 3.0)), 1e-3
    s = oracle.random_textures(model, 5)
    for axis in range(3):
        step = h * np.eye(3)[axis]
        ahead, behind = oracle.energy(model, s + step), oracle.energy(model, s - step)
        assert_allclose(-(ahead - behind) / (2 * h), oracle.field(model, s)[:, 0, axis], atol=2e-5)


def test_hessian_with_several_axes(target, real):
    model, t = replace(MODELS["fcc_every_anisotropy"], anisotropy=MANY), 1e-5
    s = oracle.random_textures(model, 2)
    v = oracle.tangential(np.random.default_rng(7).normal(size=s.shape), s)

    def gradient(x: np.ndarray) -> np.ndarray:
        x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        return -oracle.tangential(oracle.field(model, x), x)

    H = oracle.tangential((gradient(s + t * v) - gradient(s - t * v)) / (2 * t), s)
    found = Hessian(Evaluator(model, target, real), s)(v)
    assert_allclose(found, H, atol=(2e-5 if real == np.float32 else 1e-7) * np.abs(H).max())


def test_thermal_average_with_several_axes(target, real):
    """Quadrature over the sphere; five standard errors."""
    model, kelvin = site(*MANY, field=(3.0, 0.0, 5.0)), 6.0
    sweeps, warmup = (2000, 200) if target.name == "cpu" else (400, 100)
    (point,) = averages(sample(Evaluator(model, target, real), [kelvin], sweeps, warmup, 32, (1, 7)))
    node, weight = np.polynomial.legendre.leggauss(60)
    phi = 2 * np.pi * np.arange(120) / 120
    z, phi = (a.ravel() for a in np.meshgrid(node, phi, indexing="ij"))
    s = np.stack([np.sqrt(1 - z * z) * np.cos(phi), np.sqrt(1 - z * z) * np.sin(phi), z], axis=1)
    energy = oracle.energy(model, s[:, None])
    p = np.repeat(weight, 120) * np.exp(-(energy - energy.min()) / (K_B * kelvin))
    p /= p.sum()
    assert point.energy.error < 0.05
    assert abs(point.energy.mean - p @ energy) < 5 * point.energy.error
    for axis in range(3):
        assert abs(point.magnetization[axis].mean - p @ s[:, axis]) < 5 * point.magnetization[axis].error + 1e-6


THIRD = 2 * np.pi / 3
GROUPS = [
    # equal K4 along x, y, z: 1 - 2 (x^2 y^2 + ...), a cube
    (tuple(UniaxialAnisotropy(0.0, axis, 0.4) for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1))), 48, 0),
    # with another constant along z
    (tuple(UniaxialAnisotropy(0.0, axis, K4) for axis, K4 in (((1, 0, 0), 1), ((0, 1, 0), 1), ((0, 0, 1), 2))), 16, 0),
    # three of them at 120 degrees in a plane: 9/8 sin^4, any angle about z; z -> -z and a mirror remain
    (tuple(UniaxialAnisotropy(0.0, (np.cos(k * THIRD), np.sin(k * THIRD), 0.0), 0.4) for k in range(3)), 4, 1),
    # two of them at 60 degrees: both bisectors and z are axes of half turns
    ((UniaxialAnisotropy(0.0, (1, 0, 0), 0.4), UniaxialAnisotropy(0.0, (0.5, 0.75**0.5, 0.0), 0.4)), 8, 0),
    # two cubes turned by 30 degrees about z: four-fold about z, mirrors half-way between them
    ((CubicAnisotropy(0.5), CubicAnisotropy(0.5, frame(np.pi / 6))), 16, 0),
    # by 45 degrees: their four-fold parts cancel
    ((CubicAnisotropy(0.5), CubicAnisotropy(0.5, frame(np.pi / 4))), 4, 1),
    # K4 along the axes of a cube with the opposite sign leaves nothing
    ((*(UniaxialAnisotropy(0.0, n, 0.4) for n in ((1, 0, 0), (0, 1, 0), (0, 0, 1))), CubicAnisotropy(-0.8)), 2, 3),
]


@pytest.mark.parametrize(("terms", "order", "axes"), GROUPS)
def test_symmetry_of_several_axes(terms, order, axes):
    """Also of the axes turned to anywhere."""
    group = spin_group(site(*terms))
    assert (group.order, len(group.axes)) == (order, axes)
    s = oracle.random_textures(site(*terms), 1)[0]
    for _, turns in group.maps:
        for turn in turns:
            assert_allclose(oracle.energy(site(*terms), s @ turn.T), oracle.energy(site(*terms), s), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_with_several_axes(seed):
    """Never above the lowest of many relaxed textures; a spin alone has its minimum by quadrature of the sphere."""
    random = np.random.default_rng(seed)
    terms = [UniaxialAnisotropy(random.normal(), tuple(random.normal(size=3)), random.normal()) for _ in range(3)]
    frames = [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(2)]
    terms += [CubicAnisotropy(random.normal(), tuple(map(tuple, axes))) for axes in frames]
    model = site(*terms, field=tuple(random.normal(scale=5, size=3)))
    s = random.normal(size=(20000, 1, 3))
    s /= np.linalg.norm(s, axis=-1, keepdims=True)
    assert lower_bound(model).per_site <= oracle.energy(model, s).min()
    assert not quadratic_form(model).exact


def test_files_keep_several_axes(tmp_path):
    model = replace(MODELS["fcc_every_anisotropy"], anisotropy=MANY)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        stored.write(file.create_group("model"), model)
        again = stored.read(file["model"])
        assert file["model"].attrs["convention"] == CONVENTION
        kept = json.loads(file["model"].attrs["anisotropy"])
    assert [term["term"] for term in kept] == [type(term).__name__ for term in MANY]
    s = oracle.random_textures(model, 2)
    assert_allclose(oracle.energy(again, s), oracle.energy(model, s), rtol=1e-14)


def test_the_convention_is_the_formula_of_the_module():
    assert CONVENTION.startswith("E(s) = - 1/2 sum_{i != j} s_i . J_ij s_j")
    assert "T_ijk s_i . (s_j x s_k)" in CONVENTION  # products of spins
    assert "m_i m_j s_i . T_ij s_j" in CONVENTION  # dipoles
    assert CONVENTION.endswith("J_ji = J_ij^T")


def test_kernels_read_the_entries_that_python_packs():
    """A count in the header and a width for every kind of entry, both in the order of Python."""
    blocks = SingleIon(MANY, 1).entries.blocks
    assert [f"N_{name.upper()}" for name in blocks] == list(rows("OnsiteHeader"))[1:-1]
    for name, block in blocks.items():
        assert block.shape[2] == rows(f"{name.capitalize()}Entry")[f"{name.upper()}_WIDTH"], name
        assert block.any(), name


def test_random_models_have_every_kind_of_term():
    """The laws that hold for random models are thus tested on terms that are added later, or this fails."""
    kinds = {
        kind
        for module in pkgutil.iter_modules(terms.__path__)
        for kind in vars(importlib.import_module(f"{terms.__name__}.{module.name}")).values()
        if inspect.isclass(kind) and hasattr(kind, "relaxed_below") and not getattr(kind, "_is_protocol", False)
    }
    models = [model_of_further_terms(seed) for seed in range(8)]
    assert kinds == {type(term) for model in models for term in model.terms}
    names = {term.name for model in models for term in model.terms}
    assert names >= {"biquadratic", "four_spin", "chirality"}  # of one kind


@pytest.mark.parametrize("seed", range(4))
def test_all_terms_together_have_the_sum_of_their_energies(target, real, seed):
    """And the field is minus the gradient of that sum."""
    model = model_of_further_terms(seed)
    s, loose = oracle.random_textures(model, 3), 2e-5 if real == np.float32 else 1e-11
    evaluator, step = Evaluator(model, target, real), 1e-4

    def energy(textures: np.ndarray) -> np.ndarray:
        return sum(term.energies(model, textures).sum(axis=-1) for term in model.terms)

    assert_allclose(evaluator.energies(s), energy(s), atol=loose * model.stiffness * model.n_spins)
    v = np.random.default_rng(seed).normal(size=s.shape) * model.occupied[:, None]
    slope = (energy(s + step * v) - energy(s - step * v)) / (2 * step)
    loose = 2e-5 if real == np.float32 else 1e-6
    assert_allclose(-(evaluator.field(s) * v).sum(axis=(1, 2)), slope, atol=loose * model.stiffness * model.n_spins)
