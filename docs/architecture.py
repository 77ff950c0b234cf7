"""Draw the packages of magsearch and their imports: python docs/architecture.py writes docs/architecture.svg.

Layers are those of tests/test_layers.py, arrows are read from the imports. An arrow that follows from others (a package
imports one that imports the third) and all arrows to the files of the lowest layer are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from test_layers import LAYERS, SOURCES, inside, top  # noqa: E402

WIDTH, BOX, HIGH, STEP = 640, 124, 30, 66  # of the picture, of a box, from layer to layer, in pixels


def arrows() -> list[tuple[str, str]]:
    """Return the imports (package, imported package) that do not follow from others, without the lowest layer."""
    uses: dict[str, set[str]] = {}
    for name in SOURCES:
        uses.setdefault(top(name), set()).update(top(i) for i in inside(name))
    lowest = set(LAYERS[0])
    uses = {package: found - lowest - {package} for package, found in uses.items() if package not in lowest}

    def reached(package: str) -> set[str]:
        return uses[package].union(*(reached(used) for used in uses[package]))

    return sorted(
        (package, used)
        for package, found in uses.items()
        for used in found
        if not any(used in reached(between) for between in found - {used})
    )


def picture() -> str:
    """Return the picture as SVG: the command line on top, the flat files at the bottom."""
    height = STEP * len(LAYERS)
    places = {}
    for floor, layer in enumerate(LAYERS[1:], start=1):
        gap = WIDTH / len(layer)
        for k, package in enumerate(layer):
            places[package] = (gap * (k + 0.5), height - STEP * floor - STEP / 2)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'text-anchor="middle">',
        "<!-- made by docs/architecture.py -->",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#667"/></marker>',
    ]
    for package, used in arrows():
        (x, y), (to, end) = places[package], places[used]
        y, end = y + HIGH / 2, end - HIGH / 2
        bend = min(40.0, (end - y) / 2)
        lines.append(
            f'<path d="M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {to:.0f} {end - bend:.0f} {to:.0f} {end:.0f}" '
            f'fill="none" stroke="#667" marker-end="url(#tip)"><title>{package} imports {used}</title></path>'
        )
    for package, (x, y) in places.items():
        lines += [
            f'<rect x="{x - BOX / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{BOX}" height="{HIGH}" rx="4" fill="#eef3fa" '
            'stroke="#357"/>',
            f'<text x="{x:.0f}" y="{y + 5:.0f}" font-size="14">{package}</text>',
        ]
    y, files = height - STEP / 2, " · ".join(f"{file}.py" for file in LAYERS[0])
    lines += [
        f'<rect x="20" y="{y - HIGH / 2:.0f}" width="{WIDTH - 40}" height="{HIGH}" rx="4" fill="#f4f4f0" '
        'stroke="#777"/>',
        f'<text x="{WIDTH / 2:.0f}" y="{y + 4:.0f}" font-size="13">{files}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (HERE / "architecture.svg").write_text(picture())
