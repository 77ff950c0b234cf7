"""Exchange as a formula J(q): the couplings that it stands for, and what is not a formula."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from magsearch.errors import InputError
from magsearch.formats import read
from magsearch.formats.formula import evaluate
from magsearch.formats.toml.writing import texts
from magsearch.model.hamiltonian import Hamiltonian


def model(tmp_path, lines: str, lattice: str = "square", constant: float = 1.0) -> Hamiltonian:
    size = [6, 6, 6] if lattice in ("cubic", "bcc", "fcc") else [6, 6, 1]
    text = f'[model]\nlattice = "{lattice}"\nsize = {size}\nconstant = {constant}\n{lines}\n'
    (tmp_path / "in.toml").write_text(text)
    return read(tmp_path / "in.toml")


def couplings(h: Hamiltonian) -> dict[tuple[int, ...], float]:
    assert_allclose(h.bonds.J, h.bonds.J[:, :1, :1] * np.eye(3), atol=0)
    return dict(zip(map(tuple, h.bonds.offset.tolist()), h.bonds.J[:, 0, 0].tolist(), strict=True))


TRIANGLE = "2 * (cos(2*pi*h) + cos(2*pi*k) + cos(2*pi*(h + k)))"


@pytest.mark.parametrize(
    ("lattice", "formula", "shells"),
    [
        ("square", "2 * 1.5 * (cos(2*qx) + cos(2*qy)) - 4 * 0.4 * cos(2*qx) * cos(2*qy)", "[1.5, -0.4]"),
        ("bcc", "8 * cos(qx) * cos(qy) * cos(qz)", "[1.0]"),
        ("fcc", "4 * (cos(qx)*cos(qy) + cos(qy)*cos(qz) + cos(qz)*cos(qx))", "[1.0]"),
        ("cubic", "-2 * (cos(2*qx) + cos(2*qy) + cos(2*qz))", "[-1.0]"),
    ],
)
def test_a_sum_of_cosines_is_the_exchange_of_its_shells(tmp_path, lattice, formula, shells):
    """The constant is 2, so that bcc neighbours lie at (1, 1, 1)."""
    of_q = couplings(model(tmp_path, f'J_q = "{formula}"', lattice, 2.0))
    of_shells = couplings(model(tmp_path, f"[[model.exchange]]\nJ = {shells}", lattice, 2.0))
    assert of_q.keys() == of_shells.keys()
    assert_allclose([of_q[R] for R in of_shells], list(of_shells.values()), atol=1e-12)


def test_the_unit_is_that_of_the_couplings(tmp_path):
    h = model(tmp_path, 'unit = "mRy"\nJ_q = "2 * cos(qx)"')
    assert_allclose(list(couplings(h).values()), 13.605693122990, rtol=1e-9)


def test_lorentzian_peaks_are_the_couplings_of_their_fourier_series(tmp_path):
    """1 / (1 + (2 - 2 cos q) / w^2) has the coefficients exp(-|n| a) w / (w^2 + 4)^1/2 with cosh a = 1 + w^2 / 2."""
    w, J, peak = 0.8, 3.0, 0.25
    formula = " + ".join(f"{J} / (1 + (2 - 2*cos(2*pi*(h - {Q}))) / {w}**2)" for Q in (peak, -peak))
    h = model(tmp_path, f'J_q = "{formula}"')
    decay = np.arccosh(1 + w**2 / 2)
    for (n, *across), value in couplings(h).items():
        assert across == [0, 0]
        expected = 2 * J * np.cos(2 * np.pi * peak * n) * np.exp(-abs(n) * decay) * w / np.sqrt(w**2 + 4)
        assert value == pytest.approx(expected, abs=1e-11)
    longest = int(np.log(1e9) / decay)
    assert max(couplings(h))[0] in (longest, longest - 1)
    assert any("the mean of J(q)" in note for note in h.notes)
    turns = 2 * np.pi * np.array([peak, 0, 0])
    assert h.fourier((turns @ np.linalg.inv(h.lattice.cell).T)[None])[0, 0, 0].real == pytest.approx(
        J * (1 + 1 / (1 + 4 / w**2)) - 2 * J * w / np.sqrt(w**2 + 4), abs=1e-6
    )


def test_written_models_have_the_couplings_of_the_formula(tmp_path):
    h = model(tmp_path, f'J_q = "{TRIANGLE}"', "triangular")
    (written,) = texts(h, tmp_path / "again.toml")[0].values()
    (tmp_path / "again.toml").write_text(written)
    assert couplings(read(tmp_path / "again.toml")) == couplings(h)


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("2 * cos(qx", "in.toml:5: not a formula"),
        ("__import__('os').getcwd()", "is not part of a formula"),
        ("(1).real", "is not part of a formula"),
        ("cos(p)", "unknown name 'p'; expected one of pi, qx"),
        ("cos(qx, qy)", "cos takes one argument"),
        ("qx^2", r"'\^' is not a power"),
        ("qx**2", r"differs from J\(q \+ \[1, 0, 0\]\)"),
        ("sin(qx)", r"differs from J\(-q\)"),
        ("1 / (1 - cos(qx))", r"not a finite number at q = \[0.0, 0.0, 0.0\]"),
        ("abs(cos(2*pi*h/2))", "along axis 1 do not decay within"),
    ],
)
def test_wrong_formulas_are_refused_by_line(tmp_path, formula, told):
    with pytest.raises(InputError, match=told):
        model(tmp_path, f'J_q = "{formula}"')


def test_a_lattice_with_a_basis_is_refused(tmp_path):
    with pytest.raises(InputError, match="one atom in the cell; the lattice has 3"):
        model(tmp_path, 'J_q = "2 * cos(qx)"', "kagome")


def test_arithmetic():
    x = np.array([0.5, 2.0])
    assert_allclose(evaluate("-x**2 + exp(log(x)) / sqrt(4) - abs(-1)", {"x": x}), -(x**2) + x / 2 - 1)
    with pytest.raises(ValueError, match="at most 2000"):
        evaluate("1" + "+1" * 2000, {"x": x})
    with pytest.raises(ValueError, match=r"not a formula|nested"):
        evaluate("(" * 900 + "1" + ")" * 900, {"x": x})
