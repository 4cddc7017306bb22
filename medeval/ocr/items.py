"""The table of printed tests: names, abbreviations, units, and how a misread or cut-off print finds its test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml
from rapidfuzz import fuzz, process

SHORTEST_CUT = 4
"""A cut-off name is recognised from this many characters."""
CLOSE = 82.0
"""Similarity in percent from which a misread name counts as the listed one."""


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


def plain(text: str) -> str:
    """Upper case without blanks and decorations, for comparison only."""
    return "".join(text.replace("★", "").replace("*", "").replace("▲", "").replace("﹡", "").split()).upper()


@dataclass(frozen=True)
class Found:
    """A recognised print: the full name of its form, its test, and whether the print had to be completed."""

    name: str
    item: Item
    exact: bool


@lru_cache(maxsize=4096)
def find_item(name: str, abbr: str) -> Found | None:
    """The test that a printed name (whole, cut off or misread) with its abbreviation stands for."""
    wanted, short = plain(name), plain(abbr)
    exact = _by_name().get(wanted)
    if exact is not None:
        return Found(_form(exact, wanted), exact, True)
    named = [item for item in items() if short and short in map(plain, item.abbr)]
    if not wanted:
        return Found(named[0].name, named[0], False) if len(named) == 1 else None
    cut = [
        (form, item)
        for item in items()
        for form in item.names
        if len(wanted) >= SHORTEST_CUT and plain(form).startswith(wanted)
    ]
    both = [(form, item) for form, item in cut if item in named] or cut
    if both and (len({item.name for _, item in both}) == 1):
        return Found(both[0][0], both[0][1], False)
    return _close(wanted, named)


def _form(item: Item, wanted: str) -> str:
    return next(form for form in item.names if form.upper() == wanted)


def _close(wanted: str, named: list[Item]) -> Found | None:
    """A misread name: close to a listed one, closer is not asked for where the abbreviation says the same."""
    best = process.extractOne(wanted, list(_by_name()), scorer=fuzz.ratio)
    if best is not None and best[1] >= CLOSE and len(wanted) >= SHORTEST_CUT:
        item = _by_name()[best[0]]
        if not named or item in named:
            return Found(_form(item, best[0]), item, False)
    for item in named:
        forms = {form.upper(): form for form in item.names}
        match = process.extractOne(wanted, list(forms), scorer=fuzz.ratio)
        if match is not None and match[1] >= 50:
            return Found(forms[match[0]], item, False)
    return None
