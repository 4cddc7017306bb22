"""The Evaluate tab's HTML: pure functions, everything escaped, nothing lost."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from run_samples import NASTY, make_cases, make_cell, make_record, make_run, make_spec
from test_cards import HOSTILE, parsed

from medeval.cases.schema import Case
from medeval.engines.contract import Answer
from medeval.evaluation.against import compare_runs
from medeval.evaluation.charts import bars, radar
from medeval.evaluation.records import Cell
from medeval.evaluation.report import metric_label
from medeval.evaluation.tables import run_tables
from medeval.metrics.score import all_metrics
from medeval.store.jobs import Job
from medeval.ui.cards import Look
from medeval.ui.evaluate import same_html
from medeval.ui.evaluate_board import Work
from medeval.ui.evaluate_matrix import detail_html, matrix_html, places
from medeval.ui.evaluate_view import Shown, duration, head_html, progress_html, runs_html
from medeval.ui.text import Lang


def work(state: str, done: int = 0, total: int = 0, **more: object) -> Work:
    job = Job("j1", "evaluate", HOSTILE, state, Path("x"), "", None, None, None, more.pop("error", None), 2)  # type: ignore[arg-type]
    return Work(job, "r1", done, total, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "said", "button"),
    [
        pytest.param(work("queued"), "Waiting, place 2", "stop", id="queued"),
        pytest.param(work("running"), "loading the model", "stop", id="loading"),
        pytest.param(work("running", 5, 20, eta=130.0), "5/20 answers", "stop", id="running"),
        pytest.param(work("running", 5, 20, eta=130.0), "about 2 min left", "stop", id="time-left"),
        pytest.param(work("running", 5, 20, failed=3), "3 failed", "stop", id="failures"),
        pytest.param(work("stopping", 5, 20), "Stopping", "", id="stopping"),
        pytest.param(work("stopped", 5, 20), "Stopped", "resume", id="stopped"),
        pytest.param(work("failed", 5, 20, error="坏了 / it <broke>"), "it <broke>", "resume", id="failed"),
        pytest.param(work("interrupted", 5, 20), "Interrupted", "resume", id="interrupted"),
    ],
)
def test_a_progress_line(item: Work, said: str, button: str) -> None:
    html = progress_html([item], "en")
    page = parsed(html)
    assert said in page.text and HOSTILE in page.text and "script" not in page.seen
    assert (f'data-do="{button}"' in html) if button else ("data-do" not in html)


@pytest.mark.parametrize(
    ("seconds", "lang", "said"),
    [(0.2, "en", "1 s"), (89, "zh", "89 秒"), (600, "en", "10 min"), (7300, "zh", "2 小时 2 分")],
)
def test_time_left_is_no_finer_than_needed(seconds: float, lang: Lang, said: str) -> None:
    assert duration(seconds, lang) == said


def test_history_marks_the_shown_run_and_the_two_compared() -> None:
    runs = [make_record(make_spec(make_cases(2), ["base"]), name) for name in ("r3", "r2", "r1")]
    html = runs_html(runs, Shown("r3", "r1"), "en")
    assert html.count('aria-current="true"') == 1 and html.count(" checked") == 2
    assert " checked" not in runs_html(runs, Shown("r3"), "en")
    assert "No runs yet" in runs_html([], Shown(), "en")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_head_says_verdicts_and_that_they_may_change(lang: Lang) -> None:
    run, cells = make_run()
    tables = run_tables(run, cells)
    html = head_html(tables, compare_runs(run, cells, make_record(run.spec, "old"), cells, "v3"), lang)
    page = parsed(html)
    assert "v2 > base" in page.text and "report/20261122-2215-k3f9.xlsx" in html and "against=old" in html
    assert ("评测尚未完成" if lang == "zh" else "not finished") in page.text
    assert "cannot" in parsed(head_html(tables, "不能 / cannot", "en")).text


def test_matrix_has_every_place_and_its_flags() -> None:
    html = matrix_html(run_tables(*make_run()), "", "c1", "en")
    page = parsed(html)
    assert html.count("data-place=") == 8 and html.count("data-open=") == 24
    assert html.count('data-vetoed="1"') == 1 and html.count('data-errors="1"') == 1
    assert html.count('aria-current="true"') == 1
    assert "not asked" in page.text and "⚠ error" in page.text and "⚠ veto" in page.text
    assert html.count(" disabled") == 1


def test_matrix_of_one_metric_shows_its_values() -> None:
    tables = run_tables(*make_run())
    found = places(tables, "sample_metric")
    assert found["c0", "base"].value == pytest.approx(tables.marks["c0", "base"].value)
    assert all(place.value is None for place in places(tables, "silent_metric").values())


def test_detail_shows_answers_side_by_side_and_escapes_them() -> None:
    case = Case(id="x", title={"zh": HOSTILE}, prompt=HOSTILE)
    spec = make_spec([case], ["base", "v1", "v2"], repeats=2)
    taken = Answer("v1", NASTY, 3, 0.1, "stop", origin="20261101-0000-aaaa")
    cells = [
        make_cell("x", "base", 0.5, text=HOSTILE),
        Cell("x", "v1", 0, taken, None, {}, {}, attempts=3),
        Cell("x", "v2", 0, None, "坏了 / out of memory"),
    ]
    html = detail_html(run_tables(make_record(spec), cells), cells, 0, (), {"base": {"en": "Base"}}, Look("en"))
    page = parsed(html)
    assert page.seen.count("article") == 3 and not {"script", "img"} & set(page.seen)
    assert "out of memory" in page.text and "v1: taken over from 20261101-0000-aaaa" in page.text
    assert "3 attempts" in page.text and page.text.count("repeat 1") == 1 and "repeat 2" in page.text


def test_charts_are_svg_without_scripts_and_need_something_to_show() -> None:
    tables = run_tables(*make_run())
    labels = {name: HOSTILE for name in tables.metrics}
    drawn = bars(tables.metrics, tables.variants, labels, HOSTILE)
    page = parsed(drawn)
    assert page.seen[0] == "svg" and "script" not in page.seen and page.seen.count("rect") == 3
    assert radar(tables.metrics, tables.variants, labels, "x") == "" and bars({}, ("a",), {}, "x") == ""
    three = {name: tables.metrics["sample_metric"] for name in ("a", "b", "c")}
    assert parsed(radar(three, tables.variants, {}, "x")).seen.count("polygon") == 4 + 3


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("count", [3, 4, 7, 12, 20])
def test_every_label_of_the_radar_is_whole_and_inside(lang: Lang, count: int) -> None:
    found = run_tables(*make_run())
    labels = {name: metric_label(name, lang, short=True) for name in all_metrics()}
    longest = sorted(labels, key=lambda name: -len(labels[name]))[:count]
    drawn = radar({name: found.metrics["sample_metric"] for name in longest}, found.variants, labels, "x")
    left, _, width, _ = map(int, re.search(r'viewBox="(-?\d+) (\d+) (\d+) (\d+)"', drawn).groups())  # type: ignore[union-attr]
    said = re.findall(r'text-anchor="(\w+)".*?>(<tspan.*?)</text>', drawn)
    for name, (anchor, spans) in zip(longest, said, strict=True):
        lines = re.findall(r'<tspan x="([\d.]+)" dy="[-\d.]+">(.*?)</tspan>', spans)
        assert " ".join(line for _, line in lines) == labels[name]
        for x, line in lines:
            wide = sum(11 if ord(char) > 0x2E7F else 6 for char in line)
            start = float(x) - {"start": 0, "middle": 0.5, "end": 1}[anchor] * wide
            assert left <= start and start + wide <= left + width, line


@pytest.mark.parametrize(
    ("repeats", "temperature", "reuse", "known", "said"),
    [
        (1, 0.0, True, True, ""),
        (10, 0.7, True, True, ""),
        (10, 0.0, True, True, "other 9 are taken over"),
        (10, 0.0, False, True, "only take time"),
        (10, 0.0, True, False, "usually the same"),
    ],
)
def test_repeats_that_tell_nothing_are_told(
    repeats: int, temperature: float, reuse: bool, known: bool, said: str
) -> None:
    shown = same_html(repeats, temperature, reuse, known, "en")
    assert said in shown and bool(shown) == bool(said)
    assert bool(same_html(repeats, temperature, reuse, known, "zh")) == bool(said)
