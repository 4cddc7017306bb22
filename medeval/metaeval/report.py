"""From a folder of data (or none) to the finished document, and the document as a file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from medeval.cases.load import load_cases
from medeval.cases.schema import Language
from medeval.metaeval.document import document_of
from medeval.metaeval.items import Pool
from medeval.metaeval.page import html_page
from medeval.metaeval.readers import read_folder
from medeval.metaeval.shipped import shipped_pool
from medeval.metaeval.study import run_study

SHOWN = 5
"""Problems of one file that are told one by one."""


def document_for(data: Path | None, cases: Path, limit: int = 0, tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Measures on the data sets of a folder, or on the shipped set, and gives the JSON document.

    Args:
        data: folder (or one file) of public data sets; None is the shipped set.
        cases: medeval's own case folder, which the shipped set needs.
        limit: most rows per data set; 0 is all.
        tell: told what was not used, and how far it is.

    Raises:
        UsageError: the folder holds no file of a known format.
    """
    pool = shipped_pool(load_cases(cases).cases) if data is None else read_folder(data)
    for line in told(pool):
        tell(line)
    pool = limited(pool, limit) if limit else pool

    def progress(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            tell(f"{done}/{total} 题 / {done}/{total} answers")

    document = document_of(run_study(pool, progress=progress))
    return {"shipped": data is None, **document}


def told(pool: Pool) -> list[str]:
    """What was not used, a few lines per file and the number of the others."""
    lines: list[str] = []
    for source in pool.sources:
        lines += [f"{source.name}: {problem}" for problem in source.problems[:SHOWN]]
        if len(source.problems) > SHOWN:
            lines.append(
                f"{source.name}: … 另有 {len(source.problems) - SHOWN} 行未用"
                f" / {len(source.problems) - SHOWN} more lines not used"
            )
    return lines


def limited(pool: Pool, limit: int) -> Pool:
    """The first `limit` rows of every data set."""
    counts: dict[str, int] = {}

    def taken(dataset: str) -> bool:
        counts[dataset] = counts.get(dataset, 0) + 1
        return counts[dataset] <= limit

    items = tuple(row for row in pool.items if taken(f"{row.dataset}:item"))
    claims = tuple(row for row in pool.claims if taken(f"{row.dataset}:claim"))
    notes = tuple(row for row in pool.notes if taken(f"{row.dataset}:note"))
    return replace(pool, items=items, claims=claims, notes=notes)


def rendered(document: Mapping[str, Any], lang: Language, suffix: str) -> str:
    """The document as the text of a `.json` or `.html` file."""
    if suffix == ".json":
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return html_page(document, lang, shipped=bool(document["shipped"]))
