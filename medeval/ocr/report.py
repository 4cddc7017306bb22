"""One photo -> what is printed on it: upright image, words, rows with confidence, warnings, identifiers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medeval.errors import ImageError
from medeval.ocr.checks import check_rows, outside
from medeval.ocr.identifiers import Box, blurred, identifying_boxes
from medeval.ocr.rows import FLAGS, HEADINGS, LOW, ReportRow, rows_of
from medeval.ocr.tokens import even
from medeval.ocr.upright import Turn, Upright, set_upright
from medeval.ocr.words import Pixels, Reader, Word

FEWEST_ROWS = 2
NOT_A_REPORT = "图中没有读到化验单 / no lab report was found in the image"


@dataclass(frozen=True)
class Report:
    """What a photo says. `orientation`: degrees counter-clockwise the photo was turned."""

    orientation: Turn
    skew: float
    is_lab_report: bool
    rows: tuple[ReportRow, ...]
    warnings: tuple[str, ...]
    words: tuple[Word, ...]
    identifiers: tuple[Box, ...]
    upright: Upright

    @property
    def image(self) -> Pixels:
        """The upright image, identifiers and all: for reading, not for showing."""
        return self.upright.image

    def hide(self, photo: Pixels) -> Pixels:
        """The photo as it was taken, [height, width, 3], identifiers blurred; unchanged where there are none."""
        if not self.identifiers:
            return photo
        mask = np.zeros(self.image.shape[:2], np.uint8)
        for left, top, right, bottom in self.identifiers:
            mask[max(0, int(top) - 3) : int(bottom) + 4, max(0, int(left) - 2) : int(right) + 3] = 255
        hidden = self.upright.back(mask, *photo.shape[:2])[..., None] > 0
        size = max(1, photo.shape[1] // 40), max(1, photo.shape[0] // 40)
        coarse = Image.fromarray(photo).resize(size, Image.Resampling.BOX)
        blur = np.asarray(coarse.resize((photo.shape[1], photo.shape[0]), Image.Resampling.BILINEAR))
        return np.where(hidden, blur, photo)

    @property
    def shown(self) -> Pixels:
        """The upright image with identifiers blurred: the only form that is shown or stored."""
        return blurred(self.image, self.identifiers)


    def save(self, path: Path) -> None:
        """Writes the shown image as PNG.

        Raises:
            ImageError: the file cannot be written.
        """
        try:
            Image.fromarray(self.shown).save(path, "PNG")
        except OSError as error:
            raise ImageError(f"无法写入 {path}（{error.strerror}） / cannot be written") from error


def as_json(report: Report) -> dict[str, Any]:
    """The document of `medeval ocr --json`; figures are strings as printed, boxes in pixels of the upright image."""
    return {
        "orientation": report.orientation,
        "skew": round(report.skew, 1),
        "is_lab_report": report.is_lab_report,
        "rows": [
            {
                "name": row.name, "abbr": row.abbr, "value": row.value, "unit": row.unit, "low": row.low,
                "high": row.high, "flag": row.flag, "confidence": row.confidence,
                "low_confidence": not row.sure, "doubts": list(row.doubts), "box": [round(v) for v in row.box],
            }
            for row in report.rows
        ],
        "warnings": list(report.warnings),
    }  # fmt: skip


def read_report(image: Pixels, reader: Reader) -> Report:
    """Reads a photo of a lab report, turned and skewed as it may be.

    Args:
        image: [height, width, 3], RGB.
        reader: an OCR engine of `words.make_reader`.

    Returns:
        Rows as printed; a picture that is no report has no rows and one warning that says so.
    """
    upright = set_upright(image, reader)
    words = reader.words(upright.image) if upright.lines else []
    again = _read_again(rows_of(words), upright.image, reader)
    rows, warnings = check_rows([_flag_again(row, upright.image, reader) for row in again])
    is_report = _is_report(rows, words)
    if not is_report:
        rows, warnings = [], [NOT_A_REPORT]
    warnings += [
        f"{row.name} {row.value}：看不清，请核对（可信度 {row.confidence:.2f}） / hard to read, check it"
        for row in rows if row.confidence < LOW and not row.doubts
    ]  # fmt: skip
    boxes = tuple(identifying_boxes(words))
    return Report(
        upright.turned, upright.skew, is_report, tuple(rows), tuple(warnings), tuple(words), boxes, upright
    )


def read_file(path: Path, reader: Reader) -> Report:
    """The same for a file that `cases.images.intake` has cleaned."""
    with Image.open(path) as picture:
        return read_report(np.asarray(picture.convert("RGB")), reader)


def _is_report(rows: Sequence[ReportRow], words: Sequence[Word]) -> bool:
    known = sum(row.known for row in rows)
    text = "".join(word.text for word in words)
    headed = sum(word in text for word in HEADINGS) >= 2 or bool(re.search(r"检验|化验|报告单", text))
    return known >= FEWEST_ROWS or (len(rows) >= FEWEST_ROWS and headed) or (len(rows) >= 1 and known >= 1 and headed)


def _read_again(rows: Sequence[ReportRow], image: Pixels, reader: Reader) -> list[ReportRow]:
    """A second look at each value alone; where the two readings differ the row is doubted, not changed."""
    crops = [_enlarged(image, row.value_box, 0.3 * _height(row), 0.12 * _height(row)) for row in rows]
    readings = iter(reader.lines([crop for crop in crops if crop is not None]))
    return [row if crop is None else _compared(row, *next(readings)) for row, crop in zip(rows, crops, strict=True)]


def _height(row: ReportRow) -> float:
    return row.value_box[3] - row.value_box[1]


def _compared(row: ReportRow, text: str, confidence: float) -> ReportRow:
    if row.value in text.replace(" ", ""):
        return row
    if not any(char.isdigit() for char in text):
        return row.doubted("第二次没有读到数值 / not found on a second look", 0.79)
    return row.doubted(f"第二次读作 {text} / read as {text} on a second look", min(0.6, confidence))


def _flag_again(row: ReportRow, image: Pixels, reader: Reader) -> ReportRow:
    """A second look for a flag where the figure is outside its range and none was read."""
    if row.flag or row.gap is None or not outside(row):
        return row
    ink = _ink(image, row.gap)
    crop = None if ink is None else _enlarged(image, ink, 6, 4)
    if crop is None:
        return row
    text, confidence = reader.lines([crop])[0]
    flag = FLAGS.get(even(text).strip()[:1].upper(), "")
    return replace(row, flag=flag) if flag and confidence > 0.3 else row


def _ink(image: Pixels, area: Box) -> Box | None:
    """The part of an area that is printed on; None where it is blank."""
    left, top, right, bottom = (max(0, int(v)) for v in area)
    grey = image[top:bottom, left:right].mean(axis=2)
    if grey.size == 0:
        return None
    dark = grey < np.median(grey) - max(25.0, 0.25 * float(np.median(grey)))
    columns, rows = np.flatnonzero(dark.sum(axis=0) >= 2), np.flatnonzero(dark.any(axis=1))
    # Ink that touches the value's edge is the value's own last digit.
    columns = columns[columns > 2]
    if len(columns) < 3 or len(rows) < 5:
        return None
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1


def _enlarged(image: Pixels, box: Box, pad_x: float, pad_y: float) -> Pixels | None:
    left, top, right, bottom = box
    crop = image[
        max(0, int(top - pad_y)) : int(bottom + pad_y) + 1, max(0, int(left - pad_x)) : int(right + pad_x) + 1
    ]
    if min(crop.shape[:2], default=0) < 8:
        return None
    size = crop.shape[1] * 2, crop.shape[0] * 2
    return np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
