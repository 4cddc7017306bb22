"""The workbook: the same numbers as the run, every text a text, whatever an answer says."""

import io
from typing import Any

import pytest
from openpyxl import load_workbook
from run_samples import NASTY, make_cases, make_cell, make_record, make_run, make_spec

from medeval.evaluation.report import report_file
from medeval.evaluation.report_xlsx import plain
from medeval.evaluation.tables import run_tables


def book(lang: str = "en", **more: Any) -> Any:
    return load_workbook(io.BytesIO(report_file(*make_run(), "xlsx", lang, **more)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("lang", "sheets"), [
    ("en", ["Verdicts", "Scores v3", "Means by metric", "Tests", "Answers"]),
    ("zh", ["结论", "得分 v3", "各指标平均", "检验", "回答"]),
])  # fmt: skip
def test_sheets_are_named_in_the_language(lang: str, sheets: list[str]) -> None:
    assert book(lang).sheetnames == sheets


def test_numbers_are_those_of_the_run() -> None:
    tables, found = run_tables(*make_run()), book()
    rows = {row[0]: row[2:] for row in found["Scores v3"].iter_rows(values_only=True)}
    assert rows["c0"][0] == pytest.approx(tables.marks["c0", "base"].value)
    assert "error" in rows["c2"][1] and rows["c3"][1] == "not asked" and "veto" in rows["c6"][0]
    means = [None if found is None else found.mean for found in tables.means.values()]
    assert list(rows["Mean"]) == pytest.approx(means)
    answers = list(found["Answers"].iter_rows(min_row=2, values_only=True))
    assert len(answers) == len(tables.cells)


def test_nothing_is_a_formula() -> None:
    cells = [cell for sheet in book() for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert any(isinstance(cell.value, str) and cell.value.startswith(f"'{NASTY[:8]}") for cell in cells)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1", "\r=1", "\n=1"])
def test_an_answer_that_begins_like_a_formula_stays_text(text: str) -> None:
    cases = make_cases(1)
    run = make_record(make_spec(cases, ["base"]))
    made = report_file(run, [make_cell("c0", "base", 0.5, text=text)], "xlsx", "en")
    cell = load_workbook(io.BytesIO(made))["Answers"].cell(2, 4)
    assert cell.data_type == "s" and str(cell.value).startswith("'")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\x00b\x0bc", "a\ufffdb\ufffdc"), ("长" * 40_000, "长" * 32_000 + "… (40000)"), ("好😀", "好😀")],
)
def test_what_excel_cannot_hold_is_replaced_and_said(text: str, kept: str) -> None:
    assert plain(text) == kept


def test_another_run_is_compared_in_it() -> None:
    run, cells = make_run()
    text = [str(row[1]) for row in book(against=(make_record(run.spec, "older"), cells))["Verdicts"].values]
    assert any("older" in line for line in text) and "No regression found." in text
