"""The band in which the minima of a glass lie.

About
    Relaxations of a spin glass end in whichever minimum is near. In the spherical glass the energies per site of these
    minima form a band, which narrows with size (Choromanska et al., AISTATS 2015). So they do in a glass of vectors.

Model
    Sherrington and Kirkpatrick's glass of three-component spins: all pairs of N spins coupled, J normal with variance
    1 / N (meV). Sixteen instances of each size, 64 relaxations of each from random spins in one batch. No energy per
    site is below -lambda / 2, lambda the largest eigenvalue of J, which tends to 2 (Wigner). With a multiplier for
    every spin instead of one for all, the bound is higher (docs/theory.md).

Run
    python examples/9_spin_glass.py [largest N] [picture.png]

Result
    For each N: mean energy per site of the minima, their spread within an instance and over all of them, means over the
    instances of the best minimum and of both bounds, and how many best minima reach their bound: proven ground states.
    The last line is the power of N with which the band narrows. That of Ising ground states is put at -3/4 (Bouchaud et
    al., Phys. Rev. B 68, 224404 (2003)) and -5/6 (Aspelmeier et al., J. Phys. A 41, 324008 (2008)).
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import magsearch as ms
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.randomness import Consumer, key, stream
from magsearch.thermal.heat_bath import random_textures

INSTANCES, REPLICAS = 16, 64
most = int(sys.argv[1]) if len(sys.argv) > 1 else 256
sizes = [32 * 2**k for k in range(10) if 32 * 2**k <= most]
device, closely = ms.choose("auto"), ms.LBFGS(ms.Convergence(steps=10000, variance=None))


def glass(N: int, number: int) -> tuple[ms.Hamiltonian, float]:
    """One instance, and the largest eigenvalue of its J."""
    i, j = np.triu_indices(N, 1)
    J = np.zeros((N, N))
    J[i, j] = J[j, i] = stream(number, Consumer.START, island=N).normal(scale=N**-0.5, size=len(i))
    bonds = ms.Bonds.pairs(i, j, ms.exchange_matrix(J[i, j]))
    sites = ms.Lattice.cluster(np.outer(np.arange(N), (1.0, 0.0, 0.0)))  # where they are does not matter
    return ms.Hamiltonian(sites, ms.Bonds.none(), site_bonds=bonds), np.linalg.eigvalsh(J)[-1]


energies, rows = [], []
print("   N     mean   within  overall     best  -lambda/2     bound  proven")
for N in sizes:
    for number in range(INSTANCES):
        hamiltonian, largest = glass(N, number)
        single, double = (ms.Evaluator(hamiltonian, device, real) for real in (np.float32, np.float64))
        found = ms.relax(closely, single, random_textures(single, REPLICAS, key(number, Consumer.START)))
        best = ms.relax(closely, double, found.textures[found.energy.argmin()]).energy[0] / N
        bound = lower_bound(hamiltonian)
        energies.append(found.energy / N)
        rows.append((energies[-1].std(), best, -largest / 2, bound.per_site, bound.reached(best)))
    band, (within, best, eigenvalue, raised, proven) = energies[-INSTANCES:], np.mean(rows[-INSTANCES:], axis=0)
    numbers = f"{np.mean(band):8.5f}  {within:.5f}  {np.std(band):.5f} {best:8.5f}   {eigenvalue:8.5f}  {raised:8.5f}"
    print(f"{N:4} {numbers}  {proven * INSTANCES:.0f} of {INSTANCES}", flush=True)
bands, floors = np.reshape(energies, (len(sizes), -1)), np.array(rows)[:, 2:4].T
print(f"the band narrows as N^{np.polyfit(np.log(sizes), np.log(bands.std(axis=1)), 1)[0]:.2f}")

if len(sys.argv) > 2:
    axes = (picture := Figure(figsize=(6, 4), layout="constrained")).add_subplot(xlabel="N", ylabel="meV per site")
    place = np.repeat(np.arange(len(sizes)), INSTANCES) + np.tile(np.linspace(-0.3, 0.3, INSTANCES), len(sizes))
    axes.plot(np.repeat(place, REPLICAS), bands.ravel(), ".", markersize=2, label="minima")
    axes.plot(place, floors[1], "_", label="bound, a multiplier for every spin")
    axes.plot(place, floors[0], "x", markersize=4, label=r"bound, $-\lambda/2$")
    axes.set_xticks(range(len(sizes)), sizes)
    axes.legend()
    picture.savefig(sys.argv[2], dpi=150)
