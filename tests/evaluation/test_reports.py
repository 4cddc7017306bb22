"""Reports of one fixed run: golden Markdown and HTML, forms that scripts depend on, and text that must stay text.

`python tests/evaluation/test_reports.py` writes the golden files anew; read the difference before keeping it.
"""

import csv
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for writing the golden files
from run_samples import NASTY, VARIANTS, make_cases, make_cell, make_record, make_run, make_spec

from medeval.cases.schema import Case
from medeval.errors import UsageError
from medeval.evaluation.against import compare_runs
from medeval.evaluation.records import RunCase
from medeval.evaluation.report import FORMATS, report, unformula
from medeval.evaluation.tables import run_tables
from medeval.evaluation.verdicts import verdict

GOLDEN = Path(__file__).parent / "golden"
WRITTEN = [("md", "zh"), ("md", "en"), ("html", "zh"), ("html", "en")]


def golden_text(fmt: str, lang: str) -> str:
    text = report(*make_run(), fmt, lang)  # type: ignore[arg-type]
    return re.sub(r"<style>.*?</style>", "<style></style>", text, flags=re.DOTALL)


@pytest.mark.parametrize(("fmt", "lang"), WRITTEN)
def test_report_is_as_kept(fmt: str, lang: str) -> None:
    assert golden_text(fmt, lang) == (GOLDEN / f"report.{lang}.{fmt}").read_text("utf-8")


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt != "xlsx"])
def test_same_cells_give_the_same_report(fmt: str) -> None:
    run, cells = make_run()
    assert report(run, cells, fmt) == report(run, list(reversed(cells)), fmt)


def test_json_has_the_form_scripts_depend_on() -> None:
    found = json.loads(report(*make_run(), "json"))
    assert set(found) >= {"run", "cells", "comparisons"}
    assert set(found["cells"][0]) >= {"case", "variant", "repeat", "answer", "scores", "profiles", "error"}
    score = found["cells"][0]["scores"]["sample_metric"]
    assert set(score) == {"value", "reason", "evidence"}
    assert set(score["evidence"][0]) == {"start", "end", "kind", "note"}
    assert found["cells"][0]["scores"]["silent_metric"]["value"] is None
    failed = next(cell for cell in found["cells"] if cell["error"])
    assert failed["answer"] is None and failed["scores"] == {}
    assert found["run"]["id"] == "20261122-2215-k3f9" and found["run"]["missing"] == 2
    assert [(c["a"], c["b"]) for c in found["comparisons"]] == [("base", "v1"), ("base", "v2"), ("v1", "v2")]
    assert "血压" in report(*make_run(), "json"), "unicode is kept"


def test_json_tells_no_folder_of_an_image(tmp_path: Path) -> None:
    case = Case(id="x", prompt="看图", images=[tmp_path / "jane-doe" / "chest.png"])
    spec = make_spec([case], ["base"])
    text = report(make_record(spec), [make_cell("x", "base", 0.5)], "json")
    assert "chest.png" in text and "jane-doe" not in text


def test_csv_is_long_and_runs_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(report(*make_run(), "csv"))))
    assert {row["kind"] for row in rows} == {"answer", "profile", "metric", "error"}
    nasty = next(row for row in rows if "SUM" in row["text"])
    assert nasty["text"] == f"'{NASTY}"
    unscored = next(row for row in rows if row["name"] == "silent_metric")
    assert unscored["value"] == ""
    assert all(float(row["value"]) >= 0 for row in rows if row["value"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_formula_signs_are_disarmed(start: str) -> None:
    assert unformula(f"{start}1+1") == f"'{start}1+1"
    assert unformula(f"a{start}1") == f"a{start}1"


class Tags(HTMLParser):
    """Collects tags and what could load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)


def test_html_escapes_everything_and_loads_nothing() -> None:
    page = Tags()
    page.feed(report(*make_run(), "html"))
    assert not {"script", "img", "b", "iframe", "link"} & set(page.tags)
    assert page.links and all(link.startswith("#") for link in page.links)
    assert "http" not in report(*make_run(), "html").replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_html_highlights_evidence_with_its_reason() -> None:
    text = report(*make_run(), "html")
    assert '<mark class="good" title="sample_metric: 读数">140/</mark>' in text
    assert '<mark class="bad" title="sample_metric: 读数; sample_metric: 等级&lt;1&gt;">90</mark>' in text


def test_html_shows_images_inline_and_survives_a_lost_one(tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "chest.png"
    Image.new("L", (900, 700), 90).save(picture)
    case = Case(id="x", prompt="看图", images=[picture, tmp_path / "gone.png"])
    text = report(make_record(make_spec([case], ["base"])), [make_cell("x", "base", 0.5)], "html")
    assert text.count("data:image/jpeg;base64,") == 1 and "gone.png" in text


@pytest.mark.parametrize("fmt", ["md", "html"])
def test_the_demo_model_is_called_a_demo_and_a_folder_is_not_shown(fmt: str) -> None:
    spec = make_spec(make_cases(1), ["base"], demo=True, base="/home/jane/models/demo")
    text = report(make_record(spec), [make_cell("c0", "base", 0.5)], fmt)
    assert "演示模型" in text and "jane" not in text


@pytest.mark.parametrize(
    ("place", "shown"),
    [(("c2", "v1"), "⚠ 错误"), (("c3", "v1"), "未提问"), (("c5", "base"), "–"), (("c6", "base"), "⚠ 否决")],
)
def test_what_is_not_a_score_is_said(place: tuple[str, str], shown: str) -> None:
    line = next(line for line in report(*make_run()).splitlines() if f"({place[0]})" in line)
    assert shown in line.split("|")[2 + VARIANTS.index(place[1])]


def test_unscored_and_failed_are_not_zero() -> None:
    tables = run_tables(*make_run())
    assert {name: found.n for name, found in tables.means.items() if found} == {"base": 7, "v1": 5, "v2": 7}
    assert "silent_metric" not in tables.metrics


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", "持平（tied）"), ("en", "tied: v1 and base on the total, +0.80 [0.80, 0.80]; 4 cases")]
)
def test_few_cases_are_called_tied(lang: str, words: str) -> None:
    cases = make_cases(4)
    cells = [make_cell(c.id, name, value) for c in cases for name, value in (("base", 0.1), ("v1", 0.9))]
    run = make_record(make_spec(cases, ["base", "v1"]))
    assert words in verdict(run_tables(run, cells).comparisons[0], lang)  # type: ignore[arg-type]


def test_repeats_are_averaged_in_the_table() -> None:
    spec = make_spec(make_cases(1), ["base"], repeats=2)
    cells = [make_cell("c0", "base", 0.2), make_cell("c0", "base", 0.6, repeat=1)]
    mark = run_tables(make_record(spec), cells).marks["c0", "base"]
    assert (mark.value, mark.asked) == (pytest.approx(0.4), 2)


def test_two_runs_are_compared_only_on_cases_that_did_not_change() -> None:
    cases = make_cases(8)
    changed = [cases[0].model_copy(update={"prompt": "另一个问题"}), *cases[1:]]
    old, new = make_record(make_spec(changed, ["v1"]), "old"), make_record(make_spec(cases, ["v1"]), "new")
    before = [make_cell(case.id, "v1", 0.2 + i / 100) for i, case in enumerate(cases)]
    after = [make_cell(case.id, "v1", 0.6 + i / 90) for i, case in enumerate(cases)]
    found = compare_runs(new, after, old, before, "v3")
    assert found.changed_cases == ("c0",) and found.same_profiles
    assert [(c.a, c.b, c.n, c.verdict) for c in found.comparisons] == [("v1@old", "v1@new", 7, "better")]
    for fmt in ("md", "html"):
        assert "v1@new &gt; v1@old" in report(new, after, fmt, against=(old, before)).replace(" > ", " &gt; ")


@pytest.mark.parametrize(
    ("variants", "images"), [pytest.param(["v9"], (), id="no-variant"), pytest.param(["v1"], ("x",), id="no-case")]
)
def test_runs_with_nothing_in_common_are_refused(variants: list[str], images: tuple[str, ...]) -> None:
    cases = make_cases(2)
    mine = make_record(make_spec(cases, ["v1"]), "mine")
    spec = make_spec(cases, variants)
    spec = type(spec)(**{**vars(spec), "cases": tuple(RunCase(case, images) for case in cases)})
    with pytest.raises(UsageError, match="share no variant or no unchanged case"):
        compare_runs(mine, [], make_record(spec, "theirs"), [], "v3")


@pytest.mark.parametrize(("fmt", "profile", "said"), [("pdf", "v3", "md, csv, json, html, xlsx"), ("md", "v9", "v9")])
def test_unknown_format_or_profile_names_the_known(fmt: str, profile: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        report(*make_run(), fmt, profile=profile)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for fmt, lang in WRITTEN:
        (GOLDEN / f"report.{lang}.{fmt}").write_text(golden_text(fmt, lang), "utf-8")
