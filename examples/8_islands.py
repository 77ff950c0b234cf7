"""Islands on several processes.

About
    Four populations search side by side and exchange their elites around a ring. How many processes carry them changes
    how long it takes, not what comes out: the energies are the same to the last bit on one process, on two or on four.

Model
    The file named on the command line; by default inputs/square-bloch.toml, 24 x 24 cells.

Run
    mpiexec -n 4 python examples/8_islands.py [INPUT [cells]]

    From the shell: mpiexec -n 4 magsearch run inputs/square-bloch.toml --set islands.count=4

Result
    One line for each island: the best energy that it has seen. Then the champion of all.
"""

import sys
from pathlib import Path

import magsearch as ms

path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "inputs" / "square-bloch.toml"
cells = int(sys.argv[2]) if len(sys.argv) > 2 else 24

model = ms.read(path).with_size((cells, cells, 1))
result = ms.search(model, islands={"count": 4, "every": 2}, replicas=16, generations=6, progress=False)

if ms.is_first_rank():
    for island, best in enumerate(result.history["best"].min(axis=0)):
        print(f"island {island}  {best:.7f} meV per site")
    print(f"champion  {result.champion.energy_per_site.hex()} = {result.champion.energy_per_site}")
