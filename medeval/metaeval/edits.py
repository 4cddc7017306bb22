"""Operators: edits of an answer that a metric should notice, or (invariances) must not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from medeval.cases.schema import Language
from medeval.metaeval.items import Item, seeded
from medeval.metaeval.sentences import carriers

Aim = Literal["any", "key", "named", "stated"]
Reach = Literal["one", "same", "all"]
"""An edit changes one site, every site with the same words, or all sites."""


@dataclass(frozen=True)
class Site:
    """Characters `start:end` of an answer and what an operator puts there."""

    start: int
    end: int
    new: str

    def apply(self, text: str) -> str:
        """The edited text."""
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True)
class Edit:
    """An answer after an operator: `text`, and for people what stood there before and after."""

    operator: str
    aim: Aim
    severity: int
    text: str
    before: str
    after: str


SiteFinder = Callable[[str, Language], Iterator[Site]]
NamedTest = Callable[[Site, Item], bool]


@dataclass(frozen=True)
class Operator:
    """An edit that makes an answer worse.

    `family` shares its place: operators of one family hit the same site, so that their severities compare. `sites`
    yields every possible edit; `named` tells whether the checklist, `stated` whether the question holds what is edited.
    """

    name: str
    family: str
    zh: str
    en: str
    severity: int
    sites: SiteFinder
    named: NamedTest | None = None
    stated: NamedTest | None = None
    reach: Reach = "one"
    """Advice that comes twice is only gone when both are; a drug is swapped wherever it is named."""


def apply_operator(operator: Operator, item: Item, aim: Aim = "any") -> Edit | None:
    """The operator's edit of the item's answer; None where it does not apply.

    The place is drawn by a generator seeded by item, family and aim: among all sites (`any`), among those in sentences
    that carry a point of the checklist (`key`), among those that the checklist holds itself (`named`), and among
    figures that the question gives (`stated`).
    """
    found = [site for site in operator.sites(item.answer, item.language) if _changes(site, item.answer)]
    found = _aimed(operator, item, aim, found)
    if not found:
        return None
    draw = seeded(item.case.id, operator.family, aim)
    start = draw.choice(sorted({site.start for site in found}))
    chosen = draw.choice([site for site in found if site.start == start])
    text = item.answer
    for site in sorted(_reached(operator, aim, found, chosen, text), key=lambda s: s.start, reverse=True):
        text = site.apply(text)
    return _edit(operator, aim, item, text, chosen) if text.strip() else None


def _reached(operator: Operator, aim: Aim, found: list[Site], chosen: Site, text: str) -> list[Site]:
    """What is edited together; a figure that checklist or question name is edited everywhere."""
    reach: Reach = "same" if aim in ("named", "stated") and operator.reach == "one" else operator.reach
    if reach == "one":
        return [chosen]
    words = text[chosen.start : chosen.end].lower()
    return [
        s
        for s in found
        if reach == "all" or (text[s.start : s.end].lower() == words and s.new.lower() == chosen.new.lower())
    ]


def _edit(operator: Operator, aim: Aim, item: Item, text: str, site: Site) -> Edit:
    left, right = max(0, site.start - 30), min(len(item.answer), site.end + 30)
    before = item.answer[left:right]
    after = item.answer[left : site.start] + site.new + item.answer[site.end : right]
    return Edit(operator.name, aim, operator.severity, text, before, after)


def _changes(site: Site, text: str) -> bool:
    return text[site.start : site.end] != site.new


def _aimed(operator: Operator, item: Item, aim: Aim, found: list[Site]) -> list[Site]:
    if aim == "any":
        return found
    if aim == "stated":
        return [site for site in found if operator.stated is not None and operator.stated(site, item)]
    if aim == "named":
        return [site for site in found if operator.named is not None and operator.named(site, item)]
    inside = carriers(item.answer, item.checklist)
    return [site for site in found if any(s.start <= site.start < s.end for s in inside)]
