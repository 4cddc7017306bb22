"""The whole of fusing: nothing half-made is ever visible, a failed proof is kept aside, a rerun succeeds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from medeval.adapters.catalogue import find_variants
from medeval.adapters.variant import Variant
from medeval.cases.schema import Case
from medeval.errors import EngineError, UsageError
from medeval.fusion import fuse as fusing
from medeval.fusion.fuse import fuse
from medeval.fusion.order import Order, Outcome
from medeval.fusion.parity import Replayed
from medeval.fusion.write import Stopped

ROOT = Path(__file__).resolve().parents[2]


def case(name: str = "bp", images: tuple[Path, ...] = ()) -> Case:
    return Case.model_validate(
        {"id": name, "title": {"zh": "题", "en": "t"}, "suite": ["standard"], "language": "zh",
         "prompt": "血压140/90?", "images": images, "source": "test"}
    )  # fmt: skip


def order(root: Path, out: Path, name: str = "plain", **given) -> Order:
    variant = find_variants(root / "adapters")[name]
    return Order(root / "base", variant, out, **{"cases": [case()], "tokens": 8, **given})


@pytest.fixture
def replayed(monkeypatch) -> SimpleNamespace:
    """Replays without a model: the reference's logits, and the fused model's at a chosen distance."""
    state = SimpleNamespace(distance=0.0, asked=[])

    def stub(work, engine, model, variant, cases, tokens, paths=None, on_progress=None, stopped=None) -> Replayed:
        work.mkdir(parents=True)
        state.asked.append((engine, model.name, variant.name))
        random = np.random.default_rng(0)
        target = random.normal(size=(6, 20)).astype(np.float32)
        shift = random.normal(size=(6, 20)).astype(np.float32)
        kept = {"variant": target + (0 if variant.stack else state.distance) * shift}
        if variant.stack:
            kept["base"] = target + shift
        for index in range(len(cases)):
            np.savez(work / f"{index}.npz", **kept)
        answers = [{"ids": [1] * 6, "text": "血压偏高。"} for _ in cases]
        result = {"answers": answers, "engine": engine, "dtype": "float32", "device": "cpu", "packages": {}}
        return Replayed(work, result)

    monkeypatch.setattr(fusing, "replay", stub)
    return state


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_proven_model_gets_its_name(made, replayed, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    outcome = fuse(order(made("text"), tmp_path / "v3"), lambda d, t, zh, en: told.append((d, t)))
    assert outcome.ok and outcome.path == tmp_path / "v3" and visible(tmp_path) == ["v3"]
    report = json.loads((tmp_path / "v3" / "fuse_report.json").read_text())
    assert report["ok"] and report["stack"][0]["name"] == "plain" and report["rows"][0]["effect_lost"] == 0
    assert "plain" in (tmp_path / "v3" / "fuse_report.html").read_text()
    assert [d for d, _ in told] == sorted(d for d, _ in told) and told[-1][0] == told[-1][1]
    assert replayed.asked == [("torch", "base", "plain"), ("torch", "model16", "base")]


@pytest.mark.parametrize("distance", [0.4, float("nan")])
def test_a_model_that_fails_its_proof_is_kept_aside(made, replayed, tmp_path: Path, distance: float) -> None:
    replayed.distance = distance
    for _ in range(2):
        outcome = fuse(order(made("text"), tmp_path / "v3"))
        assert not outcome.ok and outcome.path == tmp_path / "v3.failed" and visible(tmp_path) == ["v3.failed"]
        assert outcome.rows[0].why
        assert json.loads((tmp_path / "v3.failed" / "fuse_report.json").read_text())["ok"] is False


def test_a_failed_proof_leaves_the_old_model_alone(made, replayed, tmp_path: Path) -> None:
    root = made("text")
    fuse(order(root, tmp_path / "v3"))
    replayed.distance = 1.0
    assert not fuse(order(root, tmp_path / "v3", replace=True)).ok
    assert visible(tmp_path) == ["v3", "v3.failed"]
    assert json.loads((tmp_path / "v3" / "fuse_report.json").read_text())["ok"] is True


def test_nothing_is_overwritten_unless_asked_and_then_kept(made, replayed, tmp_path: Path) -> None:
    root = made("text")
    (tmp_path / "v3").mkdir()
    (tmp_path / "v3" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="exists already"):
        fuse(order(root, tmp_path / "v3"))
    outcome = fuse(order(root, tmp_path / "v3", replace=True))
    assert outcome.backup is not None and (outcome.backup / "mine.txt").read_text() == "x"
    assert (tmp_path / "v3" / "model.safetensors").is_file()


WRONG: dict[str, tuple[Callable[[Order], dict], str]] = {
    "no adapter": (lambda o: {"variant": Variant("base")}, "no adapter"),
    "five bits": (lambda o: {"bits": 5}, "4, 8 or 16"),
    "no cases": (lambda o: {"cases": []}, "no cases"),
    "into the base": (lambda o: {"out": o.base / "x"}, "own folder"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_orders(made, tmp_path: Path, fault: str) -> None:
    from dataclasses import replace

    change, said = WRONG[fault]
    given = order(made("text"), tmp_path / "v3")
    with pytest.raises(UsageError, match=said):
        fuse(replace(given, **change(given)))
    assert visible(tmp_path) == []


def test_a_full_disk_is_found_before_anything_is_written(made, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("medeval.fusion.space.shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(EngineError, match="not enough disk space"):
        fuse(order(made("text"), tmp_path / "v3"))
    assert visible(tmp_path) == []


def test_stopping_leaves_nothing(made, replayed, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(Stopped):
        fuse(order(made("text"), tmp_path / "v3"), lambda d, t, zh, en: seen.append(d), lambda: len(seen) > 5)
    assert visible(tmp_path) == []


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from medeval.fusion.fuse import fuse
from tests.fusion.test_fuse import order
def tell(done, total, zh, en):
    if done > 30:
        print("now", flush=True)
        time.sleep(60)
fuse(order(Path({made!r}), Path({out!r})), tell)
"""


def test_kill_9_leaves_no_half_model_and_a_rerun_succeeds(made, replayed, tmp_path: Path) -> None:
    root, out = made("text"), tmp_path / "v3"
    script = KILLED.format(root=str(ROOT), made=str(root), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == b"now\n"
    assert (tmp_path / ".v3.partial" / "model16").is_dir()
    with pytest.raises(UsageError, match="another process"):
        fuse(order(root, out))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not [p for p in tmp_path.iterdir() if not p.name.startswith(".")]
    assert fuse(order(root, out)).ok and visible(tmp_path) == ["v3"]


def test_proven_in_fresh_processes_with_pictures(made, tmp_path: Path) -> None:
    """The real thing on a tiny model that sees."""
    row = proven(made("vl"), tmp_path, ()).rows[0]
    assert row.same_answers == 2 and row.token_agreement == 1
    assert row.effect_lost < 1e-3 and row.max_logit_change < 1e-2


@pytest.mark.heavy
@pytest.mark.skipif(find_spec("mlx_vlm") is None, reason="mlx-vlm is not installed")
def test_the_loss_of_fewer_bits_is_measured(made, tmp_path: Path) -> None:
    rows = {row.bits: row for row in proven(made("vl"), tmp_path, (8, 4)).rows}
    assert [rows[b].engine for b in (16, 8, 4)] == ["torch", "mlx", "mlx"]
    assert rows[16].effect_lost < rows[8].effect_lost < rows[4].effect_lost
    assert rows[16].megabytes > rows[8].megabytes > rows[4].megabytes


def proven(root: Path, tmp_path: Path, measure: tuple[int, ...]) -> Outcome:
    from .test_write import picture

    cases = [case("a"), case("b", (picture(tmp_path),))]
    (tmp_path / "out").mkdir()
    outcome = fuse(order(root, tmp_path / "out" / "v3", "top", cases=cases, measure=measure))
    assert outcome.ok, outcome.rows[0].why
    assert visible(tmp_path / "out") == ["v3"]
    return outcome
