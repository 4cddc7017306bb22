"""The numbers of a report, made again from the answers it holds: metrics on the text, then scipy, nothing of ours."""

import json
from typing import Any

import numpy as np
import pytest
from run_samples import RECEIPT
from scipy import stats

from medeval.cases.schema import Case
from medeval.engines.contract import Answer
from medeval.evaluation.records import Cell, RunCase, RunSpec
from medeval.evaluation.report import report
from medeval.evaluation.run import CellKey, scored_cell
from medeval.metrics.composite import score_answer

ANSWERS = {
    "base": ["请咨询医生。", "注意休息，放松心情就好。"],
    "v1": ["您的血压{s}/{d} mmHg，属于高血压1级，建议非同日多次测量，限盐。", "血压{s}/{d}偏高，建议复测。"],
    "v2": ["您的血压{s}/{d} mmHg，偏高。建议限盐，每日食盐<5 g，规律运动，每周150分钟，1周后复查。"] * 2,
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The JSON report of 12 invented cases × 3 variants × 2 repeats."""
    cases, cells = [], []
    for number in range(12):
        s, d = 132 + 3 * number, 84 + number
        case = Case(
            id=f"bp-{number}", prompt=f"我的血压{s}/{d}，需要担心吗？",
            facts={"systolic": f"{s} mmHg", "diastolic": f"{d} mmHg", "age": "45 year"},
            expect={"urgency": "routine", "empathy": "neutral", "must_have": ["限盐", "非同日多次测量"]},
        )  # fmt: skip
        cases.append(case)
        for variant, texts in ANSWERS.items():
            for repeat, text in enumerate(texts):
                answer = Answer(variant, text.format(s=s, d=d), 20, 0.5, "stop")
                cells.append(scored_cell(case, CellKey(case.id, variant, repeat), answer))
    return document_of(cases, cells)


def document_of(cases: list[Case], cells: list[Cell]) -> dict[str, Any]:
    from run_samples import make_record

    spec = RunSpec("bp", tuple(RunCase(case) for case in cases), tuple(ANSWERS), RECEIPT, repeats=2)
    found: dict[str, Any] = json.loads(report(make_record(spec), cells, "json"))
    return found


def values(document: dict[str, Any], variant: str, metric: str = "") -> dict[str, float]:
    """Mean over repeats of each case, scored again from the stored text."""
    cases = {item["case"]["id"]: Case.model_validate(item["case"]) for item in document["run"]["cases"]}
    groups: dict[str, list[float]] = {}
    for cell in document["cells"]:
        if cell["variant"] == variant:
            sheet = score_answer(cases[cell["case"]], cell["answer"])
            value = sheet.scores[metric].value if metric else sheet.profiles["v3"].value
            if value is not None:
                groups.setdefault(cell["case"], []).append(value)
    return {case: float(np.mean(group)) for case, group in groups.items()}


def scipy_interval(sample: list[float]) -> tuple[float, float]:
    """Percentile bootstrap of the mean with the level widened for small n (Hesterberg 2015)."""
    n = len(sample)
    tail = float(stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(0.025, n - 1)))
    found = stats.bootstrap(
        (sample,), np.mean, n_resamples=2000, confidence_level=1 - 2 * tail, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


@pytest.mark.parametrize("variant", ANSWERS)
def test_means_and_intervals(document: dict[str, Any], variant: str) -> None:
    sample = list(values(document, variant).values())
    told = document["run"]["means"][variant]
    assert told["n"] == len(sample) == 12
    assert told["mean"] == pytest.approx(np.mean(sample))
    if np.ptp(sample) > 1e-12:
        assert (told["low"], told["high"]) == pytest.approx(scipy_interval(sample), abs=1e-9)


def test_every_metric_mean(document: dict[str, Any]) -> None:
    checked = 0
    for metric, means in document["run"]["metric_means"].items():
        for variant, told in means.items():
            again = values(document, variant, metric)
            assert (told["n"] if told else 0) == len(again)
            if told:
                assert told["mean"] == pytest.approx(np.mean(list(again.values())))
                checked += 1
    assert checked > 20


def test_comparisons(document: dict[str, Any]) -> None:
    raw = []
    for told in document["comparisons"]:
        a, b = values(document, told["a"]), values(document, told["b"])
        d = np.array([round(b[case] - a[case], 12) for case in a])
        assert told["n"] == len(d) and told["difference"] == pytest.approx(d.mean())
        assert (told["low"], told["high"]) == pytest.approx(scipy_interval(list(d)), abs=1e-9)
        p = stats.permutation_test((d,), np.mean, permutation_type="samples", vectorized=True).pvalue
        assert told["p_permutation"] == pytest.approx(p)
        signs = stats.binomtest(int((d > 0).sum()), int((d != 0).sum())).pvalue
        assert told["p_sign"] == pytest.approx(signs)
        t = stats.t.ppf([0.975, 0.8], len(d) - 1).sum()
        spread = d.std(ddof=1)
        assert told["detectable"] == (pytest.approx(t * spread / np.sqrt(len(d))) if spread > 1e-9 else None)
        raw.append(p)
    # Holm: the smallest of m times m, and so on, never below the one before
    order = np.argsort(raw)
    adjusted = np.maximum.accumulate(np.minimum(1, np.array(raw)[order] * (len(raw) - np.arange(len(raw)))))
    for place, p in zip(order, adjusted, strict=True):
        told = document["comparisons"][place]
        assert told["p_holm"] == pytest.approx(p)
        sure = told["low"] > 0 or told["high"] < 0
        assert (told["verdict"] != "tied") == (sure and p <= 0.05)
    assert {told["verdict"] for told in document["comparisons"]} >= {"better"}
