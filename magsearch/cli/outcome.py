"""Options that ``tc`` and ``loop`` share, and the end of their work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console

from magsearch.errors import InputError
from magsearch.plots import SUFFIXES
from magsearch.runs.launch import Launch
from magsearch.runs.picture import Picture
from magsearch.search.stopping import Reason

Image = Annotated[
    Path | None,
    typer.Option("--plot", metavar="IMAGE", help="Picture: .png, .pdf or .svg. Default: beside OUT, .png."),
]
Overwrite = Annotated[bool, typer.Option(help="Replace an existing file.")]
Resumed = Annotated[
    Path | None, typer.Option("--resume", metavar="FILE.h5", help="Resume what was stopped, instead of INPUT.")
]


class Outcome(Protocol):
    """A result that is printed and drawn."""

    @property
    def progress(self) -> str:
        """Amount of work that is done, as text."""

    @property
    def record(self) -> Any:
        """Content of its file."""

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""

    def plot(self, path: Path) -> Picture:
        """Draw it."""

    def show(self, console: Console) -> None:
        """Print it."""


def expect_image(path: Path | None) -> None:
    """Raise InputError for the name of a picture of an unknown format."""
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise InputError(f"unsupported image format '{path.suffix}'; expected {', '.join(SUFFIXES)}", path)


def expect_image_free(out: Path, plot: Path | None, overwrite: bool) -> None:
    """Raise InputError if the picture beside new results would replace something, the results themselves among it.

    plot   name that was given to the picture; None: that of the results, with .png
    """
    if out.suffix.lower() in SUFFIXES:
        raise InputError("has the name of a picture; expected that of a file of results, as .h5", out)
    image = out.with_suffix(".png")
    if plot is None and image.exists() and not overwrite:
        raise InputError("exists, and the picture would replace it; --plot names another, --overwrite replaces", image)


def tell(
    launch: Launch, command: str, found: Outcome, out: Path, image: Path | None, reason: Reason, as_json: bool
) -> None:
    """Draw, print and name the file of what a command has found, or say how to resume it.

    A signal leaves no time to draw, also one that comes when all is found.

    image   None: beside ``out``
    """
    if reason.ended and launch.signals():
        launch.say(f"picture    left out: {launch.signals.name}")
    elif reason.ended:
        drawn = image or out.with_suffix(".png")
        found.plot(drawn)
        launch.say(f"picture    {drawn}")
    if as_json:
        rest = {"stopped": str(reason), "seconds": found.record.seconds, "file": str(out)}
        print(json.dumps(found.as_json() | rest, indent=1))
    elif reason.ended:
        found.show(launch.console)
    launch.say(f"stored     {out}")
    if not reason.ended:
        launch.say(f"{reason} after {found.progress}; resume with: magsearch {command} --resume {out}")
