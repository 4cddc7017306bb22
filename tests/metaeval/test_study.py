"""The instrument itself: a blind metric misses its bars, a perfect one meets them, the report says what was found."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from metaeval_samples import EN, EN_POINTS, ZH, ZH_POINTS, item

from medeval.cases.load import load_cases
from medeval.cases.schema import Case, Expect
from medeval.metaeval.document import document_of
from medeval.metaeval.items import Claim, Item, Note, Pool
from medeval.metaeval.report import document_for, limited, rendered, told
from medeval.metaeval.rows import load_rows
from medeval.metaeval.shipped import load_shipped, shipped_pool
from medeval.metaeval.structure import levels, standings
from medeval.metaeval.study import Study, answers_per_second, run_study
from medeval.metaeval.table import text_table, width
from medeval.metaeval.wording import TEXT

ROOT = Path(__file__).resolve().parent.parent.parent
METRICS = ("numerical_precision", "data_interpretation", "completeness", "urgent_care", "risky_prescription")


def pool(size: int = 60) -> Pool:
    items, claims, notes = [], [], []
    for n in range(size):
        text, points = (ZH, ZH_POINTS) if n % 2 else (EN, EN_POINTS)
        prompt = "血压150/95 mmHg怎么办？" if n % 2 else "May I take 400 mg?"
        items.append(item(text, points, prompt, "routine", name=f"q{n}"))
        case = items[-1].case
        for label in ("Entailment", "Neutral", "Contradiction"):
            claims.append(Claim(case, text, label, label, (label,), f"q{n}", "sample"))  # type: ignore[arg-type]
        notes.append(Note(case, "right", "wrong", "diagnosis", f"q{n}", "sample"))
    return Pool(tuple(items), tuple(claims), tuple(notes))


def even(text: str) -> str:
    """A text without its look: what no invariance changes."""
    kept = unicodedata.normalize("NFKC", text).replace("*", "").replace("- ", "")
    return " ".join(sorted(re.findall(r"[\d.]*\d|[a-zA-Z]+|[^\W\d]", kept)))


def perfect(case: Case, text: str) -> Mapping[str, float | None]:
    good = even(text) in (even(ZH), even(EN), even("right"))
    return {name: float(good) for name in METRICS} | {"profile:v3": float(good)}


def blind(case: Case, text: str) -> Mapping[str, float | None]:
    return dict.fromkeys(METRICS, 0.5) | {"profile:v3": 0.5}


def weigh_perfectly(claim: Claim) -> tuple[float, float]:
    return float(claim.majority == "Entailment"), float(claim.majority == "Contradiction")


def statuses(study: Study) -> dict[str, str]:
    return {outcome.row.id: outcome.status for outcome in study.outcomes}


def test_a_perfect_metric_meets_every_bar() -> None:
    study = run_study(pool(360), perfect, weigh_perfectly, timed=False)
    found = statuses(study)
    applies = {o.row.id for o in study.outcomes if o.figure.n and o.row.bar is not None}
    assert len(applies) >= 18
    assert {row: found[row] for row in applies if found[row] != "met"} in ({}, {"medec": "not met"})
    assert {s.metric for s in standings(study.outcomes, study.metrics) if s.standing == "descriptive"} == set()


def test_a_blind_metric_misses_them() -> None:
    study = run_study(pool(), blind, lambda claim: (0.5, 0.5), timed=False)
    found = statuses(study)
    blindly = {"invariance_number", "unmoved", "false_alarm", "gaming", "gaming_key"}  # nothing moves, nothing wins
    sighted = {o.row.id for o in study.outcomes if o.figure.n and o.row.bar is not None} - blindly
    assert {found[row] for row in sighted} == {"not met"}
    assert {o.figure.value for o in study.outcomes if o.row.id in sighted - {"faulted"}} == {0.5}
    assert [o.figure.value for o in study.outcomes if o.row.id == "faulted"] == [1.0]  # half marks for a right answer
    standing = {s.metric: s.standing for s in standings(study.outcomes, study.metrics)}
    assert standing["completeness"] == standing["risky_prescription"] == "descriptive"


def test_a_length_counter_is_caught_by_length_and_gaming() -> None:
    def long(case: Case, text: str) -> Mapping[str, float | None]:
        return dict.fromkeys((*METRICS, "profile:v3"), min(1.0, len(text) / 1000))

    found = statuses(run_study(pool(), long, lambda claim: (0.5, 0.5), timed=False))
    assert found["deleted_any"] == "met" and found["gaming"] == "not met" and found["invariance_number"] == "not met"


def test_unscored_is_a_tie_in_the_row_and_absent_from_the_metric() -> None:
    def silent(case: Case, text: str) -> Mapping[str, float | None]:
        return dict.fromkeys((*METRICS, "profile:v3"), None)

    study = run_study(pool(4), silent, lambda claim: (0.5, 0.5), timed=False)
    row = next(o for o in study.outcomes if o.row.id == "number_zh")
    assert row.figure.value == 0.5 and row.figure.ties == 1.0
    assert row.by_measure["completeness"].value is None


def test_a_right_answer_whose_key_point_is_marked_wrong_is_counted() -> None:
    def accusing(case: Case, text: str) -> Mapping[str, float | None]:
        return dict(perfect(case, text)) | {"unmarked:completeness": float(text != EN)}

    study = run_study(pool(), accusing, weigh_perfectly, timed=False)
    row = next(o for o in study.outcomes if o.row.id == "opposed")
    assert row.figure.value == 0.5 and row.status == "not met"
    assert "unmarked:completeness" not in study.measures


def test_levels_tell_what_right_answers_get() -> None:
    found = {
        level.measure: level
        for level in levels(
            run_study(pool(), blind, lambda c: (0, 0), timed=False).originals, ("completeness", "empathy")
        )
    }
    assert set(found) == {"completeness"}  # nothing scores the other
    assert found["completeness"].mean.value == 0.5 and found["completeness"].below_half == 0.0


def test_rows_name_what_exists() -> None:
    from medeval.metaeval.gaming import TRICKS
    from medeval.metaeval.invariance import INVARIANCES
    from medeval.metaeval.operators import OPERATORS
    from medeval.metrics.composite import score_answer
    from medeval.metrics.score import all_metrics

    score_answer(Case(id="x", prompt="x", expect=Expect()), "x")
    changes = {entry.name for entry in (*OPERATORS, *INVARIANCES, *TRICKS)}
    assert len(changes) == len(OPERATORS) + len(INVARIANCES) + len(TRICKS)
    for row in load_rows():
        assert set(row.names) <= changes and set(row.judges) <= set(all_metrics())
        assert {m.removeprefix("unmarked:") for m in row.measures if not m.startswith("profile:")} <= set(all_metrics())
    assert len({row.id for row in load_rows()}) == len(load_rows())


@lru_cache(maxsize=1)
def measured() -> dict[str, object]:
    whole = shipped_pool(load_cases(ROOT / "test_cases").cases)
    return {"shipped": True, **document_of(run_study(whole, timed=False))}


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, object]]:
    yield measured()


def rows_of(document: Mapping[str, object]) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in document["rows"]}  # type: ignore[index,attr-defined]


def test_the_shipped_set_is_whole() -> None:
    cases = load_cases(ROOT / "test_cases").cases
    assert set(load_shipped().answers) <= set(cases)
    whole = shipped_pool(cases)
    assert {i.dataset for i in whole.items} == {"test_cases", "written", "guidelines"} and len(whole.items) >= 50
    assert {c.majority for c in whole.claims} == {"Entailment", "Neutral", "Contradiction"}
    assert whole == shipped_pool(cases), "the same set every time"
    assert len({i.case.id for i in whole.items}) == len(whole.items)
    assert len(shipped_pool({}).items) == len(whole.items) - len(load_shipped().answers)


FLOORS = {  # what the shipped set gave on 2026-11-23, less a little: rules may only get better
    "number_zh": 0.80, "unit_zh": 0.80, "stated_zh": 0.90, "grade": 0.93, "named_zh": 0.90, "named_en": 0.95,
    "unmoved": 0.93, "polarity_zh_key": 0.80, "polarity_en_key": 0.80, "deleted_key": 0.90, "advice_gone": 0.88,
    "urgent_gone": 0.95, "entailment": 0.93, "contradiction": 0.65, "medec": 0.62,
}  # fmt: skip
CEILINGS = {"invariance_number": 0.05, "false_alarm": 0.02, "gaming": 0.01, "gaming_key": 0.01}


@pytest.mark.parametrize("row", FLOORS)
def test_the_metrics_do_not_fall_below_what_they_held(row: str, document: dict[str, object]) -> None:
    assert rows_of(document)[row]["value"] >= FLOORS[row]  # type: ignore[operator]


@pytest.mark.parametrize("row", CEILINGS)
def test_the_metrics_do_not_rise_above_what_they_held(row: str, document: dict[str, object]) -> None:
    assert rows_of(document)[row]["value"] <= CEILINGS[row]  # type: ignore[operator]


def test_the_document_is_json_and_its_figures_agree(document: dict[str, object]) -> None:
    again = json.loads(rendered(document, "zh", ".json"))
    assert again["shipped"] is True and again["format"] == 1
    for row in again["rows"]:
        if row["low"] is not None:
            assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
        if row["ties"] is not None and row["kind"] == "preferred":
            wrong_or_tied = row["failing"] / row["n"]
            assert row["ties"] <= wrong_or_tied + 1e-3, "ties are among the failing"
        assert row["p_holm"] is None or row["p"] <= row["p_holm"] <= 1
    named = rows_of(again)["named_zh"]
    parts = named["by_name"]
    assert sum(part["n"] for part in parts.values()) == named["n"]  # type: ignore[union-attr,attr-defined]


def test_severity_and_locality(document: dict[str, object]) -> None:
    again = json.loads(rendered(document, "en", ".json"))
    stated = next(entry for entry in again["severity"] if entry["aim"] == "named")
    assert [drop["severity"] for drop in stated["drops"]] == [1, 2, 3]
    assert stated["monotone"]["value"] >= 0.8
    cells = again["locality"]["number_x10"]
    assert cells["numerical_precision"]["moved"] > 0.3 and cells["empathy"]["moved"] in (0.0, None)
    assert again["locality"]["grade"]["data_interpretation"]["moved"] > 0.5


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        assert not any(name in ("src", "onclick") for name, _ in attrs)
        assert all((value or "").startswith("#") for name, value in attrs if name == "href")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_is_whole_and_needs_nothing_else(lang: str, document: dict[str, object]) -> None:
    parser = Tags()
    parser.feed(rendered(document, lang, ".html"))  # type: ignore[arg-type]
    assert parser.open == []
    for row in document["rows"]:  # type: ignore[attr-defined]
        assert row[lang] in parser.text
    index = 0 if lang == "zh" else 1
    assert TEXT["shipped"][index] in parser.text and TEXT["shipped"][1 - index] not in parser.text


def test_answers_are_escaped_on_the_page() -> None:
    bad = item("<script>alert(1)</script>每次5 mg，每天3次。多喝水。", ["每次5 mg"], "<b>?</b>")
    document = {"shipped": False, **document_of(run_study(Pool((bad,)), blind, timed=False))}
    page = rendered(document, "zh", ".html")
    assert "&lt;script&gt;" in page and "<script>" not in page


def test_the_table_lines_up(document: dict[str, object]) -> None:
    lines = text_table(document, "zh").splitlines()
    head = next(line for line in lines if line.startswith(TEXT["row"][0]))
    column = width(head[: head.index(TEXT["status"][0])])
    marked = [line for line in lines if any(mark in line for mark in "✓✗")]
    assert len(marked) > 10
    for line in marked:
        place = min(line.index(mark) for mark in "✓✗" if mark in line)
        assert width(line[:place]) == column


def test_data_from_a_folder(tmp_path: Path) -> None:
    good = {"question": "Is it high?", "answer": "It is high. Take 5 mg daily.", "must_have": ["take 5 mg"]}
    text = "\n".join([json.dumps(good), *["{"] * 9])
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    lines: list[str] = []
    document = document_for(tmp_path, ROOT / "test_cases", 1, lines.append)
    assert document["shipped"] is False and document["data"]["answers"] == 1
    assert sum("line" in line for line in lines) == 6 and any("4" in line and "more" in line for line in lines)


def test_limits_count_per_set() -> None:
    small = limited(pool(6), 2)
    assert (len(small.items), len(small.claims), len(small.notes)) == (2, 2, 2)
    assert told(Pool()) == []


def test_the_speed_is_measured_where_there_are_answers_enough() -> None:
    assert answers_per_second((Item(item(ZH).case, ZH * 4, "a", "s"),)) is None
    speed = answers_per_second((Item(item(ZH).case, ZH * (150 * 300 // len(ZH)), "a", "s"),))
    assert speed is not None and speed.rate > 5 and 100 <= speed.answers <= 150
