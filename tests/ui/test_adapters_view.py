"""The Adapters tab without a browser: rows and reasons, orders of the form, progress of jobs, adding by the gate."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from medeval.errors import AdapterError, UsageError
from medeval.services import Services
from medeval.services.adapters import Adapters, Examined
from medeval.services.fuse_checks import check_order, free_bytes, lmstudio_place
from medeval.services.fusing import FuseOrder, Width, remember
from medeval.settings import ROOT, Settings
from medeval.store.jobs import Job
from medeval.ui.adapters_board import Board, command_of, left_by, needed_bytes, work_of
from medeval.ui.adapters_form import estimate_html, order_of
from medeval.ui.adapters_jobs import jobs_html
from medeval.ui.adapters_view import lineage_text, reasons_html, table_html

WIDTHS = [Width(16, 1000), Width(8, 600), Width(4, 400)]
DEMO = ROOT / "models" / "demo"
needs_demo = pytest.mark.skipif(not (DEMO / "model.safetensors").is_file(), reason="models/demo is not built here")


@pytest.fixture
def shelf(tmp_path: Path) -> Adapters:
    shutil.copytree(ROOT / "adapters", tmp_path / "adapters")
    return Adapters(Settings(home=tmp_path / "home", base=str(DEMO), adapters=tmp_path / "adapters"))


def v1(folder: Path) -> Path:
    shutil.copytree(ROOT / "adapters" / "v1", folder)
    (folder / "medeval.json").unlink()
    return folder


def change(folder: Path, how: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    file = folder / "adapter_model.safetensors"
    save_file(how(load_file(file)), file, {"format": "pt"})


def wider(value: Any) -> Any:
    return np.concatenate([value, value], -1)


def truncate(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def no_lineage(folder: Path) -> None:
    (folder / "medeval.json").write_text(json.dumps({"trained_on": ["v0"]}))


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "nan": (lambda f: change(f, lambda t: {k: np.full_like(v, np.nan) for k, v in t.items()}), "NaN"),
    "zero": (lambda f: change(f, lambda t: {k: 0 * v if "lora_B" in k else v for k, v in t.items()}), "B is zero"),
    "names": (lambda f: change(f, lambda t: {k.replace("q_", "x_"): v for k, v in t.items()}), "no such layer"),
    "shapes": (lambda f: change(f, lambda t: {k: wider(v) if "_A" in k else v for k, v in t.items()}), "shape"),
    "truncated": (truncate, "truncated"),
    "pickle": (pickle, "only .safetensors"),
    "lineage": (no_lineage, "v0"),
}


@needs_demo
@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_is_not_installed(kind: str, shelf: Adapters, tmp_path: Path) -> None:
    damage, said = DAMAGE[kind]
    folder = v1(tmp_path / "given")
    damage(folder)
    with pytest.raises(AdapterError, match=said):
        shelf.install(folder, "v4")
    assert sorted(p.name for p in shelf.settings.adapters.iterdir()) == ["v1", "v2", "v3"]
    assert list(shelf.settings.home.glob("adding/*")) == []


@needs_demo
def test_what_fits_is_installed_and_a_taken_name_is_not(shelf: Adapters, tmp_path: Path) -> None:
    folder = v1(tmp_path / "given")
    files = [folder / "adapter_model.safetensors", folder / "adapter_config.json"]
    assert shelf.install(files, "v4").name == "v4"
    rows = {row.name: row for row in shelf.rows()}
    assert list(rows) == ["v1", "v2", "v3", "v4"] and rows["v4"].state == "ok"
    assert (rows["v4"].matched, rows["v4"].expected, rows["v3"].stack) == (70, 70, ("v2", "v3"))
    assert rows["v1"].card is not None and rows["v1"].card.base_match == "proven"
    for name, said in (("v1", "exists already"), ("base", "cannot be used")):
        with pytest.raises(UsageError, match=said):
            shelf.install(folder, name)


@needs_demo
def test_a_changed_file_is_read_again_and_named_refused(shelf: Adapters) -> None:
    assert {row.state for row in shelf.rows()} == {"ok"}
    change(shelf.settings.adapters / "v2", lambda t: {k: np.full_like(v, np.inf) for k, v in t.items()})
    rows = {row.name: row for row in shelf.rows()}
    assert rows["v2"].state == "refused" and any("sha256" in problem for problem in rows["v2"].problems)
    assert sum("infinity" in problem for problem in rows["v2"].problems) == 70


def test_names_are_text_and_refusals_list_every_reason() -> None:
    row = Examined("<b>x</b>", problems=("a: 坏 / broken <i>", "b: 也坏 / too"))
    html = table_html([row], "", [], "/somewhere", "en")
    assert "<b>x</b>" not in html and "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<li>a: broken &lt;i&gt;</li><li>b: too</li>" in html
    assert lineage_text(row) == "–"
    assert "/somewhere" in table_html([], "", [], "/somewhere", "zh")


FORM = ["v3", "mlx", 8, True, " ", False, True, "/lm", "", "m"]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (None, None, FuseOrder("v3", bits=8, measure=(4,), lmstudio=True, lmstudio_home="/lm", name="m")),
        (1, "transformers", FuseOrder("v3", measure=(8, 4), lmstudio=True, lmstudio_home="/lm", name="m")),
        (2, 5, FuseOrder("v3", measure=(8, 4), lmstudio=True, lmstudio_home="/lm", name="m")),
        (3, False, FuseOrder("v3", bits=8, lmstudio=True, lmstudio_home="/lm", name="m")),
        (6, False, FuseOrder("v3", bits=8, measure=(4,), name="m")),
        (0, None, None),
    ],
)
def test_the_form_makes_an_order(place: int | None, value: Any, expected: FuseOrder | None) -> None:
    form = [value if i == place else given for i, given in enumerate(FORM)]
    assert order_of(form, WIDTHS) == expected


def test_the_command_does_what_the_form_does() -> None:
    order = FuseOrder("v3", bits=4, measure=(8,), replace=True, lmstudio=True, publisher="me", name="demo 4")
    assert command_of(order, Path("/out/a b")) == (
        "medeval fuse v3 --out '/out/a b' --bits 4 --measure 8 --replace --lmstudio --publisher me --name 'demo 4'"
    )
    assert command_of(FuseOrder("v3"), Path("o")) == "medeval fuse v3 --out o"


def test_what_cannot_be_done_is_said_before(tmp_path: Path) -> None:
    assert needed_bytes(WIDTHS, 4, ()) == 1470 + 200_000_000
    html, possible = estimate_html(FuseOrder("v3"), tmp_path, [Width(16, 10**18)], "en")
    assert not possible and "Not enough room" in html
    html, possible = estimate_html(FuseOrder("v3", bits=8), tmp_path, [Width(16, 1), Width(8, 1, "缺 / missing")], "en")
    assert not possible and "missing" in html
    assert estimate_html(FuseOrder("v3"), tmp_path, WIDTHS, "en")[1]
    assert free_bytes(tmp_path / "not" / "yet") > 0


def test_a_taken_place_of_lmstudio_is_said_before(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    home = tmp_path / "lm"
    order = FuseOrder("v3", out=str(tmp_path / "v3"), lmstudio=True, lmstudio_home=str(home))
    check_order(settings, order)
    assert not lmstudio_place(str(home)).found
    (home / "models" / "medeval" / "v3").mkdir(parents=True)
    with pytest.raises(UsageError, match="tick Replace"):
        check_order(settings, order)
    check_order(settings, FuseOrder(**{**vars(order), "replace": True}))
    check_order(settings, FuseOrder(**{**vars(order), "name": "other"}))


def job(**given: Any) -> Job:
    return Job(**{"id": "j1", "kind": "fuse", "title": "v3 → <x>", "state": "running", "folder": Path("."),
                  "created": "2026-01-01T10:00:00+00:00", **given})  # fmt: skip


def progress(t: float, done: int, step: str) -> dict[str, Any]:
    return {"t": t, "kind": "progress", "done": done, "total": 100, "note": {"zh": step, "en": step}}


def test_the_time_left_goes_by_the_step_at_work() -> None:
    events = [progress(0, 0, "write"), progress(1, 50, "write"), progress(2, 50, "prove"), progress(12, 60, "prove")]
    work = work_of(job(), FuseOrder("v3"), events)
    assert (work.share, work.seconds_left, work.step("en")) == (0.6, pytest.approx(40), "prove")
    assert work_of(job(), FuseOrder("v3"), events[:3]).seconds_left is None
    html = jobs_html([work], "j1", [], "", "en")
    assert "60 %" in html and "about 40 s left" in html and "&lt;x&gt;" in html and 'data-do="stop"' in html


def test_a_model_whose_deploying_failed_is_still_shown(tmp_path: Path) -> None:
    report = {"ok": True, "created": "2026-01-01T10:05:00+00:00"}
    (tmp_path / "fuse_report.json").write_text(json.dumps(report))
    failed = job(state="failed", started="2026-01-01T10:01:00+00:00", error="disk")
    work = work_of(failed, FuseOrder("v3", out=str(tmp_path)), [])
    assert left_by(work) == {"ok": True, "path": str(tmp_path), "report": report}
    later = work_of(replace(failed, started="2026-01-01T11:00:00+00:00"), work.order, [])
    assert left_by(later) is None and left_by(work_of(job(), work.order, [])) is None


def test_a_failed_proof_is_said_and_offers_no_use() -> None:
    parity = {"bits": 16, "engine": "torch", "dtype": "float32", "megabytes": 16.3, "effect_lost": None, "ok": False,
              "token_agreement": 0.5, "same_answers": 0, "answers": 2, "max_logit_change": 3.0, "kl_mean": 0.4,
              "score_change": None, "scored": 0, "tokens": 10, "why": ["kl_mean 0.4"]}  # fmt: skip
    written = {"tensors_before": 3, "tensors_after": 3, "vision_before": 1, "vision_after": 1, "changed": 1}
    report = {"ok": False, "rows": [parity], "cases": ["a", "b"], "written": written}
    result = {"t": 1, "kind": "result", "ok": False, "path": "/out/v3.failed", "backup": None, "report": report,
              "deployed": None, "smoke": None}  # fmt: skip
    html = jobs_html([work_of(job(state="failed", error="x"), FuseOrder("v3"), [result])], "j1", [], "", "en")
    assert "Failed its proof" in html and "v3.failed" in html and "kl_mean 0.4" in html and "me-ad-fail" in html
    assert 'data-do="column"' not in html and "medeval ui --base" not in html


def fused_elsewhere(folder: Path) -> Path:
    """A model as the command line leaves it, without its weights."""
    folder.mkdir(parents=True)
    row = {"bits": 16, "engine": "torch", "dtype": "float32", "megabytes": 1.0, "effect_lost": 0.0, "ok": True,
           "token_agreement": 1.0, "tokens": 9, "same_answers": 2, "answers": 2, "max_logit_change": 0.0,
           "kl_mean": 0.0, "score_change": 0.0, "scored": 2, "why": []}  # fmt: skip
    written = {"tensors_before": 3, "tensors_after": 3, "vision_before": 1, "vision_after": 1, "changed": 2}
    report = {"ok": True, "bits": 16, "variant": "v1", "created": "2026-01-01T10:00:00+00:00", "rows": [row],
              "cases": ["a", "b"], "written": written}  # fmt: skip
    (folder / "fuse_report.json").write_text(json.dumps(report))
    (folder / "fuse_report.html").write_text("<p>proof</p>")
    return folder


def test_a_model_of_the_command_line_is_listed_and_deployed_later(shelf: Adapters, tmp_path: Path) -> None:
    model = fused_elsewhere(tmp_path / "elsewhere" / "v1-16")
    settings = shelf.settings
    remember(settings, model)
    remember(settings, model)
    remember(settings, tmp_path / "gone")
    board = Board(Services(settings))
    (work,) = board.works()
    assert work.order.variant == "v1" and board.report(work.job.id) == model / "fuse_report.html"
    assert board.report("model-nothing") is None and board.report("../../x") is None
    shown = jobs_html([work], work.job.id, [], "", "en")
    assert f'href="fused/{work.job.id}.html"' in shown and "Deploy to LM Studio" in shown
    assert "v1 → v1-16 (16 bit)" in shown and 'data-do="delete"' not in shown
    with pytest.raises(UsageError, match="LM Studio"):
        board.deploy(work.job.id, "")
    (tmp_path / "lm").mkdir()
    job = board.deploy(work.job.id, str(tmp_path / "lm"))
    order = next(w for w in board.works() if w.job.id == job).order
    assert (order.model, order.lmstudio) == (str(model), True)
    board.services.close()


def test_one_reason_for_many_tensors_is_said_once() -> None:
    cut = [f"a.safetensors: layers.{n}.lora_A: 文件被截断 / the file is truncated" for n in range(5)]
    html = reasons_html([*cut, "a.safetensors: x: 含有 NaN / holds NaN"], "en")
    assert html.count("<details>") == 1 and "the file is truncated (5 places)" in html
    assert all(f"layers.{n}.lora_A" in html for n in range(5)) and "x: holds NaN" in html
    assert "<details>" not in reasons_html(cut[:3], "zh")
