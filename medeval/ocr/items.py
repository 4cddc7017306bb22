"""The table of printed tests: names, abbreviations, units, and how a misread or cut-off print finds its test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml
from rapidfuzz import fuzz, process

from medeval.ocr.units import unit_of

ALIKE = 60.0
"""Similarity in percent from which a misread name is believed to be the test of its abbreviation."""
SHORTEST_CUT = 4
"""A cut-off name is recognised from this many characters."""
_ALIKE_LETTERS = str.maketrans({"0": "O", "1": "I", "L": "I", "Α": "A", "Β": "B"})
"""Upper-case letters that engines confuse; Α and Β are α and β in upper case."""
_MARKS = re.compile(r"[★*▲﹡]")
_THREE = re.compile(r"(?<=[\u4e00-\u9fff])(?:川|I{3,6})$")
"""A Roman three as engines read it."""


@dataclass(frozen=True)
class Item:
    """One test: `name` in full, `names` all printed forms, abbreviations and units as printed."""

    name: str
    names: tuple[str, ...]
    abbr: tuple[str, ...]
    units: tuple[str, ...]


@lru_cache(maxsize=1)
def items() -> tuple[Item, ...]:
    """All tests of the table."""
    found = yaml.safe_load((files("medeval.ocr") / "items.yaml").read_text("utf-8"))
    return tuple(
        Item(e["name"], (e["name"], *e.get("also", ())), tuple(map(str, e["abbr"])), tuple(e["units"])) for e in found
    )


@lru_cache(maxsize=1)
def _by_name() -> dict[str, Item]:
    return {name.upper(): item for item in items() for name in item.names}


@lru_cache(maxsize=1)
def _by_shape() -> dict[str, Item]:
    return {_shape(name): item for name, item in _by_name().items()}


def plain(text: str) -> str:
    """Upper case without blanks and decorations, for comparison only."""
    return _THREE.sub("III", "".join(_MARKS.sub("", text).split())).upper()


@lru_cache(maxsize=1)
def _abbrs() -> frozenset[str]:
    return frozenset(_shape(plain(abbr)) for item in items() for abbr in item.abbr)


@lru_cache(maxsize=1)
def _mixed() -> tuple[str, ...]:
    """Names that hold more than Chinese characters, longest first: type alone does not tell where they end."""
    mixed = [plain(name) for name in _by_name() if not all("\u4e00" <= char <= "\u9fff" for char in name)]
    return tuple(sorted(mixed, key=len, reverse=True))


def is_abbr(text: str) -> bool:
    """Whether this is a listed abbreviation."""
    return _shape(plain(text)) in _abbrs()


def is_name(text: str) -> bool:
    """Whether this is a listed name in full."""
    return plain(text) in _by_name()


def known_start(text: str) -> int:
    """How many characters of a listed name with letters or figures in it the text begins with; 0 for none."""
    shape = _shape(text.upper())
    found = next((len(name) for name in _mixed() if shape.startswith(_shape(name))), 0)
    if not 0 < found < len(text):
        return found
    pair = text[found - 1 : found + 1]
    # A figure behind a figure, or a letter behind a letter, would be cut in two.
    return 0 if re.fullmatch(r"\d[\d.]|[A-Za-z]{2}", pair) else found


@dataclass(frozen=True)
class Found:
    """A recognised print: the full name of its form, its test, and whether the print had to be completed."""

    name: str
    item: Item
    exact: bool


@lru_cache(maxsize=4096)
def find_item(name: str, abbr: str, unit: str = "", clear: bool = False) -> Found | None:
    """The test that a printed name (whole, cut off or misread), its abbreviation and its unit stand for.

    Args:
        name: as read; may be empty.
        abbr: as read; may be empty.
        unit: as read; tells tests of one abbreviation apart.
        clear: the print was read without doubt, so that a name which is not listed is another test, not a misread one.
    """
    wanted, short = plain(name), plain(abbr)
    exact = _by_name().get(wanted) or _by_shape().get(_shape(wanted))
    if exact is not None:
        return Found(_form(exact, wanted), exact, True)
    named = [item for item in items() if short and _shape(short) in map(_shape, map(plain, item.abbr))]
    if not wanted:
        return _by_abbr(named, unit)
    cut = [
        (form, item)
        for item in items()
        for form in item.names
        if len(wanted) >= SHORTEST_CUT and plain(form).startswith(wanted)
    ]
    both = [(form, item) for form, item in cut if item in named] or cut
    if both:
        return Found(both[0][0], both[0][1], False) if len({item.name for _, item in both}) == 1 else None
    return None if clear else _misread(wanted, named, unit)


def _shape(text: str) -> str:
    """Letters and figures that look alike made one."""
    return text.translate(_ALIKE_LETTERS).rstrip("+-")


def _form(item: Item, wanted: str) -> str:
    return next(form for form in item.names if _shape(form.upper()) == _shape(wanted))


def _by_abbr(named: list[Item], unit: str) -> Found | None:
    """Some abbreviations stand for several tests (PCT); the unit tells which, or the first where all share it."""
    fitting = [item for item in named if unit and _has_unit(item, unit)] or named
    if not fitting or len({item.units for item in fitting}) > 1:
        return None
    return Found(fitting[0].name, fitting[0], False)


def _has_unit(item: Item, unit: str) -> bool:
    return unit_of(unit, item.units).upper() in map(str.upper, item.units)


def _misread(wanted: str, named: list[Item], unit: str) -> Found | None:
    """A name with a few Chinese characters misread, whole or cut off; close to one test only.

    Letters and figures in it (A1, T3, 125) must be right: they tell tests apart.
    """
    near: list[tuple[int, str, Item]] = []
    for form, item in _by_name().items():
        if named and item not in named:
            continue
        wrong = _wrong(wanted, form)
        sure = item in named or (bool(unit) and _has_unit(item, unit))
        if wrong is not None and wrong <= _allowed(len(wanted), sure) and (sure or not unit or not any(item.units)):
            near.append((wrong, form, item))
    near.sort(key=lambda entry: (entry[0], len(entry[1])))
    rivals = [n for n in near[1:] if n[2] is not near[0][2] and n[0] <= near[0][0]]
    if not near or rivals or (len(near[0][1]) > len(wanted) and len(wanted) < 5):
        return _alike(wanted, named)
    return Found(_form(near[0][2], near[0][1]), near[0][2], False)


def _allowed(length: int, sure: bool) -> int:
    """How many characters of a name may be misread; more where abbreviation or unit say the same."""
    if length < 4:
        return int(sure and length == 3)
    return (1 if length < 8 else 2) + int(sure and length > 4)


def _wrong(wanted: str, form: str) -> int | None:
    """Characters that differ, form cut to length; None where the lengths or the letters and figures do."""
    if len(form) < len(wanted):
        return None
    pairs = [(mine, listed) for mine, listed in zip(wanted, form, strict=False) if mine != listed]
    return None if any(ord(min(pair)) < 0x2E80 for pair in pairs) else len(pairs)


def _alike(wanted: str, named: list[Item]) -> Found | None:
    """A name with characters lost or doubled, where its abbreviation says the same test."""
    for item in named:
        forms = {form.upper(): form for form in item.names}
        match = process.extractOne(wanted, list(forms), scorer=fuzz.ratio)
        if match is not None and match[1] >= ALIKE:
            return Found(forms[match[0]], item, False)
    return None
