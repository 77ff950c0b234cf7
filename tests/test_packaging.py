"""Recipes, citation and pyproject.toml agree on the version, the licence and the dependencies."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
pytestmark = pytest.mark.skipif(not PACKAGING.exists(), reason="the recipes are not installed")
DEPENDENCY = re.compile(r"([A-Za-z][\w-]*)(?:\[\w+\])?>=([\d.]+)")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def dependencies(project) -> dict[str, str]:
    """Oldest version of every run-time dependency."""
    return dict(DEPENDENCY.fullmatch(one).groups() for one in project["dependencies"])


def test_every_recipe_has_the_version_of_the_project(project):
    version = re.escape(project["version"])
    for name, pattern in {
        "CITATION.cff": rf"^version: {version}$",
        "packaging/conda-forge/recipe.yaml": rf'^  version: "{version}"$',
        "packaging/spack/packages/py_magsearch/package.py": rf'^    version\("{version}"',
        f"packaging/easybuild/magsearch-{project['version']}-foss-2025b.eb": rf"^version = '{version}'$",
        "packaging/containers/Dockerfile": rf"magsearch:{version} \.$",
        "packaging/containers/magsearch-cpu.def": rf"image\.version {version}$",
        "packaging/containers/magsearch-cuda.def": rf"image\.version {version}$",
    }.items():
        assert re.search(pattern, (ROOT / name).read_text(), re.MULTILINE), name
    assert json.loads((ROOT / "codemeta.json").read_text())["version"] == project["version"]


def test_every_recipe_has_the_licence_of_the_project(project):
    for name in ("CITATION.cff", "codemeta.json", *(str(p) for p in PACKAGING.rglob("recipe.yaml"))):
        assert project["license"] in (ROOT / name).read_text(), name


def test_conda_needs_what_the_project_needs(dependencies):
    recipe = (PACKAGING / "conda-forge" / "recipe.yaml").read_text()
    run = re.search(r"^  run:\n((?:    - .*\n)+)", recipe, re.MULTILINE)[1]
    found = dict(re.findall(r"- ([\w-]+) >=([\d.]+)", run))
    assert found.pop("python") == "3.11"
    found["matplotlib"] = found.pop("matplotlib-base")
    assert found == dependencies


def test_spack_needs_what_the_project_needs(project, dependencies):
    package = (PACKAGING / "spack" / "packages" / "py_magsearch" / "package.py").read_text()
    found = dict(re.findall(r'depends_on\("py-([\w-]+)@([\d.]+):"', package))
    assert dependencies.items() <= found.items()
    for extra in ("mpi", "sdp", "refine", "structure", "report", "view"):
        for wanted in project["optional-dependencies"][extra]:
            name, version = DEPENDENCY.fullmatch(wanted).groups()
            assert found[name.lower()] == version, extra


def test_conda_knows_the_versions_of_the_extras(project):
    recipe = (PACKAGING / "conda-forge" / "recipe.yaml").read_text()
    found = dict(re.findall(r"- ([\w-]+) >=([\d.]+)", recipe.partition("run_constraints:")[2]))
    for extra in ("mpi", "sdp", "refine", "data", "structure", "report", "view"):
        for wanted in project["optional-dependencies"][extra]:
            name, version = DEPENDENCY.fullmatch(wanted).groups()
            assert found[name.lower()] == version, extra


def test_extras_that_pages_and_messages_name_exist(project):
    sources = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("magsearch/**/*.py")]
    named = {
        extra
        for path in sources
        for extras in re.findall(r"(?:magsearch|pip install '?\.)\[([a-z0-9,]+)\]", path.read_text())
        for extra in extras.split(",")
    }
    table = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "docs" / "install.md").read_text(), re.MULTILINE)
    named |= set(re.findall(r"\w+", " ".join(table)))
    assert {"structure", "cuda13"} <= named <= set(project["optional-dependencies"])


def test_codemeta_lists_the_dependencies(dependencies):
    assert set(json.loads((ROOT / "codemeta.json").read_text())["softwareRequirements"]) == set(dependencies)


def test_containers_install_extras_that_exist(project):
    for path in (PACKAGING / "containers").iterdir():
        for extras in re.findall(r"(?:EXTRAS=|/source\[)([a-z0-9,]+)", path.read_text()):
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), path.name


@pytest.mark.parametrize("name", ["magsearch-cpu.def", "magsearch-cuda.def"])
def test_an_apptainer_image_copies_what_the_build_reads(name, project):
    copied = re.findall(r"^    (\S+) /source/\1$", (PACKAGING / "containers" / name).read_text(), re.MULTILINE)
    installed = re.findall(r"DIRECTORY (\S+) DESTINATION", (ROOT / "CMakeLists.txt").read_text())
    compiled = re.findall(r"CMAKE_SOURCE_DIR}/(\w+)/", (ROOT / "CMakeLists.txt").read_text())
    needed = {"pyproject.toml", "CMakeLists.txt", project["readme"], *project["license-files"], "magsearch"}
    assert needed | {path.split("/")[0] for path in (*installed, *compiled)} == set(copied)


def test_a_wheel_has_kernels_for_the_instruction_sets_that_the_processor_may_choose():
    from magsearch.engine.cpu import INSTRUCTION_SETS

    built = re.findall(r"^ *add_kernels\((\w+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert tuple(built) == INSTRUCTION_SETS
    listed = re.search(r"\[(.*)\] if platform", (PACKAGING / "smoke.py").read_text())[1]
    assert tuple(re.findall(r'"(\w+)"', listed)) == INSTRUCTION_SETS
