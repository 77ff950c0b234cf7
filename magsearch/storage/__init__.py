"""HDF5 files of runs and scans (docs/storage.md). Only this package imports h5py.

A file is written aside and renamed, so that whoever opens it, while the run goes on or after it was killed, finds a
complete file. Units and axis names are attributes.
"""

from magsearch.storage.checkpoint import write_part
from magsearch.storage.files import SCHEMA
from magsearch.storage.run import (
    Elite,
    Glance,
    Parts,
    Populations,
    Record,
    glance,
    in_parts,
    read,
    read_states,
    write,
)
from magsearch.storage.scan import ScanRecord, is_scan, read_scan, write_column, write_scan

__all__ = [
    "SCHEMA", "Elite", "Glance", "Parts", "Populations", "Record", "ScanRecord", "glance", "in_parts", "is_scan",
    "read", "read_scan", "read_states", "write", "write_column", "write_part", "write_scan",
]  # fmt: skip
