"""The Adapters tab in a real browser: badges, a refused upload, a new folder, a fuse with its table, a column."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from browsing import WAIT, needs_browser, needs_demo, running_app
from safetensors.numpy import load_file, save_file

from medeval.settings import ROOT

pytestmark = [needs_browser, needs_demo]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters of its own, two short cases for the proof, and an LM Studio home."""
    root = tmp_path_factory.mktemp("adapters-tab")
    shutil.copytree(ROOT / "adapters", root / "adapters")
    (root / "lm").mkdir()
    (root / "cases").mkdir()
    for name, prompt in (("bp-140-90", "我的血压140/90，需要担心吗？"), ("glucose", "空腹血糖7.2 mmol/L，高吗？")):
        case = {
            "id": name, "title": {"zh": name, "en": name}, "suite": ["standard"], "language": "zh", "prompt": prompt,
            "source": "test, MIT",
        }  # fmt: skip
        (root / "cases" / f"{name}.yaml").write_text(yaml.safe_dump(case, allow_unicode=True), "utf-8")
    return root


@pytest.fixture(scope="module")
def address(world: Path) -> Iterator[str]:
    places = {"MEDEVAL_CASES": str(world / "cases"), "MEDEVAL_ADAPTERS": str(world / "adapters"), "MEDEVAL_LANG": "zh"}
    with running_app(world, **places) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """One visitor on the Adapters tab; the tests of this file follow on each other."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    open_tab(page)
    yield page
    context.close()
    assert faults == []


def open_tab(page: Any) -> None:
    page.wait_for_selector("#me-cards .me-card.me-done")
    page.get_by_role("tab", name="适配器").click()
    page.wait_for_selector(".me-ad-table")
    settled(page)


def settled(page: Any) -> None:
    page.wait_for_selector("#me-ad-head .me-ad-busy", state="detached")


def box(page: Any, name: str) -> Any:
    return page.locator(f"#{name} input, #{name} textarea")


def damaged(folder: Path) -> Path:
    """V1 with a NaN in one layer and another layer under a wrong name."""
    folder.mkdir()
    tensors = load_file(ROOT / "adapters" / "v1" / "adapter_model.safetensors")
    first = min(tensors)
    tensors[first] = np.full_like(tensors[first], np.nan)
    renamed = {k.replace("q_proj", "query_proj") if ".layers.1." in k else k: v for k, v in tensors.items()}
    save_file(renamed, folder / "adapter_model.safetensors", {"format": "pt"})
    shutil.copy(ROOT / "adapters" / "v1" / "adapter_config.json", folder)
    return folder


def test_the_shipped_adapters_stand_there_with_their_badges(page: Any) -> None:
    badges = page.locator(".me-ad-row .me-ad-badge").all_inner_texts()
    assert badges == ["✓ 70/70"] * 3
    assert "v3 ← v2" in page.locator("[data-adapter=v3]").inner_text()
    changes = page.locator(".me-ad-row td:last-child").all_inner_texts()
    assert all(float(change) > 0 for change in changes)
    assert "demo" in page.locator("#me-ad-head").inner_text()
    page.locator("[data-adapter=v3] .me-ad-row").click()
    told = page.wait_for_selector("[data-adapter=v3] .me-ad-more").inner_text()
    assert "q_proj ×" in told and "指纹相符" in told and "请先融合" in told


def test_a_damaged_upload_is_refused_with_every_reason(page: Any, world: Path) -> None:
    page.locator(".me-ad-add button.label-wrap").click()
    bad = damaged(world / "bad")
    with page.expect_response(lambda response: "/upload" in response.url):
        page.locator("#me-ad-drop input[type=file]").set_input_files([str(p) for p in sorted(bad.iterdir())])
    page.wait_for_selector("#me-ad-drop >> text=json")
    box(page, "me-ad-name").fill("v4")
    page.locator("#me-ad-install").click()
    told = page.wait_for_selector("#me-ad-added .me-error").inner_text()
    assert "没有安装" in told and "NaN" in told and "query_proj" in told
    assert sorted(p.name for p in (world / "adapters").iterdir()) == ["v1", "v2", "v3"]
    # the refused files are still there: a path that is typed after them is what counts
    box(page, "me-ad-path").fill("/nowhere")
    page.locator("#me-ad-install").click()
    page.wait_for_function("!document.querySelector('#me-ad-added').innerText.includes('NaN')")
    assert "没有" in page.locator("#me-ad-added").inner_text()
    assert "safetensors" not in page.locator("#me-ad-drop").inner_text()
    page.locator("#me-ad-drop input[type=file]").set_input_files([str(p) for p in sorted(bad.iterdir())])
    page.wait_for_function("document.querySelector('#me-ad-path input, #me-ad-path textarea').value === ''")
    box(page, "me-ad-name").fill("")


def test_a_new_folder_is_a_variant_without_a_restart(page: Any, world: Path) -> None:
    shutil.copytree(world / "adapters" / "v1", world / "adapters" / "v9")
    damaged(world / "adapters" / "broken")
    page.locator("#me-ad-refresh").click()
    page.wait_for_function("document.querySelector('[data-adapter=v9] td:last-child')?.textContent > '0'")
    assert "NaN" in page.locator("[data-adapter=broken] .me-ad-reasons").inner_text()
    page.locator("[data-adapter=v9] .me-ad-row").click()
    page.locator("[data-adapter=v9] [data-do=convert]").click()
    page.wait_for_selector("[data-adapter=v9-mlx] .me-ad-badge")
    assert page.locator("[data-adapter=v9-mlx] .me-ad-badge").inner_text() == "✓ 70/70"
    for name in ("v9", "v9-mlx", "broken"):
        shutil.rmtree(world / "adapters" / name)
    page.locator("#me-ad-refresh").click()
    page.wait_for_function("document.querySelectorAll('.me-ad-row').length === 3")
    settled(page)


def test_v3_is_fused_proven_and_deployed(page: Any, world: Path) -> None:
    page.locator("#me-ad-deploy input").click()
    box(page, "me-ad-lm-home").fill(str(world / "lm"))
    box(page, "me-ad-lm-home").press("Tab")
    page.locator(".me-ad-rail button.label-wrap").first.click()
    box(page, "me-ad-out").fill(str(world / "out" / "v3"))
    box(page, "me-ad-out").press("Tab")
    page.wait_for_function("document.querySelector('#me-ad-command')?.textContent.includes('--lmstudio-home')")
    page.locator("#me-ad-start").click()
    page.wait_for_selector("#me-ad-jobs .me-ev-bar")
    page.reload()
    open_tab(page)
    page.wait_for_selector("#me-ad-jobs [data-state=done] .me-ad-parity")
    told = page.locator("#me-ad-jobs").inner_text()
    assert "通过" in told and "100.00 %" in told and str(world / "out" / "v3") in told
    assert page.locator(".me-ad-parity tbody tr.me-ad-pass").count() == 1
    assert (world / "lm" / "models" / "medeval" / "v3" / "model.safetensors").is_file()
    lines = page.locator("#me-ad-jobs code").all_inner_texts()
    assert any(line.startswith("medeval ui --base") for line in lines)
    assert any("mlx_vlm.server" in line for line in lines) and any("vllm serve" in line for line in lines)


def test_the_fused_model_is_a_column(page: Any) -> None:
    page.locator("#me-ad-jobs [data-do=column]").click()
    page.wait_for_function("Number(document.querySelector('[data-adapter=v3-fused16] td:last-child')?.textContent) > 0")


def test_english_and_a_phone(page: Any) -> None:
    page.locator("#me-lang").get_by_text("English").click()
    page.wait_for_function("document.querySelector('#me-ad-jobs h2')?.textContent === 'Fuse jobs'")
    page.wait_for_function("document.querySelector('.me-ad-table thead')?.textContent.includes('Lineage')")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    edges = page.eval_on_selector_all(
        ".me-ad-row, #me-ad-jobs, #me-ad-start",
        "found => found.map(f => [f.getBoundingClientRect().left, f.getBoundingClientRect().right])",
    )
    assert all(left >= 0 and right <= 390 for left, right in edges), edges
