"""Blocks of the pages that are no commands of magsearch: tables are read, and other programs are known.

test_pages.py runs the commands of magsearch and the blocks of Python.
"""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest
from pages import PAGES, ROOT, SITE, blocks, other_programs
from small_files.structures import CIF

from magsearch import config

pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the docs are not installed")

MARKDOWN = [page for page in PAGES if page.suffix == ".md"]
MODEL = """\
[model]
lattice = "square"
size = [4, 4, 1]

[[model.exchange]]
J = 1.0

[[model.dmi]]
D = 0.1
direction = "bloch"

"""  # of a page that shows other tables

OUTPUT = {  # indented lines that look like a command: what magsearch prints, and tables
    "sums float64 [chunk, quantity, replica]",
    "state float64 [row, replica] what a minimiser remembers of each replica (kernels/rules.cuh)",
    "layout 16 islands on 8 ranks and 2 nodes",
    "rank 0 on node1: islands 0 to 1, cuda:0 (NVIDIA H100)",
    "minimum above (meV) charge phase barrier (meV) to lifetime, 30 K lifetime, 60 K",
    "susceptibility N (<m^2> - <m>^2) / kT",
}
NOT_RUN = {  # why: commands of other programs that no test runs
    "installs from an index of packages, which is not ours": [
        r"(?:pip|uv pip|apt-get) (?:install|download) .*", r"pip install --no-cache-dir", r"pip install \.",
        r"uv pip install",
    ],
    "measures for minutes or hours; its options are compared with its source": [
        r".*\bpython benchmarks/.*", r"python tests/(?:damage|soak)\.py .*",
    ],
    "runs tests that `make test` runs": [r"pytest (?:--durations|tests/).*"],
    "builds or tests everything: its target is in the Makefile": [r"make .*"],
    "draws a committed picture: `make docs`": [r"python docs/architecture\.py"],
    "needs Slurm: examples/slurm run in test_slurm.py": [
        r"sbatch --nodes=1 --ntasks-per-node=2 --cpus-per-task=1 --gpus-per-node=0 --time=00:02:00 --signal=USR1@75 "
        r"islands\.sh model\.toml run\.h5",
        r"srun --mpi=list", r"srun --kill-on-bad-exit", r"mkdir -p /run/munge /tmp/slurm/state /tmp/slurm/spool && .*",
        r"su munge -s /bin/sh -c /usr/sbin/munged; slurmctld; slurmd; sinfo",
    ],
    "belongs to a script whose magsearch lines are run": [
        r"trap 'kill -TERM \$!; wait \$!; scontrol requeue \$SLURM_JOB_ID' TERM", r"wait \$!",
    ],
    "stands for any script; test_examples.py runs example 8 in two processes": [
        r"mpiexec -n [48]", r"mpiexec -n 8 python -m mpi4py script\.py",
    ],
    "needs a GPU": [r"nvidia-cuda-mps-control -d", r"echo quit \| nvidia-cuda-mps-control"],
    "needs conda": [
        r"rattler-build build --recipe packaging/conda-forge/recipe\.yaml",
        r"conda create -n magsearch -c \./output -c conda-forge magsearch cupy mpi4py openmpi",
        r'source "\$\(conda info --base\)/etc/profile\.d/conda\.sh"', r"conda activate magsearch",
    ],
    "needs Spack": [
        r"spack repo add packaging/spack", r"spack env create magsearch && spack env activate magsearch",
        r"spack add py-magsearch \+mpi", r'spack develop --path "\$PWD" py-magsearch@[\d.]+', r"spack install",
        r"spack env activate magsearch",
    ],
    "needs EasyBuild": [
        r'eb packaging/easybuild/\S+ --robot --sourcepath "\$PWD/dist:\$HOME/\.local/easybuild/sources"',
        r"module load magsearch/[\w.-]+", r"eb --dry-run --robot",
    ],
    "needs Docker or Apptainer": [
        r"docker build -f packaging/containers/Dockerfile .*", r"apptainer build \S+ packaging/containers/\S+",
        r"apptainer test magsearch-cpu\.sif", r"apptainer run magsearch-cuda\.sif",
    ],
    "needs tools of a release; packaging/wheel.py builds and tests": [
        r"python -m build --sdist", r"pipx run cibuildwheel --platform linux --archs (?:x86_64|aarch64)",
        r"twine (?:check --strict|upload)", r'git tag -a v[\d.]+ -m "magsearch [\d.]+"',
    ],
    "an environment of the reader's": [r"source ~/magsearch/bin/activate"],
}  # fmt: skip
KNOWN = [pattern for patterns in NOT_RUN.values() for pattern in patterns]
FOUND = sorted({(page.name, line) for page in MARKDOWN for line in other_programs(page)})


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_commands_that_nothing_runs_are_listed_with_their_reasons(page):
    shown = set(other_programs(page)) - OUTPUT
    assert [line for line in shown if not any(re.fullmatch(pattern, line) for pattern in KNOWN)] == []


def test_every_reason_has_its_commands():
    lines = {line for _, line in FOUND}
    assert lines >= OUTPUT
    assert [pattern for pattern in KNOWN if not any(re.fullmatch(pattern, line) for line in lines)] == []


def test_other_programs_are_found_in_code_and_in_sentences(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Say `docker ps -a` or `E = 1`.\n\n    new-tool --yes   # now\n    E = - J s\n    magsearch info model.toml\n\n"
        "```bash\nA=1 other \\\n    word\n```\n\n```text\nno program\n```\n"
    )
    assert sorted(other_programs(page)) == ["A=1 other word", "docker ps -a", "new-tool --yes"]


@pytest.mark.parametrize(("page", "line"), [pair for pair in FOUND if pair[1].startswith("make ")])
def test_targets_of_make_exist(page, line):
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert set(line.split()[1:]) <= set(targets)


@pytest.mark.parametrize(
    ("page", "line"), [pair for pair in FOUND if re.search(r"\b(?:benchmarks|tests|packaging|docs)/", pair[1])]
)
def test_files_and_options_that_a_command_names_exist(page, line):
    words = shlex.split(line)
    named = next(word for word in words if re.match(r"(?:benchmarks|tests|packaging|docs)/", word))
    place = ROOT / named
    assert place.exists()
    if "python" in words:
        source = "".join(part.read_text() for part in ([place] if place.is_file() else place.glob("*.py")))
        options = [word.strip("[") for word in words[words.index(named) :] if re.match(r"\[?--", word)]
        taken = [rf'"{name}"|\b{name[2:].replace("-", "_")}: \w' for name in options]
        assert [name for name, pattern in zip(options, taken, strict=True) if not re.search(pattern, source)] == []
    if "-k" in words:
        assert words[words.index("-k") + 1] in "".join(re.findall(r"def test_(\w+)", place.read_text()))


TABLES = [
    pytest.param(text, id=f"{page.stem}-{k}")
    for page in MARKDOWN
    for k, (language, text) in enumerate(blocks(page))
    if language == "toml"
]


@pytest.mark.parametrize("text", TABLES)
def test_tables_of_a_page_are_an_input(text, tmp_path):
    if "structure =" in text:
        pytest.importorskip("ase")
        (tmp_path / "FeI2.cif").write_text(CIF)
    path = tmp_path / "model.toml"
    path.write_text(text if "model" in tomllib.loads(text) else MODEL + text)
    assert config.read(path).hamiltonian.lattice.sites > 1


def test_every_language_of_a_block_is_known():
    """toml is read here, bash and python are run in test_pages.py; Sunny is not here."""
    languages = {(page.name, language) for page in MARKDOWN for language, _ in blocks(page)}
    assert {language for _, language in languages} == {"toml", "bash", "python", "julia", "{toctree}"}
    assert {name for name, language in languages if language == "julia"} == {"from-sunny.md"}
