"""True sentences with figures: however unusual a figure is, it is not called wrong."""

from pathlib import Path

import pytest
import yaml

from medeval.cases.schema import Case
from medeval.clinical.reading import read
from medeval.metrics.figures import check_figures

_TRUE: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "true_figures.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("sentence", [sentence for sentences in _TRUE.values() for sentence in sentences])
def test_a_true_figure_is_not_called_wrong(sentence: str) -> None:
    checks = check_figures(Case(id="q", prompt="该怎么办？"), read(sentence), frozenset())
    assert [(c.quantity.values, c.quantity.unit) for c in checks if c.credit < 0.9] == []
