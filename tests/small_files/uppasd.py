"""Small inputs of UppASD: the files of a folder by name."""

from __future__ import annotations

CHAIN = {
    "inpsd.dat": """
        simid   chain
        ncell   4 1 1                 how many cells
        BC      P 0 0
        cell    1.0 0.0 0.0
                0.0 1.0 0.0
                0.0 0.0 1.0
        alat    3.0e-10
        posfile ./posfile
        momfile ./momfile
        exchange ./jfile
    """,
    "posfile": "1 1 0.0 0.0 0.0",
    "momfile": "1 1 2.0 0.0 0.0 1.0",
    "jfile": "1 1 1.0 0.0 0.0 0.5 a comment\n1 1 -1.0 0.0 0.0 0.5",
}
HONEYCOMB = {
    "inpsd.dat": """
        ncell 6 6 1
        bc P P 0
        cell 1.0 0.0 0.0 -0.5 0.8660254 0.0 0.0 0.0 1.0
        alat 1d-10
        posfile posfile
        momfile momfile
        exchange jfile
    """,
    "posfile": "1 1 0.0 0.577350 0.0\n2 1 0.5 0.288675 0.0",
    "momfile": "1 1 1.0 0 0 1\n2 1 1.0 0 0 1",
}
