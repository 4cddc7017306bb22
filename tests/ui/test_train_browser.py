"""Training in a real browser: a short run from the demo preset, its curve, the new column in Compare; data checked."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medeval.settings import ROOT, Settings
from tests.ui.test_browser import ARGS, BROWSER, IN_CI, WAIT, wait_for

pytestmark = [
    pytest.mark.skipif(BROWSER is None and not IN_CI, reason="no Chromium or Chrome is installed"),
    pytest.mark.skipif(not Path(Settings().base, "config.json").is_file(), reason="models/demo is not built here"),
]


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"MEDEVAL_HOME": str(folder / "home"), "MEDEVAL_ADAPTERS": str(folder / "adapters")}
    log = (folder / "log.txt").open("wb")
    environment = {**os.environ, **places, "MEDEVAL_PORT": str(port), "OMP_NUM_THREADS": "1"}
    app = subprocess.Popen([sys.executable, str(ROOT / "app.py")], env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/", app, folder / "log.txt")
        yield f"http://127.0.0.1:{port}/"
    finally:
        app.terminate()
        app.wait(timeout=20)
        log.close()


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert BROWSER is not None, "CI must have Chromium installed"
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=ARGS)
        page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#me-chips .me-case")
        yield page
        browser.close()
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
    page.wait_for_function("document.querySelector('#me-tr-command').innerText.includes('rank=4')")
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
    page.get_by_role("tab", name="对比").click()
    page.wait_for_function("document.querySelector('#me-variants').innerText.includes('mine')")
    assert page.locator("#me-variants label", has_text="mine").locator("input").is_checked()


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
