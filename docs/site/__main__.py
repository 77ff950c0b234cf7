"""Build the documentation site: python docs/site [folder], by default build/site.

The pages of docs/ are copied with the same relative places, so that their links hold; the tutorials are run, the
reference is generated, and Sphinx makes HTML of them. Warnings and broken links are errors.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path

import links
import reference
import tutorials
from sphinx.cmd.build import main as sphinx

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COPIED = (
    "docs",
    "benchmarks/RESULTS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "inputs",
    "examples",
    "packaging",
)
FOLDER = re.compile(r"(\]\()([./\w-]+?)/?(\))")


def assemble(pages: Path) -> None:
    """Copy and generate the sources of all pages."""
    shutil.rmtree(pages, ignore_errors=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, pages / name, ignore=shutil.ignore_patterns("__pycache__", "*.md~"))
        else:
            (pages / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, pages / name)
    shutil.copy2(HERE / "index.md", pages / "index.md")
    (pages / "docs" / "options.md").write_text(reference.commands())
    (pages / "docs" / "api.md").write_text(reference.api())
    for folder, title in (("inputs", "Inputs"), ("examples/slurm", "Slurm scripts")):
        (pages / folder / "index.md").write_text(listing(pages / folder, title))
    tutorials.build(ROOT, pages / "examples")
    for page in pages.rglob("*.md"):
        page.write_text(linked(page, pages))


def linked(page: Path, pages: Path) -> str:
    """Return the text of a page with links that hold in the site."""
    return FOLDER.sub(lambda link: link[1] + resolved(page, link[2], pages) + link[3], page.read_text())


def resolved(page: Path, link: str, pages: Path) -> str:
    """Return a link of a page; folders are replaced by their index, files of the repository are copied and linked."""
    target = (page.parent / link).resolve()
    if (target / "index.md").exists():
        return f"{link}/index.md"
    source = ROOT / target.relative_to(pages.resolve()) if target.is_relative_to(pages.resolve()) else None
    if source and source.is_file() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    return link


def listing(folder: Path, title: str) -> str:
    """Return a page with all text files of a folder."""
    text = [f"# {title}"]
    for path in sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in (".toml", ".sh", ".dat")
    ):
        language = {".toml": "toml", ".sh": "bash"}.get(path.suffix, "text")
        text += [f"## {path.relative_to(folder)}", f"```{language}\n{path.read_text().rstrip()}\n```"]
    return "\n\n".join(text) + "\n"


def main(out: Path) -> int:
    """Build the site into a folder and return the exit code."""
    start, pages = time.monotonic(), ROOT / "build" / "pages"
    assemble(pages)
    if (out / "searchindex.js").exists():  # a site of an earlier build, which may have other pages
        shutil.rmtree(out)
    strict = ("--fail-on-warning", "--keep-going", "--fresh-env")
    code = sphinx(["-c", str(HERE), *strict, "--jobs", "auto", "-q", str(pages), str(out)])
    wrong = [] if code else links.broken(out)
    print(
        "\n".join(
            [*(f"broken link: {link}" for link in wrong), f"{out}/index.html in {time.monotonic() - start:.0f} s"]
        )
    )
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"))
