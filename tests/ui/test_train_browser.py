"""Training in a real browser: a short run from the demo preset, its curve, the new column in Compare; data checked."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import WAIT, needs_browser, needs_demo, running_app

from medeval.settings import ROOT

pytestmark = [needs_browser, needs_demo]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small data set, so that no corpus has to be drawn."""
    folder = tmp_path_factory.mktemp("train")
    shutil.copytree(ROOT / "adapters", folder / "adapters")
    lines = [
        {"instruction": "", "input": f"空腹血糖{n / 10} mmol/L高吗？", "output": f"空腹血糖{n / 10} mmol/L，请复查。",
         "meta": {"dimension": "precision" if n % 2 else "empathy"}}
        for n in range(40, 100)
    ]  # fmt: skip
    bad = [{"input": "姓名：王小明 头痛", "output": "休息"}, {"input": "没有答案", "output": ""}]
    for name, part in (("train", lines[:48]), ("valid", lines[48:]), ("bad", lines[:5] + bad)):
        text = "\n".join(json.dumps(line, ensure_ascii=False) for line in part)
        (folder / f"{name}.jsonl").write_text(text + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with running_app(folder, MEDEVAL_ADAPTERS=str(folder / "adapters"), OMP_NUM_THREADS="1") as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#me-chips .me-case")
    yield page
    context.close()
    assert faults == []


def write(page: Any, selector: str, text: str) -> None:
    box = page.locator(selector)
    box.fill("")
    box.press_sequentially(text)


def test_a_run_from_the_form_becomes_a_column(page: Any, folder: Path) -> None:
    page.get_by_role("tab", name="训练").click()
    page.wait_for_selector("#me-tr-plan svg")
    for field, text in (("name", "mine"), ("data", str(folder)), ("steps", "8"), ("batch_size", "2"), ("rank", "0")):
        write(page, f"#me-tr-{field} input", text)
    page.wait_for_function("document.querySelector('#me-tr-plan').innerText.includes('rank')")
    write(page, "#me-tr-rank input", "4")
    # alpha follows the rank, so the command does not name it
    page.wait_for_function("/rank=4(?!.*alpha=)/s.test(document.querySelector('#me-tr-command').innerText)")
    page.locator("#me-tr-start").click()
    page.wait_for_function("document.querySelectorAll('#me-tr-curves .me-tr-svg polyline').length > 0")
    # a page that is closed and opened again finds the run where it is
    page.reload()
    page.wait_for_selector("#me-chips .me-case")
    page.get_by_role("tab", name="训练").click()
    page.wait_for_function("document.querySelector('#me-tr-runs .me-tr-done')", timeout=2 * WAIT)
    assert "8/8" in page.locator("#me-tr-runs").inner_text()
    assert page.locator("#me-tr-curves .me-band").count() == 3
    assert page.locator("#me-tr-kept [data-do=use]").count() >= 1
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(300)
    edges = page.eval_on_selector_all(
        "#me-tr-kept [data-do=use], #me-tr-kept .me-scroll", "found => found.map(f => f.getBoundingClientRect().right)"
    )
    assert max(edges) == edges[0], "no button is cut by the edge of its table"
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.get_by_role("tab", name="对比").click()
    page.wait_for_function("document.querySelector('#me-variants').innerText.includes('mine')")
    assert page.locator("#me-variants label", has_text="mine").locator("input").is_checked()


def test_a_preflight_is_marked_as_soon_as_a_field_changes(page: Any, folder: Path) -> None:
    page.get_by_role("tab", name="训练").click()
    page.wait_for_selector("#me-tr-plan svg")
    write(page, "#me-tr-data input", str(folder))
    write(page, "#me-tr-name input", "other")
    page.wait_for_function("document.querySelector('#me-tr-command').innerText.includes('name=other')")
    page.locator("#me-tr-check").click()
    page.wait_for_selector("#me-tr-checked p.me-tr-good")
    write(page, "#me-tr-steps input", "60")
    page.wait_for_selector("#me-tr-checked .me-tr-old")
    assert "可以开始" not in page.locator("#me-tr-checked").inner_text()
    write(page, "#me-tr-steps input", "130")  # as it was checked
    page.wait_for_selector("#me-tr-checked p.me-tr-good")
    write(page, "#me-tr-name input", "v1")
    page.locator("#me-tr-start").click()
    toast = page.wait_for_selector(".toast-body")
    assert "请换一个「适配器名称」" in toast.inner_text()
    heading = page.locator(".toast-title").first
    assert heading.evaluate("it => getComputedStyle(it, '::before').content").strip('" ') == "请注意"
    assert heading.evaluate("it => getComputedStyle(it).fontSize") == "0px"


def test_dropped_data_is_checked_line_by_line(page: Any, folder: Path) -> None:
    page.get_by_role("tab", name="数据").click()
    page.wait_for_selector("#me-da-drop input[type=file]", state="attached")
    page.set_input_files("#me-da-drop input[type=file]", str(folder / "bad.jsonl"))
    page.wait_for_selector(".me-da-verdict")
    text = page.locator("#me-da-report").inner_text()
    assert "bad.jsonl:6" in text and "疑似姓名" in text
    assert "bad.jsonl:7" in text and "答案为空" in text
    assert page.locator(".me-da-hist").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
