"""Photos with known truth are read row by row, however they lie; what is no report is said to be none."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from medeval.demo.photos import Camera, Photo, draw_photo
from medeval.ocr.report import NOT_A_REPORT, Report, as_json, read_report
from medeval.ocr.words import Pixels, Reader, make_reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return make_reader("rapidocr")


def pixels(photo: Photo) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(photo.jpeg)).convert("RGB"))


def exact(report: Report, photo: Photo) -> int:
    """How many printed rows were read whole."""
    got = {(r.name, r.value, r.unit, r.low, r.high, r.flag) for r in report.rows}
    return sum((r.name, r.value, r.unit, r.low, r.high, r.flag) in got for r in photo.rows)


@pytest.fixture(scope="module")
def upright(reader: Reader) -> tuple[Photo, Report]:
    """A photo that nobody turned, and what was read of it."""
    photo = draw_photo(random.Random(0), Camera(skew=4.0), panels=1)
    return photo, read_report(pixels(photo), reader)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_turned_sheet_is_read_without_being_told(
    reader: Reader, upright: tuple[Photo, Report], turned: int
) -> None:
    photo, report = upright
    if turned:
        photo = draw_photo(random.Random(turned), Camera(turned=turned, skew=4.0), panels=1)
        report = read_report(pixels(photo), reader)
    assert report.orientation == turned and report.is_lab_report
    assert exact(report, photo) == len(photo.rows)


def test_two_panels_skewed_dark_and_blurred(reader: Reader) -> None:
    camera = Camera(skew=-9.0, shadow=0.4, blur=0.8, quality=55, noise=5.0, tilt=0.02)
    photo = draw_photo(random.Random(5), camera, panels=2)
    report = read_report(pixels(photo), reader)
    assert exact(report, photo) >= 0.9 * len(photo.rows)
    truth = {row.name: row.value for row in photo.rows}
    assert [r for r in report.rows if r.sure and truth.get(r.name) != r.value] == []


@pytest.mark.heavy
def test_many_photos(reader: Reader) -> None:
    right = whole = silent = 0
    for seed in range(100, 140):
        photo = draw_photo(random.Random(seed))
        report = read_report(pixels(photo), reader)
        truth = {row.name: row.value for row in photo.rows}
        right, whole = right + exact(report, photo), whole + len(photo.rows)
        silent += sum(r.sure and truth.get(r.name) != r.value for r in report.rows)
    assert right / whole >= 0.9 and silent / whole <= 0.02


def test_identifiers_cannot_be_read_in_what_is_shown(reader: Reader) -> None:
    photo = draw_photo(random.Random(3), Camera(), panels=1)
    report = read_report(pixels(photo), reader)
    before = "".join(word.text for word in report.words)
    after = "".join(word.text for word in reader.words(report.shown))
    for name in photo.names:
        assert name in before and name not in after
    assert photo.rows[0].value in after


@pytest.mark.parametrize("kind", ["grey", "noise", "words"])
def test_other_pictures_are_said_to_be_no_report(reader: Reader, kind: str) -> None:
    if kind == "grey":
        image = np.full((300, 400, 3), 128, np.uint8)
    elif kind == "noise":
        image = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    else:
        from PIL import ImageDraw, ImageFont

        from medeval.demo.photos import FONT_FILE

        page = Image.new("RGB", (500, 200), "white")
        font = ImageFont.truetype(str(FONT_FILE), 32)
        ImageDraw.Draw(page).text((40, 80), "示意医院 内科门诊 8:30", font=font, fill=0)
        image = np.asarray(page)
    report = read_report(image, reader)
    assert not report.is_lab_report and report.rows == ()
    assert list(report.warnings) == [NOT_A_REPORT]


def test_document_has_the_fields_scripts_depend_on(upright: tuple[Photo, Report]) -> None:
    found = as_json(upright[1])
    assert set(found) >= {"orientation", "is_lab_report", "rows", "warnings"}
    fields = {"name", "abbr", "value", "unit", "low", "high", "flag", "confidence", "box"}
    assert all(set(row) >= fields and isinstance(row["value"], str) for row in found["rows"])
