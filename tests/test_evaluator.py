"""The evaluator against the formula, against physics, and against itself."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, bloch, exchange, shell_bonds, square_bloch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.engine.path import choose_path, cost
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.fixture(params=["direct", "fourier"])
def path(request: pytest.FixtureRequest) -> Any:
    return request.param


def evaluator_of(model: Hamiltonian, device: Any, real: Any, path: Any) -> Evaluator:
    if path == "fourier" and np.isinf(cost(model, device).fourier):
        pytest.skip(cost(model, device).reason)
    return Evaluator(model, device, real, path)


def scale_of(field: np.ndarray) -> np.ndarray:
    """What the energies of textures are large compared with, free of cancellation between sites, [replica] meV."""
    return np.linalg.norm(field, axis=-1).sum(axis=-1)


def evaluated(evaluator: Evaluator, textures: Any, other: Any = None, tesla: Any = None) -> tuple[Any, Any]:
    """The force, [replica, site, 3], and the sums, [SUMS, replica], from one call of the kernel."""
    spins = evaluator.spins(textures)
    replicas, xp = evaluator.replicas(spins), evaluator.device.xp
    force, sums = xp.zeros_like(spins), xp.zeros((evaluator.chunks, len(SUM) - 1, replicas))
    compared = force if other is None else evaluator.spins(other)
    tesla = evaluator.hamiltonian.field if tesla is None else tesla
    evaluator.evaluation(spins, evaluator.zeeman(tesla, replicas), compared, force, sums)()
    host = evaluator.device.host(sums)
    total = host.sum(axis=0)
    total[SUM["LARGEST2"]] = host[:, SUM["LARGEST2"]].max(axis=0)
    return evaluator.device.host(evaluator.textures(force))[: len(textures)], total[:, : len(textures)]


# -- against the formula ---------------------------------------------------------------------------------------------


@pytest.mark.spread(2)
def test_energy_and_field_follow_the_formula(model, target, real, path):
    evaluator = evaluator_of(model, target, real, path)
    s = oracle.random_textures(model, 5)
    b = oracle.field(model, s)
    error = np.abs(evaluator.energies(s) - oracle.energy(model, s)) / scale_of(b)
    assert error.max() < TOLERANCE[real]
    assert np.abs(evaluator.field(s) - b).max() < TOLERANCE[real] * np.abs(b).max()


@pytest.mark.spread(3)
def test_sums_follow_their_definitions(model, target, real, path):
    evaluator = evaluator_of(model, target, real, path)
    s, other = oracle.random_textures(model, 5), 0.3 * oracle.random_textures(model, 5, seed=1)
    f = oracle.tangential(oracle.field(model, s), s)
    force, sums = evaluated(evaluator, s, other)
    tolerance = 10 * TOLERANCE[real]
    assert_allclose(force, f, atol=tolerance * np.abs(f).max())
    assert_allclose(sums[SUM["FORCE2"]], (f * f).sum((1, 2)), rtol=tolerance)
    assert_allclose(sums[SUM["OTHER2"]], (other * other).sum((1, 2)), rtol=tolerance)
    assert_allclose(sums[SUM["LARGEST2"]], (f * f).sum(2).max(1), rtol=tolerance)
    overlap_scale = np.sqrt((f * f).sum((1, 2)) * (other * other).sum((1, 2)))
    assert_allclose(sums[SUM["OVERLAP"]] / overlap_scale, (f * other).sum((1, 2)) / overlap_scale, atol=tolerance)
    assert_allclose(sums[SUM["MX"] : SUM["MZ"] + 1].T, s.sum(1), atol=tolerance * model.lattice.sites)


def test_energy_by_term_sums_to_the_total(model, device):
    s = oracle.random_textures(model, 3)
    scale = scale_of(oracle.field(model, s))
    terms = {name: Evaluator(part, device, np.float64).energies(s) for name, part in model.parts().items()}
    total = Evaluator(model, device, np.float64).energies(s)
    assert (np.abs(sum(terms.values()) - total) < 1e-12 * scale).all()
    expected = oracle.energies(model, s)
    assert terms.keys() == expected.keys()
    for name, energy in expected.items():
        assert (np.abs(terms[name] - energy) < 1e-12 * scale).all(), name


def slope(energy: Any, s: np.ndarray, along: np.ndarray) -> np.ndarray:
    """dE/dt of E(s + t along) at t = 0, [replica]: the seven-point formula, exact up to the sixth power of s."""
    h = 0.25
    e = {k: energy(s + k * h * along) for k in (-3, -2, -1, 1, 2, 3)}
    return (45 * (e[1] - e[-1]) - 9 * (e[2] - e[-2]) + (e[3] - e[-3])) / (60 * h)


@pytest.mark.spread(2)
def test_field_is_minus_gradient(model, target, path):
    evaluator = evaluator_of(model, target, np.float64, path)
    s = oracle.random_textures(model, 16)
    along = np.random.default_rng(2).normal(size=s.shape) * model.occupied[:, None]
    for energy, field in (
        (lambda t: oracle.energy(model, t), oracle.field(model, s)),
        (evaluator.energies, evaluator.field(s)),
    ):
        expected = -(field * along).sum((1, 2))
        assert (np.abs(slope(energy, s, along) - expected) < 1e-11 * scale_of(field) * 16).all()


def test_stiffness_bounds_the_field(model, device):
    s = oracle.random_textures(model, 50)
    assert np.linalg.norm(oracle.field(model, s), axis=-1).max() <= Evaluator(model, device).stiffness * (1 + 1e-9)


# -- populations -----------------------------------------------------------------------------------------------------


@pytest.mark.spread(2)
def test_replicas_do_not_talk(model, target, real):
    """Not by one bit, whatever the others do, a broken replica included."""
    evaluator = Evaluator(model, target, real, "direct")
    s = oracle.random_textures(model, 40)
    force, sums = evaluated(evaluator, s)
    changed = oracle.random_textures(model, 40, seed=5)
    changed[0] = np.nan
    for k in (1, 15, 16, 39):
        changed[k] = s[k]
        new_force, new_sums = evaluated(evaluator, changed)
        assert_array_equal(new_force[k], force[k])
        assert_array_equal(new_sums[:, k], sums[:, k])


@pytest.mark.spread(2)
def test_replicas_do_not_talk_through_a_convolution(model, target, real):
    """Two replicas share one complex transform: they may see each other's rounding, and no more."""
    evaluator = evaluator_of(model, target, real, "fourier")
    s = oracle.random_textures(model, 40)
    before = evaluator.field(s)
    changed = oracle.random_textures(model, 40, seed=5)
    kept = [0, 9, 17, 38]
    changed[kept] = s[kept]
    assert np.abs(evaluator.field(changed)[kept] - before[kept]).max() < TOLERANCE[real] * np.abs(before).max()


@pytest.mark.spread(2)
def test_order_of_replicas_does_not_matter(model, target, real):
    evaluator = Evaluator(model, target, real, "direct")
    s = oracle.random_textures(model, 37)
    order = np.random.default_rng(3).permutation(37)
    force, sums = evaluated(evaluator, s)
    shuffled_force, shuffled_sums = evaluated(evaluator, s[order])
    assert_array_equal(shuffled_force, force[order])
    assert_array_equal(shuffled_sums, sums[:, order])


@pytest.mark.spread(2)
def test_padding_does_not_matter(model, target, real):
    """A replica alone in its block has the energy that it has among others."""
    evaluator = Evaluator(model, target, real, "direct")
    s = oracle.random_textures(model, 33)
    together = evaluator.energies(s)
    for count in (1, 16, 17, 32):
        assert_array_equal(evaluator.energies(s[:count]), together[:count])


@pytest.mark.spread(3)
def test_same_call_gives_the_same_bits(model, target, real, path):
    evaluator = evaluator_of(model, target, real, path)
    s = oracle.random_textures(model, 20)
    first, second = evaluated(evaluator, s), evaluated(evaluator_of(model, target, real, path), s)
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[1], second[1])


@pytest.mark.spread(2)
def test_each_replica_has_its_own_magnetic_field(model, target, path):
    evaluator = evaluator_of(model, target, np.float64, path)
    s = oracle.random_textures(model, 2 * target.width)
    tesla = np.random.default_rng(4).normal(scale=10, size=(len(s), 3))
    expected = oracle.energy(replace(model, field=(0, 0, 0)), s)
    expected -= oracle.MU_B * (oracle.moment_of(model) * (s * tesla[:, None]).sum(-1)).sum(-1)
    _, sums = evaluated(evaluator, s, tesla=tesla)
    assert_allclose(sums[SUM["ENERGY"]], expected, atol=1e-11 * scale_of(oracle.field(model, s)).max())


@pytest.mark.spread(2)
def test_textures_survive_the_way_to_the_device_and_back(model, target, real):
    evaluator = Evaluator(model, target, real)
    s = oracle.random_textures(model, 19).astype(real)
    back = evaluator.device.host(evaluator.textures(evaluator.spins(s)))
    assert len(back) % target.width == 0
    assert_array_equal(back[:19], s)
    assert_array_equal(back[19:], np.broadcast_to(s[0], back[19:].shape))
    assert_allclose(evaluator.field(s[0]), evaluator.field(s)[0], atol=TOLERANCE[real] * 100)
    assert evaluator.field(s[0]).shape == s[0].shape


@pytest.mark.parametrize("sites", [4, 16, 7])
def test_textures_of_another_lattice_are_refused(device, sites):
    """A texture of 16 sites is no two textures of 8, nor are eight of 4 sites four of 8."""
    lattice = Lattice.named("square", (4, 2, 1))
    evaluator = Evaluator(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))), device)
    for call in (evaluator.energies, evaluator.field, evaluator.spins):
        with pytest.raises(ValueError, match="site"):
            call(np.ones((8, sites, 3)))


@pytest.mark.parametrize("broken", [0, 40, 299], ids=lambda site: f"site {site}")
def test_a_broken_replica_does_not_look_converged(target, real, broken):
    """The largest force of a texture with a NaN is NaN, wherever the NaN is; least of all is it zero."""
    model = MODELS["triangular_j1_j3"]
    s = oracle.random_textures(model, 4)
    s[1, broken, 0] = np.nan
    s[2] = np.nan
    sums = Evaluator(model, target, real, "direct").sums(s)
    assert np.isnan(sums[SUM["LARGEST2"], 1:3]).all()
    assert np.isfinite(sums[:, [0, 3]]).all()


def test_fold_adds_up_and_keeps_the_largest(target, real):
    rng = np.random.default_rng(0)
    evaluator = Evaluator(square_bloch(), target, real)
    for chunks in (1, 5, 32, 33, 70):
        sums = rng.random((chunks, 4, 2 * target.width))
        folded = target.host(evaluator.reduced(target.array(sums, np.float64), 4, 2))
        assert_allclose(folded[[0, 1, 3]], sums.sum(0)[[0, 1, 3]], rtol=1e-14)
        assert_array_equal(folded[2], sums.max(0)[2])


# -- symmetries ------------------------------------------------------------------------------------------------------


def test_energy_is_invariant_under_lattice_translation(model, device, path):
    if not model.uniform:
        pytest.skip("disorder breaks translations")
    evaluator = evaluator_of(model, device, np.float64, path)
    s = oracle.random_textures(model, 4)
    shift = [k + 1 if periodic else 0 for k, periodic in enumerate(model.lattice.periodic)]
    grid = s.reshape(4, *model.lattice.grid, -1, 3)
    moved = np.roll(grid, shift[::-1], axis=(1, 2, 3)).reshape(s.shape)
    assert_array_equal(moved, s[:, model.lattice.translation(shift)])
    assert_allclose(
        evaluator.energies(moved), evaluator.energies(s), atol=1e-12 * scale_of(oracle.field(model, s)).max()
    )


def test_energy_is_invariant_under_time_reversal_without_field(model, device, path):
    evaluator = evaluator_of(replace(model, field=(0, 0, 0)), device, np.float64, path)
    s = oracle.random_textures(model, 4)
    assert_allclose(evaluator.energies(-s), evaluator.energies(s), rtol=1e-12)


def test_isotropic_couplings_are_invariant_under_global_rotation(device):
    model = MODELS["triangular_j1_j3"]
    evaluator = Evaluator(model, device, np.float64)
    s = oracle.random_textures(model, 4)
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    assert_allclose(evaluator.energies(s @ turn.T), evaluator.energies(s), rtol=1e-10)
    assert_allclose(evaluator.field(s @ turn.T), evaluator.field(s) @ turn.T, atol=1e-12)


def test_rotated_couplings_have_the_energy_of_rotated_spins(target, real):
    """E(R J R^T, R s) = E(J, s), and fields turn: couplings with zeros off the diagonal have kernels of their own."""
    model, random = square_bloch(), np.random.default_rng(11)
    J = np.array([random.normal() * np.eye(3), np.diag(random.normal(size=3)), random.normal(size=(3, 3))])
    x = (1, 0, 0), (0, 1, 0), (1, 1, 0)
    bonds = Bonds.pairs([0, 0, 0], [0, 0, 0], J, np.array(x))
    R = Rotation.random(rng=random).as_matrix()
    crystal = replace(model, bonds=bonds, anisotropy=(), field=(0, 0, 0))
    turned = replace(crystal, bonds=bonds.with_matrices(R @ bonds.J @ R.T))
    s = oracle.random_textures(crystal, target.width + 3)
    one, other = Evaluator(crystal, target, real), Evaluator(turned, target, real)
    assert one.path == other.path == "direct"
    field = oracle.field(crystal, s)
    scale, tolerance = scale_of(field), TOLERANCE[real]
    assert_allclose(other.energies(s @ R.T), one.energies(s), rtol=0, atol=tolerance * scale.max())
    assert_allclose(other.field(s @ R.T), one.field(s) @ R.T, rtol=0, atol=20 * tolerance * np.abs(field).max())
    assert_allclose(one.energies(s), oracle.energy(crystal, s), rtol=0, atol=tolerance * scale.max())


# -- edges, small boxes, vacancies -----------------------------------------------------------------------------------


def test_bonds_longer_than_the_cell_wrap_and_add_up(device, path):
    """A ferromagnet in a 1x1 cell has E = -1/2 sum J, and every box of it the same energy per site."""
    big = Lattice.named("triangular", (6, 6, 1))
    J = (1.0, -0.3, 0.2, 0.05)
    model = Hamiltonian(big, shell_bonds(big, *map(exchange, J)))
    neighbours = (6, 6, 6, 12)
    expected = -0.5 * np.dot(J, neighbours)
    for size in ((1, 1, 1), (1, 2, 1), (2, 3, 1), (6, 6, 1)):
        small = model.with_size(size)
        s = np.broadcast_to([0.6, 0.0, 0.8], (small.lattice.sites, 3))
        energy = Evaluator(small, device, np.float64, path).energies(s)[0]
        assert_allclose(energy / small.lattice.sites, expected, rtol=1e-13)


@pytest.mark.parametrize("size", [(17, 1, 1), (1, 19, 1), (34, 23, 1), (3, 1, 31), (49, 11, 1)], ids=str)
def test_the_field_is_that_of_the_formula_in_boxes_of_large_prime_edges(size, device, real):
    model = MODELS["prime_box"].with_size(size)
    s = oracle.random_textures(model, device.width + 1)
    expected = oracle.field(model, s)
    found = Evaluator(model, device, real, "fourier").field(s)
    assert_allclose(found, expected, atol=TOLERANCE[real] * np.abs(expected).max())


def test_open_edges_lose_their_bonds(device):
    """n spins in an open row have n - 1 bonds."""
    for n in (1, 2, 7):
        row = Lattice.named("chain", (n, 1, 1), periodic=(False, False, False))
        bonds = Bonds.pairs([0], [0], np.eye(3)[None], [[1, 0, 0]])
        s = np.broadcast_to([0.0, 0.0, 1.0], (n, 3))
        assert Evaluator(Hamiltonian(row, bonds), device, np.float64).energies(s)[0] == pytest.approx(1 - n)


def test_vacancies_contribute_nothing(target, real):
    """Whatever stands at a vacancy, no energy and no force depends on it, and its own force is zero."""
    model = MODELS["disordered"]
    evaluator = Evaluator(model, target, real)
    s = oracle.random_textures(model, 6)
    filled = s.copy()
    filled[:, list(model.vacancies)] = [0.0, 0.6, 0.8]
    (force, sums), (filled_force, filled_sums) = evaluated(evaluator, s), evaluated(evaluator, filled)
    assert_array_equal(filled_sums[SUM["ENERGY"]], sums[SUM["ENERGY"]])
    assert_array_equal(filled_force, force)
    assert not force[:, list(model.vacancies)].any()


def test_a_step_keeps_spins_on_the_sphere_and_vacancies_empty(target, real):
    model = MODELS["disordered"]
    evaluator = Evaluator(model, target, real)
    s = oracle.random_textures(model, target.width).astype(real)
    f = np.random.default_rng(8).normal(size=s.shape).astype(real)
    f[:, list(model.vacancies)] = 0
    step = np.linspace(0, 1, len(s)).astype(real)  # the first replica rests
    spins = evaluator.spins(s)
    arguments = (spins, evaluator.spins(f), target.array(step, real), evaluator.sites, target.chunk, len(s))
    target.launch("advance_spins", real, *arguments, blocks=evaluator.chunks, replicas=len(s))
    moved = evaluator.device.host(evaluator.textures(spins))
    free = s.astype(float) + step[:, None, None].astype(float) * f
    length = np.linalg.norm(free, axis=-1, keepdims=True)
    expected = np.divide(free, length, out=np.zeros_like(free), where=length > 0)
    assert_allclose(moved, expected, atol=TOLERANCE[real])
    assert_array_equal(moved[0], s[0])
    assert not moved[:, list(model.vacancies)].any()


# -- choice of path --------------------------------------------------------------------------------------------------


def test_an_unknown_path_is_refused(device):
    with pytest.raises(ValueError, match="fft"):
        Evaluator(square_bloch(), device, path="fft")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["disordered", "open_film", "open_chain", "icosahedron"])
def test_no_convolution_where_cells_differ_or_edges_are_open(device, name):
    with pytest.raises(ValueError, match="no Fourier path"):
        Evaluator(MODELS[name], device, path="fourier")
    assert choose_path(MODELS[name], device) == "direct"


def test_long_lists_take_the_convolution_and_short_ones_do_not(device):
    lattice = Lattice.named("square", (32, 32, 1))
    assert choose_path(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))), device) == "direct"
    assert choose_path(Hamiltonian(lattice, shell_bonds(lattice, *[exchange(0.1)] * 40)), device) == "fourier"


def test_a_cpu_keeps_lists_of_isotropic_couplings_for_longer():
    """They cost less than others there; on a GPU they cost the same."""
    lattice = Lattice.named("square", (32, 32, 1))
    plain, chiral = (Hamiltonian(lattice, shell_bonds(lattice, *[c] * 6)) for c in (exchange(0.1), bloch(0.1, 0.05)))
    assert cost(plain, Cpu).direct < cost(chiral, Cpu).direct
    assert (choose_path(plain, Cpu), choose_path(chiral, Cpu)) == ("direct", "fourier")
    assert cost(plain, Cuda).direct == cost(chiral, Cuda).direct


# -- threads and instruction sets ------------------------------------------------------------------------------------

EVERYTHING = """
import sys
import numpy as np, oracle
from models import MODELS
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import cost
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.relax import relax
from magsearch.relaxation.velocity_projection import VelocityProjection
found = {}
for name, model in MODELS.items():
    s = oracle.random_textures(model, 20)
    for real in (np.float32, np.float64):
        for path in ("direct", "fourier"):
            if path == "direct" or np.isfinite(cost(model, Cpu()).fourier):
                evaluator = Evaluator(model, Cpu(), real, path)
                key = f"{name} {np.dtype(real).name} {path}"
                found[key + " sums"], found[key + " field"] = evaluator.sums(s), evaluator.field(s)
                for kind in (LBFGS, BarzilaiBorwein, Fire, VelocityProjection):  # a few steps: rounding grows later
                    found[f"{key} {kind.__name__}"] = relax(kind(Convergence(0.0, 4, None)), evaluator, s).textures
np.savez(sys.argv[1], **found)
"""


def everything(where: Path, **environment: str) -> dict[str, np.ndarray]:
    """Sums, fields and relaxed textures of all models, from a fresh interpreter."""
    search = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    variables = os.environ | {"PYTHONPATH": search} | environment
    subprocess.run([sys.executable, "-c", EVERYTHING, where], env=variables, check=True, timeout=120)
    with np.load(where) as file:
        return dict(file)


@pytest.fixture(scope="module")
def one_thread(tmp_path_factory) -> dict[str, np.ndarray]:
    return everything(tmp_path_factory.mktemp("threads") / "one.npz", OMP_NUM_THREADS="1")


def test_number_of_threads_does_not_change_a_bit(one_thread, tmp_path):
    two_threads = everything(tmp_path / "two.npz", OMP_NUM_THREADS="2")
    assert one_thread.keys() == two_threads.keys()
    for key, values in one_thread.items():
        assert_array_equal(two_threads[key], values, err_msg=key)


@pytest.mark.parametrize("instruction_set", ["baseline", "avx2", "avx512"])
def test_instruction_sets_agree(one_thread, tmp_path, instruction_set):
    levels = ["baseline", "avx2", "avx512"]
    if levels.index(instruction_set) > levels.index(Cpu().instruction_set):
        pytest.skip(f"this processor has no {instruction_set}")
    there = everything(tmp_path / "there.npz", OMP_NUM_THREADS="1", MAGSEARCH_ISA=instruction_set)
    for key, values in one_thread.items():
        tolerance = 1e-5 if "float32" in key else 1e-12
        tolerance *= 1 if key.endswith(("field", "sums")) else 100
        scale = np.abs(values).max(axis=1 if key.endswith("sums") else None, keepdims=True)
        assert (np.abs(there[key] - values) <= tolerance * scale).all(), key
