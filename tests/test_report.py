"""The page of a run, as a headless browser shows it, and what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import MODELS
from test_cut import FIELDS, MOMENTS, scan
from test_plots import searched
from test_storage import stored

from magsearch.lattice import Lattice

pytest.importorskip("bokeh", reason="no bokeh: pip install 'magsearch[report]'")

from magsearch import report
from magsearch.hamiltonian import Hamiltonian
from magsearch.minima import Degeneracy
from magsearch.report import page, panels
from magsearch.states import Minimum
from magsearch.storage import Record

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def record(hamiltonian: Hamiltonian, elites: int = 3, **rest: Any) -> Record:
    return stored(hamiltonian, elites, history=searched(), **rest)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Any]:
    """Open a file as a page; at the end, nothing may have been said on the console and nothing asked of the network."""
    tab = browser.new_page(viewport={"width": 1280, "height": 1500})
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))

    def opened(path: Path) -> Any:
        tab.goto(path.as_uri())
        tab.wait_for_function("Bokeh.documents.length > 0 && document.querySelectorAll('.bk-Figure').length == 3")
        tab.wait_for_timeout(300)
        return tab

    yield opened
    assert said == []
    assert [url[:60] for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    tab.close()


def test_the_slider_changes_the_picture(show, tmp_path):
    run = record(MODELS["triangular_j1_j3"])
    report.write(run, tmp_path / "report.html")
    tab = show(tmp_path / "report.html")
    texture, zone = tab.locator(".bk-Figure").nth(0), tab.locator(".bk-Figure").nth(1)
    before = texture.screenshot(), zone.screenshot()
    tab.evaluate("Bokeh.documents[0].get_model_by_name('elite').value = 2")
    tab.wait_for_timeout(300)
    after = texture.screenshot(), zone.screenshot()
    assert before[0] != after[0]
    assert before[1] != after[1]
    shown = tab.evaluate("Bokeh.documents[0].get_model_by_name('texture').title.text")
    assert shown.startswith(f"elite 2: {run.elites[2].energy / run.hamiltonian.spins:.8f} meV")
    colours = tab.evaluate("[...Bokeh.documents[0].get_model_by_name('texture').renderers[0].data_source.data.sz]")
    assert np.allclose(colours, run.elites[2].spins[:, 2], atol=1e-6)


def test_values_are_shown_under_the_pointer(show, tmp_path):
    report.write(record(MODELS["square_bloch"]), tmp_path / "report.html")
    tab = show(tmp_path / "report.html")
    box = tab.locator(".bk-Figure").nth(0).bounding_box()
    tab.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.47 * box["height"])
    tab.get_by_text("spin (x, y, z)").first.wait_for(timeout=5000)


def test_a_large_run_is_a_small_page_that_opens_at_once(show, tmp_path):
    lattice = Lattice.named("square", (100, 100, 1))
    run = record(replace(MODELS["square_bloch"], lattice=lattice), 10)
    report.write(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 10e6
    show(tmp_path / "report.html")


@pytest.mark.parametrize(
    "name", ["kagome_tensor", "cubic_easy_axes", "left_handed", "disordered", "open_chain", "icosahedron"]
)
def test_every_lattice_has_a_page(name, tmp_path):
    report.write(record(MODELS[name]), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "no lower bound was computed" in text
    assert "<script src" not in text
    assert '<link rel="stylesheet' not in text


def test_what_users_write_cannot_break_the_page(tmp_path):
    report.write(record(MODELS["square_bloch"], input_text="</pre><script>alert(1)</script>"), tmp_path / "a.html")
    assert "<script>alert" not in (tmp_path / "a.html").read_text()


def test_a_page_says_what_is_proven():
    proven = {"bound_per_site": -2.5, "gap": 0.25, "tight": False, "method": "waves", "margin": 0.0}
    assert "at most 0.25 meV per site below the champion" in page.bound(proven)
    assert "which is proven" in page.bound({**proven, "tight": True})


def test_the_table_of_elites_says_phase_and_degeneracy():
    run = record(MODELS["square_bloch"])
    counted = replace(run.elites[1], label="conical", degeneracy=Degeneracy(6, True))
    rows = page.elites(replace(run, elites=(run.elites[0], counted))).split("<tr>")
    assert all(f">{name}</th>" in rows[1] for name in ("phase", "degeneracy", "stability"))
    assert '<td class="number">6 continua</td><td>conical</td><td>saddle</td>' in rows[3]


def test_how_sure_a_champion_is_counts_generations_and_islands():
    """Energies of ``searched``: -g - island meV, so that the last generation is the best, on the second island."""
    said = page.sureness(record(MODELS["square_bloch"]))
    assert said[0] == "within 0.0001 meV per site of the best since generation 4 of 5"
    assert said[1].startswith("1 of 2 islands")


def test_of_a_plane_that_is_too_large_every_other_cell_is_shown():
    plane = Lattice.named("kagome", (120, 90, 1))
    thin, sites, words = panels._thinned(plane)
    assert thin.sites == len(sites) <= panels.CELLS
    assert np.allclose(thin.positions - thin.basis[0], plane.positions[sites] - plane.basis[0], atol=1e-9)
    assert words


def test_a_run_without_elites_has_no_page_yet(tmp_path):
    with pytest.raises(ValueError, match="no elites yet"):
        report.write(record(MODELS["square_bloch"], 0), tmp_path / "a.html")


@pytest.mark.parametrize("axes", [{"fields": FIELDS}, {"fields": FIELDS, "moments": MOMENTS}])
def test_the_page_of_a_scan_shows_phases_crossings_and_the_texture_of_every_point(axes, show, tmp_path):
    """The energies of test_cut: ferromagnet and antiferromagnet cross at B = 3 / m."""
    made, random = scan(**axes), np.random.default_rng(1)
    sites = made.hamiltonian.lattice.sites

    def grown(minimum: Minimum) -> Minimum:
        spins = random.normal(size=(sites, 3))
        spins /= np.linalg.norm(spins, axis=1, keepdims=True)
        return replace(minimum, texture=spins, energy=minimum.energy * sites)

    columns = tuple(replace(c, minima=tuple(map(grown, c.minima or ()))) for c in made.columns)
    report.write_scan(replace(made, columns=columns), tmp_path / "scan.h5", tmp_path / "report.html")
    tab = show(tmp_path / "report.html")
    assert tab.get_by_text("antiferromagnet → ferromagnet").count() == (1 if len(axes) == 1 else len(MOMENTS))
    assert tab.get_by_role("cell", name="1.5", exact=True).count() == 1
    before = tab.locator(".bk-Figure").nth(1).screenshot()
    tab.evaluate("Bokeh.documents[0].get_model_by_name('point').value = 3")
    tab.wait_for_timeout(300)
    assert tab.locator(".bk-Figure").nth(1).screenshot() != before
    data = tab.evaluate("[...Bokeh.documents[0].get_model_by_name('texture').renderers[0].data_source.data.sz]")
    assert np.allclose(data, columns[3].minima[0].texture[:, 2], atol=1e-6)


def test_a_scan_over_boxes_says_why_it_shows_no_textures(tmp_path):
    made = scan(fields=FIELDS)
    columns = tuple(replace(c, settings={**c.settings, "model.size": [6, 6, 1]}) for c in made.columns)
    report.write_scan(replace(made, columns=columns), tmp_path / "scan.h5", tmp_path / "a.html")
    assert "points differ in model.size" in (tmp_path / "a.html").read_text()


def test_a_scan_without_points_has_no_page_yet(tmp_path):
    with pytest.raises(ValueError, match="no points yet"):
        report.write_scan(replace(scan(), columns=()), tmp_path / "scan.h5", tmp_path / "a.html")
