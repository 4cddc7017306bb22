"""Drawing is a function of its seed, and the truth says what was drawn."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medeval.demo.glyphs import FONT_FILE, charset, glyph
from medeval.demo.labs import PANELS, draw_report, print_row
from medeval.demo.phantoms import CELL_CLASSES, KINDS, draw_phantom
from medeval.demo.sheets import COLUMNS, draw_sheet
from medeval.demo.standard import STANDARD_LABS, standard_report, write_standard_images

IMAGES = Path(__file__).parents[2] / "test_cases" / "images"


def test_sheet_is_deterministic() -> None:
    first, second = (draw_sheet(draw_report(r), r) for r in (random.Random(5), random.Random(5)))
    assert first.report == second.report
    assert np.array_equal(first.pixels, second.pixels)


def test_sheet_cells_spell_the_report() -> None:
    sheet = draw_sheet(draw_report(random.Random(6)), random.Random(6))
    bands = [sheet.cells[i : i + COLUMNS] for i in range(0, len(sheet.cells), COLUMNS)]
    for row, cells in zip(sheet.report.rows, bands[-len(sheet.report.rows) :], strict=True):
        printed = "".join("".join(cell) for cell in cells)
        assert printed == f"{row.name}{row.abbr}{row.value}{row.flag}{row.low}-{row.high}{row.unit}"


@pytest.mark.parametrize(
    ("value", "flag"), [(9.5, ""), (9.6, "↑"), (3.5, ""), (3.4, "↓")], ids=["at high", "above", "at low", "below"]
)
def test_flag_follows_the_printed_range(value: float, flag: str) -> None:
    item = PANELS["血常规"][0]
    assert print_row(item, value, item.ranges[0]).flag == flag


@pytest.mark.parametrize("kind", KINDS)
def test_phantom_shows_what_it_says(kind: str) -> None:
    phantom = draw_phantom(random.Random(7), kind)  # type: ignore[arg-type]
    again = draw_phantom(random.Random(7), kind)  # type: ignore[arg-type]
    assert np.array_equal(phantom.pixels, again.pixels)
    assert set(phantom.cells) <= set(CELL_CLASSES)
    assert ("effusion" in phantom.cells) == (kind == "effusion")
    assert ("nodule" in phantom.cells) == (kind == "nodule")
    assert bool(phantom.side) == (kind in ("effusion", "nodule"))


def test_effusion_is_on_the_patients_side() -> None:
    rng = random.Random(8)
    for _ in range(6):
        phantom = draw_phantom(rng, "effusion")
        count = phantom.pixels.shape[0] // 32
        columns = [i % count for i, c in enumerate(phantom.cells) if c == "effusion"]
        on_right_of_image = sum(columns) / len(columns) > (count - 1) / 2
        assert on_right_of_image == (phantom.side == "left")


def test_every_character_is_in_the_shipped_font() -> None:
    blank = [c for c in charset() if not glyph(c, 16, 16).any()]
    assert not blank
    assert FONT_FILE.stat().st_size < 200_000
    assert "SIL OPEN FONT LICENSE" in (FONT_FILE.parent / "OFL.txt").read_text("utf-8")


def test_shipped_images_are_what_the_builder_draws(tmp_path: Path) -> None:
    for path in write_standard_images(tmp_path):
        shipped = np.asarray(Image.open(IMAGES / path.name)).astype(int)
        # Freetype may round a pixel differently from one build to the next.
        assert np.abs(shipped - np.asarray(Image.open(path)).astype(int)).mean() < 2
        truth = path.with_suffix(".truth.json").name
        assert json.loads((IMAGES / truth).read_text("utf-8")) == json.loads((tmp_path / truth).read_text("utf-8"))


@pytest.mark.parametrize("name", STANDARD_LABS)
def test_standard_reports_print_the_chosen_values(name: str) -> None:
    report = standard_report(name)
    assert {r.name: float(r.value) for r in report.rows} == {k: float(v) for k, v in STANDARD_LABS[name][1].items()}
