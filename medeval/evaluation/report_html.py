"""The HTML report: one file that works offline and prints, every answer with its evidence highlighted.

All text of cases, answers and errors is escaped by the template engine; only the charts of `charts`, which escape their
labels themselves, enter as markup.
"""

import base64
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medeval.errors import MedevalError
from medeval.evaluation import charts, verdicts, wording
from medeval.evaluation.against import Against
from medeval.evaluation.highlight import Piece, pieces
from medeval.evaluation.records import Cell, RunCase
from medeval.evaluation.report import LIMITS, losses, metric_label, metric_verdicts
from medeval.evaluation.tables import Mark, RunTables
from medeval.evaluation.wording import Lang
from medeval.halves import half

_THUMBNAIL = 480


@dataclass(frozen=True)
class Card:
    """One answer of one case: highlighted pieces and a line per metric; equal answers of repeats are one card."""

    cell: Cell
    repeats: str
    """Which repeats gave it, from 1; empty where there is only one repeat."""
    pieces: tuple[Piece, ...]
    score: str
    metrics: tuple[tuple[str, str, str, str], ...]
    """(label, value, reason, shade) of each scored metric; shade is good, fair or bad."""


@dataclass(frozen=True)
class Section:
    """One case with its images as data URIs and its answers."""

    item: RunCase
    title: str
    images: tuple[tuple[str, str], ...]
    """(file name, data URI; empty where the file cannot be read)."""
    cards: tuple[Card, ...]


def html_report(tables: RunTables, other: Against | None, lang: Lang) -> str:
    """The report as one self-contained page.

    Args:
        tables: of the run.
        other: an earlier run to compare with.
        lang: of the labels.
    """
    environment = Environment(
        loader=PackageLoader("medeval.evaluation", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        tables=tables,
        other=other,
        lang=lang,
        word=lambda key, **values: wording.word(key, lang, **values),
        mark=lambda found: wording.mark(found, lang),
        shade=mark_shade,
        verdict=lambda found: verdicts.verdict(found, lang),
        winners_first=verdicts.winners_first,
        metric_verdicts=lambda found: metric_verdicts(found, lang),
        losses=lambda found: losses(found, lang),
        firmness=verdicts.firmness(tables.sensitivity, lang) if tables.sensitivity else [],
        charts=_charts(tables, lang),
        limits=LIMITS,
        interval=wording.interval,
        number=wording.number,
        label=lambda name: metric_label(name, lang),
        facts=[*wording.facts(tables.run, lang), *wording.history(tables, lang)],
        sections=_sections(tables, lang),
    )


def _charts(tables: RunTables, lang: Lang) -> list[Markup]:
    labels = {name: metric_label(name, lang, short=True) for name in tables.metrics}
    shown = [kind(tables.metrics, tables.variants, labels, wording.word("metrics", lang))
             for kind in (charts.radar, charts.bars)]  # fmt: skip
    if not any(shown):
        return []
    return [Markup(text) for text in (charts.legend(tables.variants), *shown) if text]


def mark_shade(found: Mark) -> str:
    """Class of a table cell: good, fair, bad, error or none."""
    if found.asked and found.failed == found.asked:
        return "error"
    return "bad" if found.vetoed else _shade(found.value)


def _shade(value: float | None) -> str:
    if value is None:
        return "none"
    return "good" if value >= 0.75 else "fair" if value >= 0.4 else "bad"


def _sections(tables: RunTables, lang: Lang) -> list[Section]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for item in tables.cases:
            cards = tuple(_cards(tables, item.case.id, lang))
            images = tuple((image.name, _data_uri(image, Path(folder))) for image in item.case.images)
            found.append(Section(item, item.case.title.text(lang) or item.case.id, images, cards))
    return found


def _cards(tables: RunTables, case_id: str, lang: Lang) -> Iterator[Card]:
    for variant in tables.variants:
        groups: dict[tuple[str | None, str | None], list[Cell]] = {}
        for cell in tables.cells:
            if (cell.case_id, cell.variant) == (case_id, variant):
                groups.setdefault((cell.answer.text if cell.answer else None, cell.error), []).append(cell)
        for group in groups.values():
            repeats = "".join(f" #{cell.repeat + 1}" for cell in group) if tables.run.spec.repeats > 1 else ""
            yield _card(group[0], repeats.strip(), tables.profile, lang)


def _card(cell: Cell, repeats: str, profile: str, lang: Lang) -> Card:
    metrics = tuple(
        (metric_label(name, lang), wording.number(score.value), half(score.reason, lang), _shade(score.value))
        for name, score in cell.scores.items()
        if score.value is not None
    )
    parts = () if cell.answer is None else tuple(pieces(cell.answer.text, cell.scores))
    return Card(cell, repeats, parts, wording.number(cell.profile(profile)), metrics)


def _data_uri(image: Path, folder: Path) -> str:
    from PIL import Image

    from medeval.cases.images import intake

    try:
        clean = intake(image, folder)
    except (MedevalError, OSError):
        return ""
    with Image.open(clean.path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
