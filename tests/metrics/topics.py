"""The hand-written cases and answers of `topics.yaml`."""

from pathlib import Path
from typing import NamedTuple

import yaml

from medeval.cases.schema import Case

_TABLE = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text(encoding="utf-8"))
NAMES: list[str] = sorted(_TABLE["cases"])


class Pair(NamedTuple):
    """A good and a bad answer for one metric on one case."""

    case: str
    metric: str
    good: str
    bad: str


PAIRS = [Pair(**row) for row in _TABLE["pairs"]]


def case(name: str) -> Case:
    """One of the cases of the table."""
    return Case.model_validate({"id": name, "language": "zh", **_TABLE["cases"][name]})
