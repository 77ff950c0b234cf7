"""From the output of TB2J to the ground state.

About
    TB2J computes couplings from a density functional calculation and writes them to exchange.out. That file goes into
    magsearch as it is: couplings, cell and moments are in it; size and field are chosen here.

Model
    A triangular film, 5_exchange.out, made up: J = 4 meV and D = 2 meV per pair between neighbours, 3 Bohr magnetons.
    TB2J counts every ordered pair without a half, so that its file says 2 and 1 meV: the reader doubles them.

Run
    python examples/5_from_tb2j.py [cells]

    The same from the shell: magsearch run examples/5_exchange.out --set 'model.size=[16,16,1]' --set model.field=5

Result
    What the reader understood, then one line for each field: a spiral, a lattice of skyrmions (one in this box:
    charge -1), and the ferromagnet.
"""

import sys
from dataclasses import replace
from pathlib import Path

import magsearch as ms

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 16

model = ms.read(Path(__file__).with_name("5_exchange.out")).with_size((cells, cells, 1))
print(f"{model.coordination:g} couplings per site, moment {model.moments.max():g} mu_B")

for field in (0.0, 5.0, 15.0):  # tesla, along z
    champion = ms.search(replace(model, field=(0, 0, field)), replicas=16, progress=False).champion
    print(
        f"{field:4.1f} T  {champion.energy_per_site:.6f} meV per site  "
        f"charge {round(champion.charge):+d}  magnetisation {champion.magnetization[2]:+.3f}"
    )
