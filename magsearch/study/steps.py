"""The steps of a study, each a command of magsearch that can also be given by hand in the study's folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

RUN, TC = "run.h5", "tc.h5"  # in the folder of a study


@dataclass(frozen=True)
class Step:
    """A step of a study.

    name       command of magsearch; what it prints is kept in NAME.json, or NAME.txt, and its messages in NAME.log
    arguments  of the command; {input} stands for the input file
    purpose    what it is for, in a few words
    input      whether the command reads the input, so that --set goes to it; the others read the run
    file       that the command resumes after it was stopped, if the file is there
    good       exit codes after which it is done
    prints     JSON with --json
    besides    files of other steps that it shows, where they are there
    """

    name: str
    arguments: tuple[str, ...]
    purpose: str
    input: bool = False
    file: str = ""
    good: tuple[int, ...] = (0,)
    prints: bool = True
    besides: tuple[str, ...] = ()

    def command(self, source: str, settings: Sequence[str], there: Collection[str] = ()) -> list[str]:
        """Return the arguments of magsearch.

        source    the input file
        settings  ``key=value`` of the input
        there     names of files in the folder; ``file`` is resumed, which has the settings
        """
        if self.file in there:
            command = [self.name, "--resume", self.file]
        else:
            command = [self.name, *(argument.format(input=source) for argument in self.arguments)]
            command += [word for name in self.besides if name in there for word in ("--with", name)]
            command += [word for setting in (settings if self.input else ()) for word in ("--set", setting)]
        return [*command, "--json"] if self.prints else command


STEPS = (
    Step("check", ("{input}",), "what the input leaves out, and what looks wrong", input=True, good=(0, 1)),
    Step("run", ("{input}", "-o", RUN), "search for the ground state", input=True, file=RUN),
    Step("cells", (RUN,), "supercells commensurate with the softest modes"),
    Step("bound", (RUN, "--energy", RUN), "lower bound of the energy, also of the infinite crystal"),
    Step("symmetry", (RUN,), "couplings and anisotropies that the space group allows"),
    Step(
        "export",
        (RUN, "--format", "mcif", "--format", "poscar", "--format", "xyz", "--overwrite"),
        "magnetic cell, propagation vectors and magnetic space group; files for other codes",
    ),
    Step("magnons", (RUN, "-o", "magnons.png"), "magnon bands of the ground state"),
    Step("landscape", (RUN, "-o", "landscape.png"), "barriers between the minima"),
    Step("tc", (RUN, "-o", TC), "transition temperature", file=TC),
    Step("plot", (RUN, "-o", "texture.png"), "picture of the ground state", prints=False),
    Step("report", (RUN, "-o", "report.html"), "interactive report of all results", prints=False, besides=(TC,)),
)
