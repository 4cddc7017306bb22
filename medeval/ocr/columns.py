"""Where the columns of a sheet stand, learnt from the rows that were read: for what single rows lack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medeval.ocr.drafts import Draft
from medeval.ocr.tokens import Token, number

Box = tuple[float, float, float, float]
Cell = tuple[Box, Box]
"""The box of a row's value and that of the cell looked for."""
WIDEST = 0.62
"""A figure is at most this part of its line's height wide."""
STRAIGHT = 0.8
"""Cells of one column begin at most this many print heights apart, skew included."""
NEIGHBOURS = 8
"""Rows at most this many print heights away stand for a row's own column: a fold bends the sheet beyond."""
PANEL = 4
"""Values of one panel begin within this many print heights."""


def place_units(drafts: Sequence[Draft]) -> None:
    """Words that could not be read as units, but stand in the place of the units of the rows around, are units."""
    known = [token for draft in drafts for token in draft.tokens if token.kind == "unit" and draft.complete]
    for draft in drafts:
        if draft.unit or draft.value is None:
            continue
        for token in draft.extra:
            if _alone(token, draft) and any(_below(token.word.box, other.box) for other in known):
                draft.unit = token.word.text.strip()
                break


def _alone(token: Token, draft: Draft) -> bool:
    """Whether nothing of the token's word has found a place in the row."""
    return all(other in draft.extra for other in draft.tokens if other.word is token.word)


def _below(box: Box, other: Box) -> bool:
    height = other[3] - other[1]
    return abs(box[0] - other[0]) < STRAIGHT * height and 0 < abs(box[1] - other[1]) < NEIGHBOURS * height


class Columns:
    """Cells of a kind in the rows around a row."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._values = [draft.value.box for draft in drafts if draft.value is not None]
        self._flags = _cells(drafts, lambda draft: next((t for t in draft.tokens if t.kind == "flag"), None))
        figures = [draft for draft in drafts if draft.value is not None and number(draft.value.text) is not None]
        self._ranges = _cells(figures or drafts, lambda draft: draft.range)

    def flag_cells(self, draft: Draft) -> tuple[Box, ...]:
        """Where the row's flag may stand: beneath its neighbours' flags, else in an empty place beside the value."""
        if draft.value is None:
            return ()
        tokens = [token for token in draft.tokens if token not in draft.extra]
        cell = _cell(self._flags, draft, 0.6)
        free = cell is not None and not any(_meet(cell, token.box) for token in tokens)
        return (*((cell,) if free and cell is not None else ()), *_gaps(draft.value, tokens))

    @property
    def range_first(self) -> bool:
        """Whether ranges stand in front of the values."""
        front = sum(box[0] < value[0] for value, box in self._ranges)
        return front > len(self._ranges) / 2

    def strays(self, draft: Draft) -> bool:
        """Whether what was taken for the value stands where the other rows have their ranges."""
        if draft.value is None or draft.range is not None:
            return False
        mine = draft.value.box
        beside = sum(_meet(mine, box) for box in self._values if box is not mine)
        return beside == 0 and sum(_meet(mine, box) for _, box in self._ranges) >= 2

    def range_cell(self, draft: Draft) -> Box | None:
        """Where the row's range would stand."""
        return _cell(self._ranges, draft, 0.4)


def _cells(drafts: Sequence[Draft], pick: Callable[[Draft], Token | None]) -> list[Cell]:
    found = [(draft.value, pick(draft)) for draft in drafts]
    return [(value.box, token.box) for value, token in found if value is not None and token is not None]


def _cell(cells: Sequence[Cell], draft: Draft, pad: float) -> Box | None:
    """The cell at this row's height, from the nearest rows of the same panel."""
    if draft.value is None:
        return None
    mine = draft.value.box
    height = mine[3] - mine[1]
    panel = [cell for cell in cells if abs(cell[0][0] - mine[0]) < PANEL * height]
    near = sorted(panel, key=lambda cell: abs(cell[0][1] - mine[1]))[:3]
    if not near:
        return None
    down = sum(cell[1][1] - cell[0][1] for cell in near) / len(near)
    left, right = min(cell[1][0] for cell in near), max(cell[1][2] for cell in near)
    return left - pad * height, mine[1] + down, right + pad * height, mine[3] + down


def _meet(box: Box, other: Box) -> bool:
    return min(box[2], other[2]) - max(box[0], other[0]) > 2


def _gaps(value: Token, tokens: Sequence[Token]) -> list[Box]:
    """Empty places of the row, those behind the value first, then that in front of it."""
    top, height, bottom = value.box[1], value.box[3] - value.box[1], value.box[3]
    # A box wider than its figures holds a mark that was not read.
    printed = value.box[0] + WIDEST * height * len(value.text)
    left = printed if value.box[2] - printed > 0.5 * height else value.box[2]
    found: list[Box] = []
    for token in sorted((t for t in tokens if t.box[0] > value.box[2] - 2 and t is not value), key=lambda t: t.box[0]):
        if token.box[0] - left >= 0.4 * height:
            found.append((left, top, token.box[0], bottom))
        left = max(left, token.box[2])
    found.append((left, top, left + 5 * height, bottom))
    before = max((t.box[2] for t in tokens if t.box[2] < value.box[0] + 2 and t is not value), default=None)
    if before is not None and value.box[0] - before >= 0.8 * height:
        found.append((before, top, value.box[0], bottom))
    return found
