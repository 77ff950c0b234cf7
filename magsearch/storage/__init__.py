"""HDF5 files of runs and scans (docs/storage.md). Only this package imports h5py.

A file is written aside and renamed, so that a reader finds a complete file at any time: during a run, after it, or
after it was killed. Units and axis names are attributes.
"""

from magsearch.storage.checkpoint import write_part
from magsearch.storage.files import SCHEMA, kind_of
from magsearch.storage.magnons import store_magnons
from magsearch.storage.run import (
    Glance,
    Parts,
    Populations,
    Record,
    glance,
    in_parts,
    labelled_run,
    read,
    read_states,
    write,
)
from magsearch.storage.scan import ScanRecord, is_scan, read_scan, write_column, write_scan

__all__ = [
    "SCHEMA", "Glance", "Parts", "Populations", "Record", "ScanRecord", "glance", "in_parts", "is_scan", "kind_of",
    "labelled_run", "read", "read_scan", "read_states", "store_magnons", "write", "write_column",
    "write_part", "write_scan",
]  # fmt: skip
