"""A scan over the field, from the command line to its crossings.

About
    `magsearch scan` searches the ground state in several fields, names the phases, and follows each phase's energy over
    all fields; what is left to do is to read where they cross.

Model
    The square lattice with Bloch skyrmions of inputs/square-bloch.toml: a helix, a lattice of skyrmions from about
    1.0 T on, a ferromagnet from about 3.3 T on.

Run
    magsearch scan inputs/square-bloch.toml -o out/field.h5 --set 'scan.field=[0.3,0.9,1.4,2.1,2.8,3.1,3.6]'
    python examples/4_field_scan.py out/field.h5

    On several processes: mpiexec -n 4 magsearch scan ...
    As a picture: magsearch phases out/field.h5 -o out/field.png

Result
    One line for each field: the phase, its energy per site, its topological charge, and how far the next phase lies
    above. Then the fields where phases cross, with the brackets that hold them.
"""

import sys
from pathlib import Path

import magsearch as ms
from magsearch.phases.crossings import crossings
from magsearch.scan.cut import cut_of

path = Path(sys.argv[1])
scan = ms.load(path)
cut = cut_of(scan, path, "field", None, [])

for point in cut.points:
    champion, *others = point.column.minima
    following = f"{others[0].label} {others[0].per_site - champion.per_site:.1e} above" if others else ""
    print(
        f"{point.x:5.2f} T  {champion.label:20} {champion.per_site:.6f} meV per site  "
        f"charge {round(champion.portrait.charge):+4d}  {following}"
    )
for row in cut.rows:
    for crossing in crossings(row):
        print(f"{crossing.before} -> {crossing.after} at {crossing.at:.3f} T [{crossing.low:.3f}, {crossing.high:.3f}]")
