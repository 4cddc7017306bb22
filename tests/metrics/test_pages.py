"""Every metric has its page."""

from pathlib import Path

import pytest

import medeval.metrics  # noqa: F401
from medeval.metrics.score import all_metrics

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics"


@pytest.mark.parametrize("name", sorted(all_metrics()))
def test_page(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    metric = all_metrics()[name]
    for part in (metric.zh, metric.en, metric.seed, "**Sees**", "**Cannot see**", "**Unscored**", "**Source**"):
        assert part and part in page
    assert f"({name}.md)" in (DOCS / "README.md").read_text(encoding="utf-8")
