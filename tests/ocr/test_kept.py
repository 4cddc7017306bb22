"""What is kept of an upload: a picture in which nobody can be recognised, and what OCR read of it."""

import random
from pathlib import Path

import pytest
from PIL import Image

from medeval.cases.limits import FIRST_FRAME
from medeval.demo.photos import Camera, draw_photo
from medeval.errors import ImageError
from medeval.ocr.report import NOT_A_REPORT, read_file
from medeval.ocr.words import make_reader
from medeval.services.images import BLURRED, ImageDesk
from medeval.settings import ROOT


def test_a_photo_is_kept_without_its_person(tmp_path: Path) -> None:
    photo = draw_photo(random.Random(8), Camera(turned=90, skew=5.0), panels=1)
    source = tmp_path / "photo.jpg"
    source.write_bytes(photo.jpeg)
    desk = ImageDesk(tmp_path / "images")
    taken = desk.take(source)
    assert BLURRED in taken.notes
    kept = read_file(taken.path, make_reader("rapidocr"))
    text = "".join(word.text for word in kept.words)
    assert [name for name in photo.names if name in text] == []
    assert [row.value for row in kept.rows] == [row.value for row in photo.rows]
    says = desk.says(taken.path.name)
    assert says is not None and [row["name"] for row in says["rows"]] == [row.name for row in photo.rows]
    rows = desk.lab_rows([taken.path.name])
    assert [(row.name, row.value, row.flag) for row in rows] == [
        (row.name, float(row.value), row.flag) for row in photo.rows
    ]
    assert sorted(p.suffix for p in desk.folder.iterdir()) == [".json", ".png"]
    assert desk.take(source) == taken


def test_a_picture_without_writing_is_kept_as_it_is(tmp_path: Path) -> None:
    desk = ImageDesk(tmp_path / "images")
    taken = desk.take(ROOT / "test_cases" / "images" / "cxr-normal.png")
    says = desk.says(taken.path.name)
    assert says is not None and not says["is_lab_report"] and says["rows"] == []
    assert BLURRED not in taken.notes


def test_what_is_no_image_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_text("hello")
    desk = ImageDesk(tmp_path / "images")
    with pytest.raises(ImageError, match="a.png"):
        desk.take(source)
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize("size", [(1, 1), (900, 8)])
def test_too_small_a_picture_is_no_report(tmp_path: Path, size: tuple[int, int]) -> None:
    source = tmp_path / "small.png"
    Image.new("RGB", size, "white").save(source)
    report = ImageDesk(tmp_path / "images").report(source, "rapidocr")
    assert not report.is_lab_report and report.warnings == (NOT_A_REPORT,)


def test_only_the_first_of_several_pictures_is_read_and_that_is_said(tmp_path: Path) -> None:
    source = tmp_path / "two.gif"
    pages = [Image.new("RGB", (60, 40), colour) for colour in ("white", "black")]
    pages[0].save(source, save_all=True, append_images=pages[1:])
    assert ImageDesk(tmp_path / "images").report(source, "rapidocr").warnings == (FIRST_FRAME, NOT_A_REPORT)
