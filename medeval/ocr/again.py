"""A second look at single cells, enlarged: values are compared, what was missed is read, nothing read is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from medeval.ocr.checks import outside
from medeval.ocr.items import find_item
from medeval.ocr.rows import LOW, ReportRow, limits
from medeval.ocr.tokens import DOWN, FLAGS, SIGN, UP, even, tokens_of
from medeval.ocr.words import Pixels, Reader, Word

Box = tuple[float, float, float, float]
TALL = 1.7
"""A narrow box this many times higher than a line holds several lines: flags that stand under one another."""
SURE_ENOUGH = 0.7
"""Confidence of the engine from which a range that the first look missed is taken."""
FAINT = 0.2
"""Confidence below which a mark is noise; a lone arrow is no word, so that engines are never sure of one."""
_LOOKS_LIKE = {"V": DOWN, "v": DOWN, "∨": DOWN, "^": UP, "A": UP, "∧": UP, "个": UP, "T": UP, "t": UP}
"""How a lone arrow or triangle is read; only believed in the cell of a flag."""


def parted(words: Sequence[Word], image: Pixels, reader: Reader) -> list[Word]:
    """Words as read, those over several lines cut into lines and read again."""
    if not words:
        return []
    line = float(np.median([word.height for word in words]))
    found: list[Word] = []
    for word in words:
        left, top, right, bottom = word.box
        lines = round(word.height / line)
        if word.height < TALL * line or right - left > 2.5 * line or lines < 2:
            found.append(word)
            continue
        step = word.height / lines
        boxes = [(left, top + i * step, right, top + (i + 1) * step) for i in range(lines)]
        crops = [_enlarged(image, box, 2, 0) for box in boxes]
        read = iter(reader.lines([crop for crop in crops if crop is not None]))
        pieces = [(box, *next(read)) for box, crop in zip(boxes, crops, strict=True) if crop is not None]
        found += [Word(_mark(text) or text, box, score) for box, text, score in pieces if text.strip()]
    return found


def look_again(rows: Sequence[ReportRow], image: Pixels, reader: Reader) -> list[ReportRow]:
    """Each value alone, larger; the flag's cell where the figure is outside its range; names and ranges not found."""
    values = [_enlarged(image, row.value_box, 0.3 * _height(row), 0.12 * _height(row)) for row in rows]
    names = [None if row.known or row.name_box is None else _enlarged(image, row.name_box, 3, 2) for row in rows]
    ranges = [None if row.range_gap is None else _enlarged(image, row.range_gap, 0, 2) for row in rows]
    crops = [crop for crop in (*values, *names, *ranges) if crop is not None]
    readings = iter(reader.lines(crops))
    rows = [row if crop is None else _compared(row, *next(readings)) for row, crop in zip(rows, values, strict=True)]
    rows = [row if crop is None else _named(row, *next(readings)) for row, crop in zip(rows, names, strict=True)]
    rows = [row if crop is None else _ranged(row, *next(readings)) for row, crop in zip(rows, ranges, strict=True)]
    return [_directed(_flag_again(row, image, reader)) for row in rows]


def _directed(row: ReportRow) -> ReportRow:
    """A star says that the figure is outside its range; the range says on which side."""
    return replace(row, flag=outside(row)) if row.flag == "*" else row


def _height(row: ReportRow) -> float:
    return row.value_box[3] - row.value_box[1]


def _compared(row: ReportRow, text: str, confidence: float) -> ReportRow:
    """Where the two readings of a value differ the row is doubted, not changed."""
    word = Word(text, row.value_box, confidence)
    seen = {_bare(token.text) for token in tokens_of(word) if token.kind in ("value", "range")}
    if _bare(row.value) in seen | {_bare(even(text))}:
        return row
    if not any(char.isdigit() for char in text):
        return row.doubted("第二次没有读到数值 / not found on a second look", LOW - 0.01)
    return row.doubted(f"第二次读作 {text} / read as {text} on a second look", min(0.6, confidence))


def _bare(text: str) -> str:
    """A result without blanks and without a sign in brackets: 阴性(-) is 阴性, but 弱阳性 is not 阳性."""
    return SIGN.sub("", text.replace(" ", "")) or text


def _named(row: ReportRow, text: str, confidence: float) -> ReportRow:
    """A name that is no listed test, read again: taken where the second reading is one."""
    word = Word(text, row.box, confidence)
    seen = next((token.text for token in tokens_of(word) if token.kind == "name"), "")
    found = find_item(seen, row.abbr) if seen else None
    return replace(row, name=found.name, known=True) if found is not None else row


def _ranged(row: ReportRow, text: str, confidence: float) -> ReportRow:
    """A range that was not read, or not as a range."""
    word = Word(text, row.box, confidence)
    seen = [token.text for token in tokens_of(word) if token.kind == "range"]
    if len(seen) != 1 or confidence < SURE_ENOUGH:
        return row
    low, high = limits(seen[0])
    return replace(row, low=low, high=high)


def _flag_again(row: ReportRow, image: Pixels, reader: Reader) -> ReportRow:
    """A second look for a flag where the figure is outside its range and none was read."""
    if row.flag or not outside(row):
        return row
    for gap in row.gaps:
        ink = _ink(image, gap)
        crop = None if ink is None else _enlarged(image, ink, 6, 4)
        if crop is None:
            continue
        text, confidence = reader.lines([crop])[0]
        flag = _mark(text)
        # What only looks like an arrow is no ground for a contradiction.
        if flag and confidence > FAINT and (flag == outside(row) or even(text).strip()[:1] in "↑↓HL高低偏"):
            return replace(row, flag=flag)
    return row


def _mark(text: str) -> str:
    plain = even(text).strip()
    return FLAGS.get(plain, FLAGS.get(plain[:1].upper(), "")) or _LOOKS_LIKE.get(plain[:1], "")


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
    crop = image[max(0, int(top - pad_y)) : int(bottom + pad_y) + 1, max(0, int(left - pad_x)) : int(right + pad_x) + 1]
    if min(crop.shape[:2], default=0) < 8:
        return None
    size = crop.shape[1] * 2, crop.shape[0] * 2
    return np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
