"""One photo -> what is printed on it: upright image, words, rows with confidence, warnings, identifiers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medeval.errors import ImageError
from medeval.ocr.again import look_again, parted
from medeval.ocr.checks import check_rows
from medeval.ocr.identifiers import Box, blurred, identifying_boxes
from medeval.ocr.rows import LOW, ReportRow, headings, rows_of
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
            raise ImageError(
                f"无法写入 {path}（{error.strerror}）"
                f" / {path} cannot be written ({error.strerror})"
            ) from error


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
    words = parted(reader.words(upright.image), upright.image, reader) if upright.lines else []
    rows, warnings = check_rows(look_again(rows_of(words), upright.image, reader))
    is_report = _is_report(rows, words)
    if not is_report:
        rows, warnings = [], [NOT_A_REPORT]
    warnings += [
        f"{row.name} {row.value}: 看不清，请核对（可信度 {row.confidence:.2f}）"
        f" / hard to read, check it (confidence {row.confidence:.2f})"
        for row in rows if row.confidence < LOW and not row.doubts
    ]  # fmt: skip
    boxes = tuple(identifying_boxes(words, [row.box for row in rows]))
    return Report(upright.turned, upright.skew, is_report, tuple(rows), tuple(warnings), tuple(words), boxes, upright)


def read_file(path: Path, reader: Reader) -> Report:
    """The same for a file that `cases.images.intake` has cleaned."""
    with Image.open(path) as picture:
        return read_report(np.asarray(picture.convert("RGB")), reader)


def _is_report(rows: Sequence[ReportRow], words: Sequence[Word]) -> bool:
    """Listed tests with a range or a laboratory unit; a prescription or a food label has amounts, but neither."""
    known = sum(row.known for row in rows)
    solid = sum(bool(row.low or row.high or row.unit not in ("", "%")) for row in rows if row.known)
    text = "".join(word.text for word in words)
    headed = headings(text) >= 3 or bool(re.search(r"检验|化验|报告单", text))
    return solid >= FEWEST_ROWS or (headed and (known >= 1 or (len(rows) >= FEWEST_ROWS and headings(text) >= 2)))
