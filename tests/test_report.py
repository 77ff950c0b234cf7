"""The page of a run, as a headless browser shows it, and what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import refused
from models import MODELS, exchange, shell_bonds
from records import searched, stored
from scans import FIELDS, MOMENTS, grown, heated, scan

import magsearch as ms
from magsearch import storage
from magsearch.magnons.path import path_of
from magsearch.magnons.spectrum import spectrum
from magsearch.magnons.spin_waves import SpinWaves
from magsearch.model.lattice import Lattice

pytest.importorskip("bokeh", reason="no bokeh: pip install 'magsearch[report]'")

from magsearch import report
from magsearch.errors import InputError
from magsearch.minima.degeneracy import Degeneracy
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.report import page, panels
from magsearch.storage import Record
from magsearch.storage.summary import above

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

    def opened(path: Path, figures: int = 3) -> Any:
        tab.goto(path.as_uri())
        count = "document.querySelectorAll('.bk-Figure').length"
        tab.wait_for_function(f"Bokeh.documents.length > 0 && {count} == {figures}")
        tab.wait_for_timeout(300)
        return tab

    yield opened
    assert said == []
    assert [url[:60] for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    tab.close()


def test_the_slider_changes_the_picture_and_the_pointer_shows_values(show, tmp_path):
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
    assert shown.startswith(f"elite 2: {run.elites[2].energy / run.hamiltonian.n_spins:.8f} meV")
    colours = tab.evaluate("[...Bokeh.documents[0].get_model_by_name('texture').renderers[0].data_source.data.sz]")
    assert np.allclose(colours, run.elites[2].spins[:, 2], atol=1e-6)
    box = tab.locator(".bk-Figure").nth(0).bounding_box()
    tab.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.47 * box["height"])
    tab.get_by_text("spin (x, y, z)").first.wait_for(timeout=5000)


def test_magnons_and_loops_are_shown_where_they_are(show, tmp_path, capsys):
    lattice = Lattice.named("square", (4, 4, 1))
    h = replace(MODELS["square_bloch"], lattice=lattice, bonds=shell_bonds(lattice, exchange(1.0)), others=())
    up = np.tile([0.0, 0.0, 1.0], (lattice.sites, 1))
    waves = SpinWaves.about(replace(h, field=(0.0, 0.0, 3.0)), up)
    found = spectrum(waves, path_of(None, lattice, 20, 2), (4, 4, 1))
    run = replace(record(h), magnons=found)
    ms.loop(h, (-3, 3, 5), directions=[[0, 0, 1], [1, 0, 0]], device="cpu", progress=False, store=tmp_path / "loop.h5")
    report.write(run, tmp_path / "report.html", report.sections_of(run, [tmp_path / "loop.h5"]))
    tab = show(tmp_path / "report.html", 6)
    drawn = tab.evaluate("[...Bokeh.documents[0].get_model_by_name('magnons').renderers[0].data_source.data.y0]")
    assert sorted(drawn) == pytest.approx(sorted(found.energies[:-1].ravel()), rel=1e-6)
    heads = tab.locator("h2").all_inner_texts()
    assert heads[2:5] == ["Magnons", "Hysteresis", "Search"]
    tab.set_viewport_size({"width": 400, "height": 900})
    tab.wait_for_timeout(300)
    assert tab.evaluate("document.documentElement.scrollWidth") == 400, "nothing is wider than a telephone"
    storage.write(tmp_path / "run.h5", record(h), None)
    told = refused(capsys, "report", tmp_path / "run.h5", "--with", tmp_path / "run.h5", "-o", tmp_path / "no.html")
    assert "magsearch tc or magsearch loop" in told


@pytest.mark.slow
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


def test_a_report_states_what_is_proven():
    proven = {"bound_per_site": -2.5, "gap": 0.25, "tight": False, "method": "waves", "margin": 0.0}
    assert "at most 0.25 meV per site below the champion" in page.bound(proven)
    assert "proven ground state" in page.bound({**proven, "tight": True})


def test_the_table_of_elites_says_phase_and_degeneracy():
    run = record(MODELS["square_bloch"])
    counted = replace(run.elites[1], phase="conical", degeneracy=Degeneracy(6, True))
    rows = page.elites(replace(run, elites=(run.elites[0], counted))).split("<tr>")
    assert all(f">{name}</th>" in rows[1] for name in ("phase", "degeneracy", "stability"))
    assert '<td class="number">6 continua</td><td>conical</td><td>' in rows[3]
    assert "<td>saddle</td>" in rows[3]


def test_how_sure_a_champion_is_counts_generations_and_islands():
    """Energies of ``searched``: -g - island meV, so that the last generation is the best, on the second island."""
    said = page.confidence(record(MODELS["square_bloch"]))
    assert said[0] == "best energy unchanged within 0.0001 meV per site since generation 4 of 5"
    assert said[1].startswith("1 of 2 islands")


def test_of_a_plane_that_is_too_large_every_other_cell_is_shown():
    plane = Lattice.named("kagome", (120, 90, 1))
    thin, sites, words = panels._thinned(plane)
    assert thin.sites == len(sites) <= panels.CELLS
    assert np.allclose(thin.positions - thin.basis[0], plane.positions[sites] - plane.basis[0], atol=1e-9)
    assert words


def test_energies_that_differ_by_rounding_lie_zero_apart():
    run = record(MODELS["square_bloch"])
    best, second, third = run.elites
    energies = (-1.0, -1.0 + 1e-15, -1.0 + 3e-3)
    elites = tuple(replace(e, energy=energy) for e, energy in zip((best, second, third), energies, strict=True))
    close = replace(run, elites=elites)
    assert above(close, 1) == 0
    assert above(close, 2) == pytest.approx(3e-3 / run.hamiltonian.n_spins)
    assert "the next distinct minimum is 0 µeV per site higher" in page.confidence(close)


def test_a_run_without_elites_has_no_page_yet(tmp_path):
    with pytest.raises(ValueError, match="no elites yet"):
        report.write(record(MODELS["square_bloch"], 0), tmp_path / "a.html")


@pytest.mark.parametrize(
    "axes", [pytest.param({"fields": FIELDS}, marks=pytest.mark.slow), {"fields": FIELDS, "moments": MOMENTS}]
)
def test_the_page_of_a_scan_shows_phases_crossings_and_the_texture_of_every_point(axes, show, tmp_path):
    """The energies of test_cut: ferromagnet and antiferromagnet cross at B = 3 / m."""
    made = grown(scan(**axes))
    report.write_scan(made, tmp_path / "scan.h5", tmp_path / "report.html")
    tab = show(tmp_path / "report.html")
    assert tab.get_by_text("antiferromagnet → ferromagnet").count() == (1 if len(axes) == 1 else len(MOMENTS))
    assert tab.get_by_role("cell", name="1.5", exact=True).count() == 1
    before = tab.locator(".bk-Figure").nth(1).screenshot()
    tab.evaluate("Bokeh.documents[0].get_model_by_name('point').value = 3")
    tab.wait_for_timeout(300)
    assert tab.locator(".bk-Figure").nth(1).screenshot() != before
    data = tab.evaluate("[...Bokeh.documents[0].get_model_by_name('texture').renderers[0].data_source.data.sz]")
    assert np.allclose(data, made.columns[3].minima[0].texture[:, 2], atol=1e-6)


def test_clicking_a_point_of_the_diagram_shows_its_texture(show, tmp_path):
    """The point in field 2 with moment 1, of three moments for each field, is number 6."""
    made = grown(scan(fields=FIELDS, moments=MOMENTS))
    report.write_scan(made, tmp_path / "scan.h5", tmp_path / "report.html")
    tab = show(tmp_path / "report.html")
    place = tab.evaluate("""() => {
        const view = Bokeh.index.get_by_id(Bokeh.documents[0].get_model_by_name('phases').id)
        const box = view.canvas_view.el.getBoundingClientRect()
        const frame = view.frame
        return [box.x + frame.x_scale.compute(2), box.y + frame.y_scale.compute(1)]
    }""")
    tab.mouse.click(*place)
    tab.wait_for_function("Bokeh.documents[0].get_model_by_name('point').value == 6")
    title = tab.evaluate("Bokeh.documents[0].get_model_by_name('texture').title.text")
    assert title.startswith("point 6: antiferromagnet, field (0, 0, 2) T, model.moment 1")


def axis_labels(tab: Any) -> list[str]:
    phases = "Bokeh.documents[0].get_model_by_name('phases')"
    return tab.evaluate(f"[{phases}.below[0].axis_label, {phases}.left[0].axis_label]")


def test_the_page_of_a_thermal_scan_draws_phases_over_field_and_temperature(show, tmp_path):
    """States that depend on where their ladders began are marked; crossings are those at 0 K."""
    made = heated(grown(scan(fields=FIELDS)))
    report.write_scan(made, tmp_path / "scan.h5", tmp_path / "report.html")
    tab = show(tmp_path / "report.html")
    assert axis_labels(tab) == ["field (T)", "temperature (K)"]
    assert tab.get_by_role("cell", name="paramagnet ?").count() == len(FIELDS)
    assert tab.get_by_text("ladders that started in different phases disagree").count() == 1
    assert tab.get_by_text("antiferromagnet → ferromagnet").count() == 1
    tab.evaluate("Bokeh.documents[0].get_model_by_name('point').value = 5")  # field 1, 20 K
    tab.wait_for_timeout(300)
    title = tab.evaluate("Bokeh.documents[0].get_model_by_name('texture').title.text")
    assert (
        title == "point 5: paramagnet, field (0, 0, 1) T, model.moment 2, search.seed 1, 20 K, 20.0000000 meV per site"
    )


def test_over_temperature_alone_a_page_draws_energies(show, tmp_path):
    made = heated(grown(scan(fields=FIELDS)))
    report.write_scan(made, tmp_path / "scan.h5", tmp_path / "report.html", "temperature", at=["field=2"])
    tab = show(tmp_path / "report.html")
    assert axis_labels(tab) == ["temperature (K)", "energy (meV per site)"]
    assert tab.get_by_text("at field = 2 T").count() == 1


def test_the_axes_of_a_page_can_be_chosen(show, tmp_path):
    """At m = 4 the energies cross at B = 3 / 4."""
    made, where = grown(scan(fields=FIELDS, moments=MOMENTS)), (tmp_path / "scan.h5", tmp_path / "report.html")
    report.write_scan(made, *where, "field", at=["model.moment=4"])
    tab = show(where[1])
    assert axis_labels(tab)[0] == "field (T)"
    assert tab.get_by_text("at model.moment = 4 μB").count() == 1
    assert tab.get_by_role("cell", name="0.75", exact=True).count() == 1
    with pytest.raises(InputError, match="has no axis 'pressure'"):
        report.write_scan(made, *where, "pressure")


def test_a_run_has_no_axes_to_choose(tmp_path, capsys):
    storage.write(tmp_path / "run.h5", record(MODELS["square_bloch"]))
    assert "is a run" in refused(capsys, "report", tmp_path / "run.h5", "-o", tmp_path / "a.html", "--x", "field")


def test_a_scan_over_boxes_says_why_it_shows_no_textures(tmp_path):
    made = scan(fields=FIELDS)
    columns = tuple(replace(c, settings={**c.settings, "model.size": [6, 6, 1]}) for c in made.columns)
    report.write_scan(replace(made, columns=columns), tmp_path / "scan.h5", tmp_path / "a.html")
    assert "points differ in model.size" in (tmp_path / "a.html").read_text()


def test_a_scan_without_points_has_no_page_yet(tmp_path):
    with pytest.raises(ValueError, match="no points yet"):
        report.write_scan(replace(scan(), columns=()), tmp_path / "scan.h5", tmp_path / "a.html")
