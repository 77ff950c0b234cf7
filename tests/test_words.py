"""Phrases that are not used: readers of physics codes know other words for them. Each has the words to use instead.

All text that a user or a developer reads is searched: pages, docstrings, comments, messages, kernels, inputs, scripts.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from magsearch.formatting import counted

ROOT = Path(__file__).parent.parent
PLACES = (
    "*.md", "Makefile", "CMakeLists.txt", "pyproject.toml", "docs/**/*.md", "docs/**/*.py", "packaging/**/*",
    "benchmarks/**/*.md", "benchmarks/**/*.py", "benchmarks/**/*.f90", "examples/*", "examples/slurm/*", "inputs/**/*",
    "kernels/*", "magsearch/**/*.py", "tests/*.py",
)  # fmt: skip
FILES = sorted({p for place in PLACES for p in ROOT.glob(place) if p.is_file() and p != Path(__file__)})
pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the sources are not installed")

PHRASES = {
    r"\b(chang|var)(e|y|es|ies|ied|ed) no more\b": "no longer changes, no longer vary",
    r"\b(go|goes|going|went|gone) on\b": "resume, continue",
    r"\bto be touched\b": "interactive",
    r"\bsuits? the couplings\b|\b(right|best) (cell|box)(es)?\b": "commensurate supercell, supercell search",
    r"\bkernel texts?\b|\bone text\b|\bkernels' text\b": "kernel source",
    r"\b(as|are|the|keep) lanes\b": "vectorised over replicas",
    r"\b(stands?|standing) beside\b": "reports",
    r"\bpush(ed|es)? (it |them |saddles? |the saddle )?off\b": "displaced along the unstable mode",
    r"\bturns? of all spins\b|\bturns? by any angle\b|\bturn(s|ed)? all spins\b": "global spin rotation",
    r"\bone order\b": "fixed order",
    r"\bto the bit\b|\bbit for bit\b|\b(same|other) bits\b|\bno bit depends\b": "bitwise identical",
    r"\bas dear\b": "costs ... times as much",
    r"\b(com(e|es|ing)|came) to rest\b": "converges",
    r"\brest(s|ed|ing)? early\b|\bearly rest\b": "relaxed loosely",
    r"\b(closely relaxed|relax(ed|es)? (\w+ )?closely|clos(e|er) relaxations?)\b": "tightly converged",
    r"\bpress(es)? on a point\b": "clicking a point",
    r"\bof everything random\b": "random seed",
    r"\bat the most\b": "at most, maximum",
    r"\bas the clock has it\b|\bby the clock\b|\bon the clock\b": "by wall time",
    r"\b(hear|hears|heard|hearing)\b": "receive",
    r"\bone look\b|\btwo looks\b|\bnext look\b": "polling interval",
    r"\bno texture of (this|the) box\b": "lower bound",
    r"\bfinds? no place\b": "ignored",
    r"\bcheckpoint before is\b|\bthe one before is\b": "the previous checkpoint",
    r"\bleads? nowhere\b|\bto change something in\b": "unknown key X; did you mean Y?",
    r"\bis no (picture|plane|model|key|format|texture|vector|file|lattice|table|number|run|scan|unit)\b": "invalid",
    r"\bsays no format\b": "cannot infer the format",
    r"\bmean(s|ing)? nothing\b": "undefined",
    r"\bluggage\b|\b(?-i:News|Alarms?|Mail)\b": "status, interrupts, migrants, packed candidates",
    r"\b(is|are|was|were|be|been) told\b": "signalled, reports",
    r"\b(taking|take) part\b": "contributing, contribute",
}
KERNELS = ("scatter", "fold", "curve", "incline", "glide", "recur", "visit")  # mean something else in HPC
PATTERNS = {re.compile(phrase, re.IGNORECASE): better for phrase, better in PHRASES.items()}
ANY = re.compile(rf"\b(?:{'|'.join(PHRASES)})", re.IGNORECASE)  # five times faster than one by one


def running(text: str) -> str:
    """Text without line breaks, indentation and the marks of comments, so that a phrase is found across lines."""
    return re.sub(r"[ \t]*\n[ \t]*(?:#:?|//|\*|!)?[ \t]*", " ", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_phrases_are_not_used(path):
    text = running(path.read_text(errors="replace"))
    if ANY.search(text) is None:
        return
    hits = [
        f"'{text[max(0, found.start() - 30) : found.end() + 30]}': {better}"
        for pattern, better in PATTERNS.items()
        for found in pattern.finditer(text)
    ]
    pytest.fail("\n".join(hits))


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.suffix == ".py" and p.is_relative_to(ROOT / "magsearch")],
    ids=lambda path: str(path.relative_to(ROOT)),
)  # fmt: skip
def test_docstrings_begin_with_their_subject(path):
    """Understood without the name above it: 'What', 'Of' and 'The same' refer to what help() does not show."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, kinds) and (words := ast.get_docstring(node)):
            assert not re.match(r"(What|Of|The same|How|Who|Whose)\b", words), f"{getattr(node, 'name', '')}: {words}"


def test_kernels_have_names_that_mean_what_they_do():
    for path in (ROOT / "kernels").glob("*.cuh"):
        for name in KERNELS:
            assert not re.search(rf"\bKERNEL\b[^;{{(]*\b{name}\s*\(", path.read_text()), f"{path.name}: {name}"


@pytest.mark.parametrize("phrase", ["The run goes on", "at\n    # the most", "Alarms", "comes to rest", "hears from"])
def test_a_phrase_is_found(phrase):
    assert ANY.search(running(phrase))
    assert any(pattern.search(running(phrase)) for pattern in PATTERNS)


@pytest.mark.parametrize("phrase", ["once upon", "alarms are", "mailing", "gone only", "at most", "news"])
def test_other_words_are_not(phrase):
    assert not ANY.search(running(phrase))


def _counts(node: ast.expr) -> bool:
    """Whether an expression is a number of things."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.BinOp) and (_counts(node.left) or _counts(node.right))
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in ("len", "sum", "count") or (name == "int" and _counts(node.args[0]))


SEVERAL = {  # where there are always several, and a noun of one form
    "notes in all", "frames, of which", "blocks with atoms", "species", "columns'"
}  # fmt: skip


def test_one_thing_is_written_in_the_singular():
    """What counts things in a message leaves the noun to ``counted``; 'n of m things' may stay as it is."""
    found, plural = [], re.compile(r" ((?!as\b|is\b|was\b|has\b)[a-z]+s\b.*)", re.DOTALL)
    for path in sorted((ROOT / "magsearch").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            values = node.values if isinstance(node, ast.JoinedStr) else []
            for before, number, after in zip([None, *values], values, values[1:], strict=False):
                share = isinstance(before, ast.Constant) and str(before.value).endswith(" of ")
                if share or not isinstance(number, ast.FormattedValue) or not isinstance(after, ast.Constant):
                    continue
                noun = plural.match(str(after.value))
                if noun and _counts(number.value) and not any(noun[1].startswith(one) for one in SEVERAL):
                    found.append(f"{path.relative_to(ROOT)}:{number.lineno}: {noun[1]}")
    assert not found, "use magsearch.formatting.counted:\n" + "\n".join(found)


def test_numbers_agree_with_their_nouns_and_verbs():
    assert counted(1, "pair", "are") == "1 pair is"
    assert counted(2, "pair", "are") == "2 pairs are"
    assert counted(0, "axis") == "0 axes"
    assert counted(1, "atom without spin", "lie") == "1 atom without spin lies"
    assert counted(3, "row of the table", "have") == "3 rows of the table have"
