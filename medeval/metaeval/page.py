"""The HTML report: one file that works offline; all text is escaped by the template engine."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from medeval.cases.schema import Language
from medeval.metaeval.scoring import BASELINE, PROFILE
from medeval.metaeval.table import bar, number
from medeval.metaeval.wording import word

_SHADE = {"met": "good", "not met": "bad", "not enough data": "fair", "reported": "none", "rated": "good",
          "descriptive": "bad", "unmeasured": "none"}  # fmt: skip


def html_page(document: Mapping[str, Any], lang: Language, *, shipped: bool) -> str:
    """The report as one self-contained page.

    Args:
        document: of `document_of`.
        lang: of the words.
        shipped: whether it was measured on the shipped set, which the page then says.
    """
    environment = Environment(
        loader=PackageLoader("medeval.metaeval", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    template = environment.get_template("report.html.j2")
    return template.render(
        doc=document, lang=lang, shipped=shipped, word=lambda key: word(key, lang), number=number, bar=bar,
        shade=_SHADE, names=_names(lang), operators={o["name"]: o[lang] for o in document["operators"]},
        best=best_baseline, alone=lambda row: _alone(row, lang),
    )  # fmt: skip


def _names(lang: Language) -> dict[str, str]:
    """Labels of the metrics, of invariances and of tricks."""
    import medeval.metrics  # noqa: F401  registers the metrics
    from medeval.metaeval.gaming import TRICKS
    from medeval.metaeval.invariance import INVARIANCES
    from medeval.metrics.score import all_metrics

    found = {name: metric.zh if lang == "zh" else metric.en for name, metric in all_metrics().items()}
    found |= {"other_swap": "≠", "other_small": "×1.1", "other_double": "×2"}
    found |= {change.name: change.zh if lang == "zh" else change.en for change in INVARIANCES}
    return found | {trick.name: trick.zh if lang == "zh" else trick.en for trick in TRICKS}


def best_baseline(row: Mapping[str, Any]) -> str:
    """The naive baseline that does best on the row in this very run; empty where the row has none."""
    found = {
        name.removeprefix(BASELINE): figure["value"]
        for name, figure in row["by_measure"].items()
        if name.startswith(BASELINE) and figure["value"] is not None
    }
    if not found:
        return ""
    name = (min if row["at_most"] else max)(found, key=lambda key: found[key])
    return f"{found[name]:.3f} {name}"


def _alone(row: Mapping[str, Any], lang: Language) -> list[tuple[str, Mapping[str, Any], str]]:
    """(name, figure, group) of every score by itself, those without a figure left out, the best first."""
    groups = []
    for name, figure in row["by_measure"].items():
        if figure["value"] is not None:
            group = "baseline" if name.startswith(BASELINE) else "profile" if name.startswith(PROFILE) else "metric"
            groups.append((name, figure, group))
    return sorted(groups, key=lambda entry: entry[1]["value"], reverse=not row["at_most"])
