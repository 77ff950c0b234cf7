"""Islands on several processes.

About
    Four populations search side by side and exchange their elites around a ring. How many processes carry them changes
    how long it takes, not what comes out: the energies are the same to the last bit on one process, on two or on four.

Model
    The file named on the command line; by default inputs/square-bloch.toml, 24 x 24 cells.

Run
    mpiexec -n 4 python examples/8_islands.py [inputs/square-bloch.toml [cells]]

    The same from the shell: mpiexec -n 4 magsearch run inputs/square-bloch.toml --set islands.count=4

Result
    One line for each island: the best energy that it has seen. Then the champion of all.
"""

import sys

import magsearch as ms

path = sys.argv[1] if len(sys.argv) > 1 else "inputs/square-bloch.toml"
cells = int(sys.argv[2]) if len(sys.argv) > 2 else 24

ranks = ms.launched()
hamiltonian = ms.read(path).with_size((cells, cells, 1))
islands = [ms.GeneticTunneling(replicas=16, seed=1)] * 4
search = ms.Archipelago(
    hamiltonian, ms.choose("auto"), islands, ms.Exchange(ms.Ring(), every=2), ms.Stop(generations=6), ranks=ranks
)
for _ in search.run():
    pass

if ranks.rank == 0:
    for island, best in enumerate(search.history["best"].min(axis=0)):
        print(f"island {island}  {best:.7f} meV per site")
    print(
        f"champion  {(search.champion.energy / hamiltonian.n_spins).hex()} = {search.champion.energy / hamiltonian.n_spins}"
    )
ranks.settle()
