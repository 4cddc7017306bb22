"""The Evaluate tab in a real browser: a run starts, is stopped and resumed, and its matrix can be read."""

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import WAIT, needs_browser, needs_demo

pytestmark = [needs_browser, needs_demo]


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """One visitor on the Evaluate tab; the tests of this file follow on each other."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.get_by_role("tab", name="评测").click()
    page.wait_for_selector("#me-ev-head p, #me-ev-head section")
    yield page
    context.close()
    assert faults == []


def bar(page: Any) -> int:
    """Answers that the progress line counts now; -1 where there is none."""
    return int(page.evaluate("Number(document.querySelector('.me-ev-bar')?.getAttribute('aria-valuenow') ?? -1)"))


def test_without_runs_the_page_says_what_to_do(page: Any) -> None:
    assert "开始评测" in page.locator("#me-ev-head").inner_text()
    assert page.locator(".me-ev-table").count() == 0


def test_a_run_is_started_moves_stops_and_resumes(page: Any) -> None:
    page.get_by_label("number input for 每题重复").fill("3")
    page.get_by_label("number input for 每题重复").press("Tab")
    page.locator("#me-ev-start").click()
    page.wait_for_function("Number(document.querySelector('.me-ev-bar')?.getAttribute('aria-valuenow')) > 0")
    page.wait_for_selector(".me-ev-table")
    page.locator("[data-do=stop]").click()
    page.wait_for_selector(".me-ev-line[data-state=stopped] [data-do=resume]")
    stopped = bar(page)
    assert 0 < stopped < 168
    page.reload()
    page.get_by_role("tab", name="评测").click()
    page.locator("[data-do=resume]").click()
    page.wait_for_function(f"Number(document.querySelector('.me-ev-bar')?.getAttribute('aria-valuenow')) > {stopped}")
    page.wait_for_selector(".me-ev-line", state="detached")
    page.wait_for_function("document.querySelector('.me-ev-verdicts')")
    assert "168/168" in page.locator(".me-ev-fold", has_text="168/168").text_content()


def test_the_matrix_filters_and_sorts(page: Any) -> None:
    rows = page.locator(".me-ev-table tbody tr")
    shown = page.locator(".me-ev-table tbody tr:not([hidden])")
    assert rows.count() == shown.count() == 14
    page.locator("#me-ev-matrix [data-tag]").select_option("image")
    assert 0 < shown.count() < 14
    page.locator("[data-filter=errors]").click()
    assert shown.count() == 0 and page.locator(".me-ev-none").is_visible()
    page.locator("[data-filter=errors]").click()
    page.locator("#me-ev-matrix [data-tag]").select_option("")
    page.locator("[data-sort='1']").click()
    values = page.eval_on_selector_all(".me-ev-table tbody tr", "rows => rows.map(r => +r.cells[2].dataset.value)")
    assert values == sorted(values, reverse=True) and len(set(values)) > 2


def test_a_cell_opens_its_answers_side_by_side(page: Any) -> None:
    page.locator("[data-case=bp-140-90] [data-open]").nth(3).click()
    page.wait_for_selector("#me-ev-detail .me-card")
    cards = page.locator("#me-ev-detail .me-card")
    assert cards.count() == 4 and "140/90" in page.locator("#me-ev-detail .me-prompt").inner_text()
    assert page.locator("#me-ev-detail mark").count() > 0
    page.locator("#me-ev-detail [data-repeat='2']").click()
    page.wait_for_selector("#me-ev-detail [data-repeat='2'][aria-pressed=true]")


def test_the_same_questions_are_not_asked_again_and_two_runs_compare(page: Any) -> None:
    page.locator("#me-ev-start").click()  # repeats are 1 again after the reload
    page.wait_for_function("document.querySelectorAll('.me-ev-run').length === 2")
    page.wait_for_selector(".me-ev-line", state="detached")
    page.wait_for_function("document.querySelector('.me-ev-head')?.textContent.includes('沿用')")
    for place in (0, 1):
        page.locator("[data-tick]").nth(place).check()
    page.wait_for_selector(".me-ev-versus")
    assert "没有发现退步" in page.locator(".me-ev-versus").inner_text()


@pytest.mark.parametrize("kind", ["网页", "Excel"])
def test_the_report_is_a_download(page: Any, kind: str) -> None:
    with page.expect_download() as waiting:
        page.locator("#me-ev-head .me-exports a", has_text=kind).click()
    assert waiting.value.path().stat().st_size > 5000


def test_english_and_a_phone(page: Any) -> None:
    page.locator("#me-lang").get_by_text("English").click()
    page.wait_for_function("document.querySelector('.me-ev-head h2')?.textContent.includes('Against')")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    text = page.locator(".me-ev-head").inner_text()
    assert "tied" in text or ">" in text
