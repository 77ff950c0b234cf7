"""Provenance of runs and scans: version, device, command, and the input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import h5py

from magsearch.search.stopping import UNKNOWN, Reason, Stored
from magsearch.storage.files import SCHEMA, checked, unicode
from magsearch.storage.validation import table

WORDS = ("created", "device", "command")  # attributes; as the fields of a record


@dataclass(frozen=True, eq=False, kw_only=True)
class Provenance:
    """Where the content of a file comes from.

    input_path   as it was given
    input_text   of the input, with which it can be repeated
    settings     tables of the input with all defaults
    device       that computed it, for people
    created      date and time, ISO 8601
    version      of magsearch
    command      that began it, and those that resumed it
    stopped      why it ended; None while it is under way
    seconds      wall time so far
    """

    input_path: str
    input_text: str
    settings: dict[str, Any]
    device: str
    created: str
    version: str
    command: str
    stopped: Reason | None = None
    seconds: float = 0.0


def write(file: h5py.File, record: Provenance) -> None:
    """Write the attributes of a file and /config."""
    file.attrs.update(schema=SCHEMA, magsearch=record.version, seconds=record.seconds)
    file.attrs.update({name: unicode(getattr(record, name)) for name in WORDS})
    write_reason(file.attrs, record.stopped)
    config = file.create_group("config")
    config.attrs["input"] = unicode(record.input_path)
    config["text"], config["settings"] = unicode(record.input_text), json.dumps(record.settings)


def read(file: h5py.File) -> dict[str, Any]:
    """Return the provenance in a file as fields of a record."""
    attrs, config = file.attrs, checked(file, "config")
    return {
        "version": str(attrs["magsearch"]),
        "seconds": float(attrs["seconds"]),
        **{name: str(attrs[name]) for name in WORDS},
        "stopped": read_reason(attrs),
        "input_path": str(config.attrs["input"]),
        "input_text": config["text"][()].decode(),
        "settings": settings(config["settings"][()]),
    }


def settings(text: Any) -> dict[str, Any]:
    """Return the tables of settings that a JSON text holds. Raises ValueError for anything else."""
    found = table(text)
    wrong = next((name for name, one in found.items() if not isinstance(one, dict | None)), None)
    if wrong is not None:
        raise ValueError(f"the settings of {wrong} are not a table")
    return found


def write_reason(attrs: h5py.AttributeManager, stopped: Reason | None) -> None:
    """Write why a run or scan ended: ``stopped``, for people, and ``stop_code``; both empty while it is under way."""
    attrs.update(stopped=str(stopped) if stopped else "", stop_code=stopped.code if stopped else "")


def read_reason(attrs: h5py.AttributeManager) -> Reason | None:
    """Return why a run or scan ended; None while it is under way. Files of early versions hold no code."""
    sentence = str(attrs["stopped"])
    code = str(attrs["stop_code"]) if "stop_code" in attrs else UNKNOWN if sentence else ""
    return Stored(sentence, code) if code else None
