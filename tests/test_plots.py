"""Pictures: geometry and colours mean what they should, and every lattice can be drawn to every file type."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from models import MODELS
from records import searched, stored

from magsearch.model.lattice import Lattice
from magsearch.observables.topological_charge import topological_charge
from magsearch.plots import (
    PICTURES,
    View,
    best_so_far,
    brillouin_zone,
    charge,
    colours,
    convergence,
    layer,
    migrations,
    operators,
    ridges,
    structure,
    summary,
    texture,
)
from magsearch.plots.pages import plain
from magsearch.search.history import MIGRATION

LEFT_HANDED = Lattice([[0.5, 1.86, 0], [1.86, 0.5, 0], [0, 0, 9]], [[0, 0, 0]], (8, 8, 1), (True, True, False))
PLANES = {
    name: Lattice.named(name, (8, 6, 1), constant=2.7) for name in ("square", "triangular", "kagome", "honeycomb")
}
PLANES["left-handed"] = LEFT_HANDED


def spiral(lattice, wave):
    phase = lattice.positions @ ((np.array(wave) / lattice.size) @ lattice.reciprocal)
    return np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=1)


def axes():
    return Figure().add_subplot()


def area(polygon):
    x, y = np.asarray(polygon).T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def history(count=12):
    g = np.arange(count)
    energies = {"best": -5 - 0.1 * g, "mean": -4 - 0.1 * g, "deviation": 0.3 / (1 + g)}
    return {"generation": g, "evaluations": 640 * g, **energies}


@pytest.mark.parametrize("name", PLANES)
def test_every_site_is_a_polygon_around_itself_and_together_they_fill_the_box(name):
    lattice = PLANES[name]
    polygons = [path.vertices[:-1] for path in texture(axes(), lattice, spiral(lattice, (1, 0, 0))).get_paths()]
    assert len(polygons) == lattice.sites
    box = np.linalg.norm(np.cross(*lattice.cell[:2])) * lattice.cells
    assert sum(area(p) for p in polygons) == pytest.approx(box)
    away = np.linalg.norm(lattice.positions[:, None] - lattice.positions[None], axis=2) + 1e9 * np.eye(lattice.sites)
    for place, polygon in zip(lattice.positions[:, :2], polygons, strict=True):
        assert np.linalg.norm(polygon - place, axis=1).min() >= 0.5 * away.min() - 1e-9  # no corner inside a sphere
        assert np.linalg.norm(polygon - place, axis=1).max() < 2 * away.min()


def test_polygons_have_the_colours_of_their_spins():
    lattice = PLANES["kagome"]
    s = spiral(lattice, (1, 1, 0))
    assert np.allclose(texture(axes(), lattice, s).get_facecolor()[:, :3], colours(s))


def test_up_is_white_down_is_black_and_a_vacancy_is_grey():
    assert np.array_equal(colours([0, 0, 1]), [1, 1, 1])
    assert np.array_equal(colours([0, 0, -1]), [0, 0, 0])
    assert np.ptp(colours([0, 0, 0])) == 0
    assert 0 < colours([0, 0, 0])[0] < 1


def test_hue_follows_the_angle_once_around_the_circle():
    angle = np.linspace(0, 2 * np.pi, 73)
    rgb = colours(np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1))
    hue = np.unwrap([2 * np.pi * colorsys.rgb_to_hsv(*c)[0] for c in rgb])
    assert (np.diff(hue) > 0).all()
    assert hue[-1] - hue[0] == pytest.approx(2 * np.pi)


def test_lightness_rises_with_the_normal_component():
    theta = np.linspace(np.pi, 0, 50)
    for angle in np.linspace(0, 2 * np.pi, 12):
        s = np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.cos(theta)], axis=1)
        luminance = colours(s) ** 2.2 @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(luminance) > 0).all()


@pytest.mark.parametrize("name", PLANES)
def test_the_brillouin_zone_has_its_area_and_its_shape(name):
    lattice = PLANES[name]
    cell = np.linalg.norm(np.cross(*lattice.cell[:2]))
    zone = brillouin_zone(lattice)
    assert area(zone) == pytest.approx((2 * np.pi) ** 2 / cell)
    sides = np.linalg.norm(zone - np.roll(zone, -1, axis=0), axis=1)
    assert (sides > 1e-6 * sides.max()).sum() == (4 if name == "square" else 6)


@pytest.mark.parametrize("name", PLANES)
def test_the_structure_panel_shows_a_spiral_at_plus_and_minus_q(name):
    lattice = PLANES[name]
    wave = (2, 1, 0)
    drawn = structure(axes(), lattice, spiral(lattice, wave))
    intensity = drawn.get_array()
    centre = np.array([path.vertices[:-1].mean(axis=0) for path in drawn.get_paths()])
    bright = centre[intensity > 0.01 * intensity.max()]
    expected = ((np.array(wave) / lattice.size) @ lattice.reciprocal)[:2]
    inside = bright[np.linalg.norm(bright, axis=1) < 1.01 * np.linalg.norm(expected)]
    assert len(inside) == 2
    for q in (expected, -expected):
        assert np.linalg.norm(inside - q, axis=1).min() < 1e-6


def test_order_within_the_cells_is_seen_beside_the_first_zone():
    """120 degrees between the three spins of every cell: their sum is 0, and s1 + s2 - s3 is 2 beside the zone."""
    lattice = PLANES["kagome"]
    phase = 2 * np.pi / 3 * (np.arange(lattice.sites) % 3)
    spins = np.stack([np.cos(phase), np.sin(phase), 0 * phase], axis=1)
    drawn = structure(axes(), lattice, spins)
    centre = np.array([path.vertices[:-1].mean(axis=0) for path in drawn.get_paths()])
    bright = drawn.get_array() > 0.01 * lattice.sites
    length, first = np.linalg.norm(centre, axis=1), np.linalg.norm(brillouin_zone(lattice), axis=1).max()
    assert bright.any()
    assert length[bright].min() > first
    assert drawn.get_array().max() == pytest.approx(4 / 3 * lattice.cells)


def test_three_dimensions_show_the_middle_layer_and_say_so():
    lattice = Lattice.named("cubic", (4, 4, 5))
    s = np.zeros((lattice.sites, 3))
    s[:, 2] = np.where(lattice.positions[:, 2] == 2, 1, -1)
    panel = axes()
    drawn = texture(panel, lattice, s)
    assert len(drawn.get_paths()) == 16
    assert np.allclose(drawn.get_facecolor(), 1)
    assert panel.get_title() == "layer 2 of 5 along c"


def test_of_atoms_above_one_another_the_top_sheet_is_drawn():
    lattice = Lattice(np.diag([1, 1, 4.0]), [[0, 0, 1.5], [0, 0, 0]], (3, 3, 1), (True, True, False))
    s = np.tile([[0, 0, 1.0], [0, 0, -1.0]], (9, 1))
    plane, shown, words = layer(lattice, s)
    assert plane.sites == 9
    assert (shown[:, 2] == 1).all()
    assert words == "top sheet of 2"


def test_convergence_draws_best_and_mean():
    panel = axes()
    h = history()
    convergence(panel, h)
    lines = {line.get_label(): line.get_ydata() for line in panel.get_lines()}
    assert np.array_equal(lines["best"], h["best"])
    assert np.array_equal(lines["mean"], h["mean"])
    band = panel.collections[0].get_paths()[0].get_extents()
    assert band.y1 == pytest.approx((h["mean"] + h["deviation"]).max())
    assert band.y0 == pytest.approx((h["mean"] - h["deviation"]).min())
    assert "meV" in panel.get_ylabel()


FILES = {"square": "png", "triangular": "pdf", "kagome": "svg", "left-handed": "png"}
FIRST_BYTES = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.mark.parametrize(("name", "suffix"), FILES.items())
def test_a_summary_is_written_in_the_format_of_its_suffix(name, suffix, tmp_path):
    lattice = PLANES[name]
    path = summary(lattice, spiral(lattice, (1, 0, 0)), history(), tmp_path / f"{name}.{suffix}", View(title=name))
    assert path.read_bytes().startswith(FIRST_BYTES[suffix])
    assert path.stat().st_size > 10_000


def test_another_suffix_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"'\.gif'; expected \.png, \.pdf, \.svg"):
        summary(PLANES["square"], spiral(PLANES["square"], (1, 0, 0)), history(), path=tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_axes_are_named_after_the_plane():
    for size, names in (((4, 4, 1), ("x", "y")), ((4, 1, 4), ("x", "-z")), ((1, 4, 4), ("y", "z"))):
        lattice = Lattice(np.eye(3), [[0, 0, 0]], size)
        panel = axes()
        texture(panel, lattice, spiral(lattice, (0, 0, 0)))
        assert tuple(label.split("{")[1].split("}")[0] for label in (panel.get_xlabel(), panel.get_ylabel())) == names


@pytest.mark.parametrize(
    "lattice",
    [
        Lattice.named("cubic", (4, 4, 4)),
        Lattice.named("chain", (12, 1, 1)),
        Lattice.cluster([[0, 0, 0], [1, 0, 0], [0, 1, 0]]),
    ],
)
def test_what_is_not_a_plane_is_drawn_as_well(lattice, tmp_path):
    s = np.tile([0, 0.6, 0.8], (lattice.sites, 1))
    one = {key: values[:1] for key, values in history().items()}
    assert summary(lattice, s, one, path=tmp_path / "a.png").stat().st_size > 10_000


def test_large_textures_are_rasterised(tmp_path):
    lattice = Lattice.named("square", (80, 80, 1))
    path = summary(lattice, spiral(lattice, (3, 0, 0)), history(), path=tmp_path / "a.svg")
    assert path.read_text().count("<path") < 2000


# -- planes, charge, and how a search went -----------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "number"), [(0, 1), (1, 3), (2, 0)])
def test_a_named_plane_of_a_crystal_holds_the_spins_of_its_sites(axis, number):
    lattice = Lattice.named("cubic", (3, 4, 5))
    s = np.random.default_rng(1).normal(size=(lattice.sites, 3))
    plane, shown, words = layer(lattice, s, (axis, number))
    assert np.array_equal(shown, s[lattice.coordinates[:, axis] == number])
    assert plane.size == tuple(1 if k == axis else n for k, n in enumerate(lattice.size))
    assert words == f"layer {number} of {lattice.size[axis]} along {'abc'[axis]}"


def test_a_plane_that_is_not_there_is_refused():
    lattice = Lattice.named("cubic", (3, 4, 5))
    with pytest.raises(ValueError, match="no layer 4 along axis b; expected 0 to 3"):
        layer(lattice, np.zeros((60, 3)), (1, 4))


def skyrmion(lattice):
    """Core down in the middle of an up background: charge -1."""
    x, y = (lattice.positions - lattice.positions.mean(axis=0))[:, :2].T
    polar = np.pi * (1 - np.hypot(x, y) / 7).clip(0, 1)
    angle = np.arctan2(y, x)
    return np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)], axis=1)


@pytest.mark.parametrize("name", ["square", "triangular", "kagome", "honeycomb"])
def test_the_charge_density_that_is_drawn_integrates_to_the_charge(name):
    lattice = Lattice.named(name, (20, 20, 1))
    s = skyrmion(lattice)
    drawn = charge(axes(), lattice, s)
    areas = np.array([area(path.vertices[:-1]) for path in drawn.get_paths()])
    assert drawn.get_array() @ areas / 100 == pytest.approx(topological_charge(lattice, s), abs=1e-9)
    assert topological_charge(lattice, s) == pytest.approx(-1, abs=1e-6)
    box = np.linalg.norm(np.cross(*lattice.cell[:2])) * lattice.cells
    assert areas.sum() == pytest.approx(box), "triangles tile the torus once"
    low, high = drawn.get_clim()
    assert low == -high, "white is no charge"


def test_rounding_is_not_drawn_as_charge():
    """A spiral in one plane has none: every triangle is as good as white."""
    lattice = Lattice.named("square", (8, 8, 1), constant=2.7)
    drawn = charge(axes(), lattice, spiral(lattice, (1, 0, 0)))
    assert np.abs(drawn.norm(drawn.get_array()) - 0.5).max() < 1e-3


def test_a_chain_has_no_charge_to_draw():
    with pytest.raises(ValueError, match="topological charge undefined"):
        charge(axes(), Lattice.named("chain", (12, 1, 1)), np.tile([0, 0, 1.0], (12, 1)))


def test_ridges_peak_at_the_energies_above_the_best():
    panel, found = axes(), searched()
    ridges(panel, found)
    low = [collection.get_paths()[0].vertices for collection in panel.collections]
    assert len(low) == len(found)
    width = panel.get_xlim()
    dots = {round(float(line.get_ydata()[0])): float(line.get_xdata()[0]) for line in panel.get_lines()[1::2]}
    for generation in range(len(found)):
        level = len(found) - 1 - generation
        expected = 1e3 * (len(found) - 1 - generation)  # micro-eV above the best of the search
        assert dots[level] == pytest.approx(min(expected, width[1]))
    assert [text.get_text() for text in panel.get_yticklabels()] == ["4", "3", "2", "1", "0"]


def test_best_so_far_never_rises_and_counts_all_islands():
    panel, found = axes(), searched()
    rows = found.rows
    rows[3]["best"] = 5.0
    best_so_far(panel, found)
    (line,) = panel.get_lines()
    assert np.array_equal(line.get_ydata(), [-1, -2, -3, -3, -5])
    assert np.array_equal(line.get_xdata(), [200, 400, 600, 800, 1000])


def test_operators_show_the_share_that_was_kept_and_leave_out_the_unused():
    panel = axes()
    operators(panel, searched())
    assert np.allclose(panel.collections[0].get_array(), [[1] * 5, [0.25] * 5])
    assert [label.get_text() for label in panel.get_yticklabels()] == ["RandomSpins  20/20", "HeatPatch  10/40"]


def test_migrations_show_kept_of_sent_from_source_to_target():
    found = searched()
    found.migrations = np.zeros(2, MIGRATION)
    for name, value in {"source": 0, "target": 1, "sent": [2, 2], "kept": [1, 0]}.items():
        found.migrations[name] = value
    panel = axes()
    migrations(panel, found)
    shown = panel.get_images()[0].get_array()
    assert shown[1, 0] == pytest.approx(0.25)
    assert np.isnan(shown.filled(np.nan)[0, 1])
    with pytest.raises(ValueError, match="one island"):
        migrations(axes(), searched(islands=1))


def test_tiles_repeat_the_box_but_not_its_charge():
    """Corner to corner; a texture of one skyrmion in the box has its charge however often it is drawn."""
    lattice = Lattice.named("triangular", (6, 6, 1), 2.5)
    s = spiral(lattice, (1, 0, 0))
    one, six = (texture(axes(), lattice, s, view=View(tiles=tiles)) for tiles in ((1, 1), (2, 3)))
    assert len(six.get_paths()) == 6 * len(one.get_paths()) == 6 * 36
    corners = {tuple(path.vertices.mean(axis=0).round(6)) for path in six.get_paths()}
    assert len(corners) == 216
    middle = np.array([path.vertices[:-1].mean(axis=0) for path in one.get_paths()])
    shifted = middle + 6 * lattice.cell[0, :2]
    colour = {tuple(path.vertices[:-1].mean(axis=0).round(6)): k for k, path in enumerate(six.get_paths())}
    for k in range(36):
        where = colour[tuple(shifted[k].round(6))]
        assert np.allclose(six.get_facecolor()[where], one.get_facecolor()[k])
    panel = axes()
    charge(panel, lattice, s, View(tiles=(2, 2)))
    assert panel.get_title() == f"Q = {topological_charge(lattice, s):.2f}".replace("-0.00", "0.00")
    with pytest.raises(ValueError, match="the b axis is open"):
        texture(axes(), replace(lattice, periodic=(True, False, False)), s, view=View(tiles=(2, 2)))


def test_each_sheet_of_a_bilayer_is_drawn():
    lattice = Lattice(np.diag([3.0, 3.0, 20.0]), [[0, 0, 0], [0, 0, 4.0]], (4, 4, 1), (True, True, False))
    s = np.tile([[0, 0, 1.0], [0, 0, -1.0]], (16, 1))
    low, high, default = (
        texture(axes(), lattice, s, view=View(sheet=sheet)).get_facecolor()[0, :3] for sheet in (0, 1, None)
    )
    assert np.allclose(low, 1)  # up is white, down is black
    assert np.allclose(high, 0)
    assert np.allclose(default, high)
    with pytest.raises(ValueError, match="no sheet 2; expected 0 to 1"):
        texture(axes(), lattice, s, view=View(sheet=2))


def test_minus_signs_of_titles_are_those_of_axes():
    assert plain("run-2.h5, B = (-1.00, 0) T: -3.5 meV, 1e-3") == "run-2.h5, B = (−1.00, 0) T: −3.5 meV, 1e-3"


def test_width_resolution_and_title_are_as_asked(tmp_path):
    record, path = stored(MODELS["square_bloch"], 1), tmp_path / "a.png"
    PICTURES["texture"](record, path, View(title="", width=2.5, dpi=40))
    assert int.from_bytes(path.read_bytes()[16:20], "big") == 100  # pixels, of the header of a png
    svg = tmp_path / "a.svg"
    for title, there in ((None, "T"), ("Own title", "Own title"), ("", "")):
        PICTURES["texture"](record, svg, View(title=title))
        assert there in svg.read_text()
        assert (" T<" in svg.read_text()) == (title is None)


@pytest.mark.parametrize("what", PICTURES)
def test_every_picture_is_written(what, tmp_path):
    record = stored(MODELS["square_bloch"], 3)
    object.__setattr__(record, "history", searched())
    path = tmp_path / "a.svg"
    PICTURES[what](record, path, View(elite=1, title="title"))
    assert path.stat().st_size > 10_000
