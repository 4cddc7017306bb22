"""A batch of images on its own thread: an ordinary run comes of it, bad files are told, two never run at once."""

import time
from pathlib import Path
from threading import Event

import pytest
from PIL import Image
from run_samples import ScriptedEngine

from medeval.engines.contract import Decoding
from medeval.errors import UsageError
from medeval.services import Services
from medeval.settings import Settings
from medeval.ui.batch import Batch
from medeval.ui.batch_panel import batch_html


def until_over(batch: Batch) -> None:
    end = time.monotonic() + 60
    while batch.state.busy:
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    good, bad = tmp_path / "a.png", tmp_path / "<b>.png"
    Image.new("L", (30, 30), 90).save(good)
    bad.write_text("no image")
    return [good, bad]


def make_services(home: Path, tmp_path: Path, engine: ScriptedEngine) -> Services:
    adapters = tmp_path / "adapters"
    adapters.mkdir(exist_ok=True)
    (tmp_path / "cases").mkdir(exist_ok=True)
    return Services(Settings(home=home, cases=tmp_path / "cases", adapters=adapters), engine)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_batch_becomes_a_run(home: Path, tmp_path: Path, files: list[Path], lang: str) -> None:
    gate = Event()

    def answer(request: object) -> str:
        gate.wait(20)
        return "未见明显异常。"

    services = make_services(home, tmp_path, ScriptedEngine(answer))
    batch = Batch(services)
    assert batch_html(batch.state, "zh") == ""
    batch.start(files, "请看这张胸片。", (), "busy")
    with pytest.raises(UsageError, match="busy"):
        batch.start(files, "请看这张胸片。", (), "busy")
    gate.set()
    until_over(batch)
    state = batch.state
    assert state.step == "done" and len(state.problems) == 1
    shown = batch_html(state, "en" if lang == "en" else "zh")
    assert state.run_id in shown and "<b>" not in shown and "&lt;b&gt;" in shown
    record = services.store.run(state.run_id)
    assert (record.answered, record.spec.suite, len(record.spec.cases)) == (1, "images", 1)
    services.close()


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_the_question_is_asked_for_before_an_image_is_read(
    home: Path, tmp_path: Path, files: list[Path], prompt: str
) -> None:
    services = make_services(home, tmp_path, ScriptedEngine())
    batch, read = Batch(services), list[int]()
    with pytest.raises(UsageError, match="write the question"):
        batch.start(files, prompt, (), "busy")
    assert batch.state.step == "idle"
    with pytest.raises(UsageError, match="write the question"):
        services.reviewing.images_run(files, prompt, (), Decoding(), read.append)
    assert read == []
    services.close()


def test_trouble_is_a_sentence(home: Path, tmp_path: Path, files: list[Path]) -> None:
    services = make_services(home, tmp_path, ScriptedEngine(lambda request: None))
    batch = Batch(services)
    batch.start(files[1:], "请看", (), "busy")
    until_over(batch)
    assert batch.state.step == "failed" and " / " in batch.state.error
    assert "no usable images" in batch_html(batch.state, "en")
    batch.start(files[:1], "请看", (), "busy")
    until_over(batch)
    assert batch.state.step == "done" and "resume" in batch.state.problems[0]
    services.close()
