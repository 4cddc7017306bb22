"""Reference figures: what guidelines, textbooks and labels give for a drug, a test, a course, an age or a size.

Tables in `data/`: facts by specialty (`FACTS`), `doses.yaml` (drugs), `assays.yaml` (tests). An entry
speaks of a figure where one of its words stands beside it and the figure has its dimension. One of the `typical`
figures is supported, those that the source names first (`main`) most; one far beyond all of them (`possible`) cannot
be meant; in between nothing is known for certain.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from medeval.clinical.data_files import read_data
from medeval.clinical.quantities import Quantity
from medeval.clinical.reading import read
from medeval.clinical.units import canonical, convert, is_measurement

Verdict = Literal["typical", "usual", "other", "impossible"]
Range = tuple[float, float]
SCALES: dict[str, dict[str, float]] = {
    "time": {
        "second": 1 / 3600, "minute": 1 / 60, "hour": 1, "day": 24, "week": 168, "month": 730.5, "year": 8766,
        "age": 8766,
    },
    "mass": {"ug": 0.001, "mg": 1, "g": 1000},
    "volume": {"mL": 1, "L": 1000},
    "length": {"mm": 0.1, "cm": 1, "inch": 2.54, "foot": 30.48, "m": 100},
}  # fmt: skip
"""Units of one dimension, in hours, mg, mL and cm."""
_DIMENSION = {unit: name for name, scale in SCALES.items() for unit in scale}
OPEN = frozenset({"%", "℃", "/min", "mol/L", "/uL", "mg/dL", "g/dL", "mEq/L", "ug/dL", "ng/dL", "pg/mL"})
"""Units in which many tests are reported somewhere; what a test is never told in is judged by `analytes.yaml`."""
_FIGURE = re.compile(r"(?P<low>-?\d+(?:\.\d+)?)(?P<first>[^\d.\-]+)?(?:-(?P<high>\d+(?:\.\d+)?)(?P<unit>[^\d.\-]+)?)?")
FACTS = ("references.yaml", "references_medicine.yaml", "references_surgery.yaml")
SLACK = 0.015
"""Two figures in different units are the same within this share (30 days and 1 month)."""
LOWEST, HIGHEST = 1 / 12, 4.0
"""A dose is impossible below this share of the least and above this multiple of the largest on record."""


@dataclass(frozen=True, eq=False)
class Reference:
    """One entry. `typical` are (low, high) in the base unit of the dimension, equal for a single value."""

    words: tuple[str, ...]
    having: tuple[str, ...]
    dimension: str
    unit: str
    values: tuple[tuple[Range, str], ...]
    usual: Range | None
    possible: Range | None
    of: str
    """Name of the table: what is nearest to the figure counts alone among drugs and among tests."""
    substance: str = ""
    main: tuple[tuple[Range, str], ...] = ()
    """Those of `values` that the source recommends or names first."""

    def in_base(self, value: float, unit: str) -> float | None:
        """`value` in the base unit; None where it is of another dimension."""
        scale = SCALES.get(self.dimension)
        if scale is not None:
            return value * scale[unit] if unit in scale else None
        return convert(value, unit, self.unit, self.substance) if unit else None

    def is_main(self, quantity: Quantity) -> bool:
        """Whether a figure is one that the source names first."""
        found = [self.in_base(value, quantity.unit) for value in quantity.values]
        known = [value for value in found if value is not None]
        if not known or len(known) < len(found):
            return False
        stated, age = (min(known), max(known)), quantity.unit == "age"
        return _listed(stated, quantity.unit, self.main, age)

    def strength(self, unit: str) -> float:
        """1 for an entry of up to three figures, all in `unit`; less for a long list, and for the unit it uses less."""
        count = max(len(self.values), 3)
        spread = 0.5 * min(1.0, math.log(count / 3) / math.log(20))
        same = sum(own == unit for _, own in self.values) / max(1, len(self.values))
        return 1 - spread - 0.4 * (1 - same)

    def verdict(self, quantity: Quantity, near: bool) -> Verdict | None:
        """What is to be said of a figure; None where the entry does not speak of its dimension.

        A result `near` the name of its test in a unit that the test never has is impossible.
        """
        found = [self.in_base(value, quantity.unit) for value in quantity.values]
        if any(value is None for value in found):
            foreign = near and self.of == "assays" and is_measurement(quantity.unit) and quantity.unit not in OPEN
            return "impossible" if foreign else None
        stated = (min(v for v in found if v is not None), max(v for v in found if v is not None))
        age = quantity.unit == "age"
        if _listed(stated, quantity.unit, self.values, age):
            return "typical"
        if self.dimension == "time" and age != (self.unit == "age"):  # an age is judged by ages alone
            return None
        if quantity.kind == "range" and self._both_ends(stated, quantity.unit):
            return "typical"
        if self.possible and not self.possible[0] <= stated[0] <= stated[1] <= self.possible[1]:
            return "impossible"
        return "usual" if self.usual and self.usual[0] <= stated[0] <= stated[1] <= self.usual[1] else "other"

    def _both_ends(self, stated: Range, unit: str) -> bool:
        """Doses and cut-offs are also given as "40-80 mg" where 40 and 80 are on record."""
        if self.of == "references":
            return False
        ends = [(v, u) for (v, w), u in self.values if v == w]
        return all(any(_alike((end, end), (v, v), unit == u) for v, u in ends) for end in stated)


def _of_age(unit: str, age: bool) -> bool:
    """An age is like an age or a number of months or days of life, not like a number of years of illness."""
    return unit not in ("year", "hour", "minute", "second") if age else unit != "age"


def _listed(stated: Range, unit: str, listed: tuple[tuple[Range, str], ...], age: bool) -> bool:
    """Whether a figure of `unit` is one of those listed; a plain loop, since most of all figures end here."""
    low, high = stated
    for (first, last), own in listed:
        slack = 1e-6 if own == unit else SLACK
        if abs(low - first) <= slack * (abs(first) or 1e-9) and abs(high - last) <= slack * (abs(last) or 1e-9):
            if _of_age(own, age):
                return True
    return False


def _alike(stated: Range, typical: Range, same_unit: bool) -> bool:
    slack = 1e-6 if same_unit else SLACK
    return all(abs(a - b) <= slack * max(abs(b), 1e-9) for a, b in zip(stated, typical, strict=True))


def _scaled(value: float, unit: str) -> float:
    return value * SCALES[_DIMENSION[unit]][unit] if unit in _DIMENSION else value


def _values(unit: str, listed: Any) -> Iterator[tuple[Range, str]]:
    """(low, high) of every figure of a list: numbers, "5-10" ranges, and figures with a unit of their own ("2周")."""
    for entry in listed:
        if isinstance(entry, int | float):
            yield (_scaled(float(entry), unit), _scaled(float(entry), unit)), unit
            continue
        match = _FIGURE.fullmatch(str(entry))
        own = canonical(match["unit"] or match["first"] or "") if match else ""
        if match is None or ((match["unit"] or match["first"]) and not own):
            raise ValueError(f"no figure: {entry!r}")
        own = own or unit
        low = _scaled(float(match["low"]), canonical(match["first"] or "") or own)
        yield (low, _scaled(float(match["high"]), own) if match["high"] else low), own


def _range(unit: str, given: Any) -> Range | None:
    if given is None:
        return None
    return _scaled(float(given[0]), unit), _scaled(float(given[1]), unit)


def _words(entry: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(read(str(word)).text for word in entry.get(name, ()))


def _facts() -> Iterator[Reference]:
    for source in (source for name in FACTS for source in read_data(name)["sources"]):
        for entry in source["figures"]:
            unit = str(entry["unit"])
            yield Reference(
                _words(entry, "about"), _words(entry, "having"), _DIMENSION.get(unit, unit), unit,
                tuple(_values(unit, (*entry.get("main", ()), *entry.get("typical", ())))),
                _range(unit, entry.get("usual")), _range(unit, entry.get("possible")), "references", "",
                tuple(_values(unit, entry.get("main", ()))),
            )  # fmt: skip


_DOSES = ("mg", "g", "ug", "mg/kg", "g/kg", "ug/kg", "IU", "10^4IU", "mL", "L")


def _doses() -> Iterator[Reference]:
    for source in read_data("doses.yaml")["sources"]:
        for entry in source["drugs"]:
            for unit in _DOSES:
                if unit in entry:
                    values = tuple(_values(unit, entry[unit]))
                    main = tuple(_values("mg", entry.get("main", ()))) if _DIMENSION.get(unit) == "mass" else ()
                    low, high = min(v[0][0] for v in values), max(v[0][1] for v in values)
                    possible = (low * LOWEST, high * HIGHEST)
                    yield Reference(
                        _words(entry, "names"), (), _DIMENSION.get(unit, unit), unit, values, None, possible, "doses",
                        "", main,
                    )  # fmt: skip


def _assays() -> Iterator[Reference]:
    for source in read_data("assays.yaml")["sources"]:
        for entry in source["tests"]:
            unit = str(entry["unit"])
            limits = tuple(_values(unit, entry["limits"]))
            yield Reference(
                _words(entry, "names"), (), _DIMENSION.get(unit, unit), unit, limits,
                None, _range(unit, entry["possible"]), "assays", str(entry.get("substance", "")), limits,
            )  # fmt: skip


@lru_cache(maxsize=1)
def load_references() -> tuple[Reference, ...]:
    """Every entry of the three tables."""
    return (*_facts(), *_doses(), *_assays())
