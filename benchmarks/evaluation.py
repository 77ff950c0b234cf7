"""Site updates per second of force and energy, beside what else could be done on the same machine in the same run.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py [--device cuda] [--repeat 9]

Models: 4 bonds of exchange and DMI at 256x256 (the neighbour list), 360 bonds at 100x100 (the convolution), and 18
bonds at 64x64 with and without DMI; 64 replicas in single precision, all with easy axis and field. Peers, all in the
layout that suits them: NumPy (one shifted copy a bond), SciPy (two real FFTs and J(q)), and the time in which the
machine could stream the arrays (spins and previous force read, force written) at the bandwidth of a large copy. A site
update is the force on one spin of one replica and its share of all sums. Medians of `repeat` timings after one warm-up;
the ratio is magsearch over the peer.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import scipy.fft

import magsearch as ms
from magsearch.engine.evaluator import SUM
from magsearch.units import MU_B

REPLICAS = 64


def model(name: str, size: int, bonds: int, dmi: float = 0.2) -> ms.Hamiltonian:
    """Exchange that falls off and oscillates with distance and a Bloch DMI, on the ``bonds`` nearest neighbours."""
    lattice = ms.Lattice.named(name, (size, size, 1))
    offsets: list[list[int]] = []
    for shell in lattice.shells(60):
        if len(offsets) < bonds:
            offsets += shell.offset.tolist()
    offset = np.array(offsets)
    if len(offset) != bonds:
        raise SystemExit(f"{len(offset)} bonds in whole shells, not {bonds}")
    r = offset @ lattice.cell
    d = np.linalg.norm(r, axis=1, keepdims=True)
    J = ms.exchange_matrix((np.cos(2 * d) / d**3)[:, 0]) + ms.dmi_matrix(dmi * r / d**4)
    zero = np.zeros(bonds)
    return ms.Hamiltonian(
        lattice, ms.Bonds(zero, zero, offset, J), anisotropy=(ms.UniaxialAnisotropy(0.1),), field=(0, 0, 1)
    )


def median(task: Callable[[], object], repeat: int, finish: Callable[[], object] = lambda: None) -> float:
    task()
    finish()
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        task()
        finish()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def ours(hamiltonian: ms.Hamiltonian, textures: np.ndarray, path: str, device: str, repeat: int) -> float:
    evaluator = ms.Evaluator(hamiltonian, ms.choose(device), np.float32, path)
    spins, xp = evaluator.spins(textures), evaluator.device.xp
    force, sums = xp.zeros_like(spins), xp.empty((evaluator.chunks, len(SUM) - 1, len(textures)))
    zeeman = evaluator.zeeman(hamiltonian.field, len(textures))
    finish = (lambda: None) if device == "cpu" else xp.cuda.Device().synchronize
    return median(evaluator.evaluation(spins, zeeman, force, force, sums), repeat, finish)


def onsite(s: np.ndarray, b: np.ndarray, K: float, B: float) -> tuple[np.ndarray, np.ndarray]:
    """Energy and force of spins [replica, 3, ...] with bilinear field b."""
    energy = -0.5 * (s * b).sum(axis=1) - K * s[:, 2] ** 2 - B * s[:, 2]
    b[:, 2] += 2 * K * s[:, 2] + B
    return energy.sum(axis=(1, 2), dtype=np.float64), b - (b * s).sum(axis=1, keepdims=True) * s


def numpy_peer(hamiltonian: ms.Hamiltonian, textures: np.ndarray, repeat: int) -> float:
    _, n2, n1 = hamiltonian.lattice.grid
    s = np.ascontiguousarray(textures.reshape(-1, n2, n1, 3).transpose(0, 3, 1, 2), dtype=np.float32)
    J, offset = hamiltonian.bonds.J.astype(np.float32), hamiltonian.bonds.offset

    def evaluate() -> object:
        b = np.zeros_like(s)
        for matrix, (x, y, _) in zip(J, offset, strict=True):
            b += np.einsum("ab,rbyx->rayx", matrix, np.roll(s, (-y, -x), axis=(2, 3)), optimize=True)
        return onsite(s, b, 0.1, MU_B)

    return median(evaluate, repeat)


def scipy_peer(hamiltonian: ms.Hamiltonian, textures: np.ndarray, repeat: int) -> float:
    _, n2, n1 = hamiltonian.lattice.grid
    s = np.ascontiguousarray(textures.reshape(-1, n2, n1, 3).transpose(0, 3, 1, 2), dtype=np.float32)
    kernel = np.zeros((3, 3, n2, n1))
    x, y, _ = (hamiltonian.bonds.offset % np.array([n1, n2, 1])).T
    np.add.at(kernel.transpose(2, 3, 0, 1), (y, x), hamiltonian.bonds.J)
    modes = np.ascontiguousarray(np.conj(scipy.fft.rfft2(kernel))).astype(np.complex64)

    def evaluate() -> object:
        q = scipy.fft.rfft2(s, workers=1)
        h = np.empty_like(q)
        for a in range(3):
            h[:, a] = modes[a, 0] * q[:, 0] + modes[a, 1] * q[:, 1] + modes[a, 2] * q[:, 2]
        return onsite(s, scipy.fft.irfft2(h, s=(n2, n1), workers=1), 0.1, MU_B)

    return median(evaluate, repeat)


def stream(sites: int, device: str, repeat: int) -> float:
    """Seconds to move what an evaluation must move at the least: three arrays of spins."""
    xp = ms.choose(device).xp
    source = xp.ones(50_000_000, dtype=np.float32)
    target = xp.empty_like(source)
    finish = (lambda: None) if device == "cpu" else xp.cuda.Device().synchronize
    seconds = median(lambda: xp.copyto(target, source), repeat, finish)
    return seconds / (2 * source.nbytes) * (3 * 12 * sites * REPLICAS)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--repeat", type=int, default=9)
    given = arguments.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"device {ms.choose(given.device).description}; OMP_NUM_THREADS {threads}; peers on one CPU thread\n")
    print(f"{'model':34} {'what':22} {'M site updates/s':>17} {'magsearch / peer':>17}")
    random = np.random.default_rng(1)
    for title, size, lattice, bonds, dmi in (
        ("4 bonds, 256x256", 256, "square", 4, 0.2),
        ("360 bonds, 100x100", 100, "triangular", 360, 0.2),
        ("18 bonds, 64x64", 64, "triangular", 18, 0.2),
        ("18 bonds without DMI, 64x64", 64, "triangular", 18, 0.0),
    ):
        hamiltonian = model(lattice, size, bonds, dmi)
        textures = random.normal(size=(REPLICAS, hamiltonian.lattice.sites, 3))
        textures /= np.linalg.norm(textures, axis=-1, keepdims=True)
        updates = REPLICAS * hamiltonian.lattice.sites / 1e6
        few = textures[:8]
        rates = {
            f"magsearch, {path}": updates / ours(hamiltonian, textures, path, given.device, given.repeat)
            for path in ("direct", "fourier")
        }
        rates["NumPy"] = updates / 8 / numpy_peer(hamiltonian, few, 1 if bonds > 100 else given.repeat)
        rates["SciPy FFT"] = updates / scipy_peer(hamiltonian, textures, given.repeat)
        rates["stream bandwidth"] = updates / stream(hamiltonian.lattice.sites, given.device, given.repeat)
        best = max(rates[name] for name in rates if name.startswith("magsearch"))
        for name, rate in rates.items():
            ratio = "" if name.startswith("magsearch") else f"{best / rate:17.3g}"
            print(f"{title:34} {name:22} {rate:17.4g} {ratio}")


if __name__ == "__main__":
    main()
