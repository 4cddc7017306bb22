"""The desk and its exchanges, with an engine of the test that answers when it is told to."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event as Cancel

import pytest
from PIL import Image

from medeval.adapters.variant import Variant
from medeval.engines.contract import Answer, BaseRef, Decoding, Done, Event, Failed, Loaded, Receipt, Request, Token
from medeval.errors import EngineError, UsageError
from medeval.services import Services
from medeval.settings import Settings
from medeval.ui.desk import Desk, Question
from medeval.ui.exchange import View

CASE = """
- id: bp-140-90
  title: {zh: 血压 140/90, en: Blood pressure 140/90}
  suite: [standard]
  prompt: 我的血压140/90，需要担心吗？
  facts: {systolic: 140 mmHg, diastolic: 90 mmHg}
  expect: {must_have: [需要多次测量]}
- id: cxr
  title: {zh: 胸片, en: Chest X-ray}
  suite: [standard]
  prompt: 请看这张胸片。
  images: [chest.png]
"""


class Scripted:
    """Says two pieces per request, waiting before the second until `gate` is set."""

    def __init__(self, fault: str = "") -> None:
        self.gate = Cancel()
        self.gate.set()
        self.fault = fault
        self.asked: list[Request] = []

    def open(self, base: BaseRef, variants: Sequence[Variant]) -> Receipt:
        if self.fault == "open":
            raise EngineError("基础模型不在 / the base is not there")
        return Receipt("scripted", base.path, "", "", "", tuple(Loaded(v.name, "base", 0, 0) for v in variants))

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        for request in requests:
            self.asked.append(request)
            if self.fault == "generate":
                raise RuntimeError("a defect")
            if self.fault == "one":
                yield Failed(request.id, "内存不足 / out of memory")
                continue
            yield Token(request.id, "血压偏高，")
            while not (self.gate.wait(0.01) or cancel.is_set()):
                pass
            text = "血压偏高，" if cancel.is_set() else "血压偏高，多测几次。"
            if not cancel.is_set():
                yield Token(request.id, "多测几次。")
            yield Done(request.id, Answer(request.variant, text, 5, 0.1, "cancelled" if cancel.is_set() else "stop"))

    def close(self) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path, home: Path) -> Settings:
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "a.yaml").write_text(CASE, "utf-8")
    Image.linear_gradient("L").save(cases / "chest.png")
    return Settings(home=home, cases=cases, adapters=tmp_path / "adapters")


def open_desk(settings: Settings, engine: Scripted) -> Desk:
    desk = Desk(Services(settings, engine))
    desk.start()
    return desk


def until(test: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not test():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def finished(desk: Desk, exchange_id: str) -> View:
    exchange = desk.find(exchange_id)
    assert exchange is not None
    until(lambda: not exchange.view().running)
    return exchange.view()


def question(text: str = "", files: tuple[Path, ...] = (), case: str = "") -> Question:
    return Question(text, files, case, ("base",), Decoding(max_tokens=9), "zh")


def test_the_first_case_is_answered_at_start(settings: Settings) -> None:
    desk = open_desk(settings, Scripted())
    view = finished(desk, desk.startup_id)
    column = view.rounds[0].columns[0]
    assert view.startup and view.rounds[0].case.id == "bp-140-90"
    assert column.status == "done" and column.sheet is not None
    until(lambda: desk.loading().state == "ready")


@pytest.mark.parametrize("fault", ["open", "generate", "one"])
def test_engine_trouble_is_a_sentence_and_never_an_answer(settings: Settings, fault: str) -> None:
    desk = open_desk(settings, Scripted(fault))
    column = finished(desk, desk.startup_id).rounds[0].columns[0]
    assert column.status == "failed" and column.sheet is None
    assert " / " in column.error and "Traceback" not in column.error and "a defect" not in column.error
    until(lambda: desk.loading().state == ("failed" if fault == "open" else "ready"))


def test_a_model_that_could_not_be_loaded_is_loaded_when_the_cause_is_mended(settings: Settings) -> None:
    engine = Scripted("open")
    desk = open_desk(settings, engine)
    first = desk.startup_id
    until(lambda: desk.loading().state == "failed")
    desk.retry()
    until(lambda: desk.loading().state == "failed" and not desk.find(desk.startup_id).view().running)  # type: ignore[union-attr]
    engine.fault = ""
    desk.retry()
    assert desk.startup_id != first
    assert finished(desk, desk.startup_id).rounds[0].columns[0].status == "done"
    until(lambda: desk.loading().state == "ready")
    told = desk.startup_id
    desk.retry()
    assert desk.startup_id == told, "nothing is asked again while the model is there"


def test_a_question_tries_a_failed_model_again(settings: Settings) -> None:
    engine = Scripted("open")
    desk = open_desk(settings, engine)
    finished(desk, desk.startup_id)
    until(lambda: desk.loading().state == "failed")
    engine.fault = ""
    asked, _ = desk.ask(question("血压？"))
    assert finished(desk, asked).rounds[0].columns[0].status == "done"
    until(lambda: desk.loading().state == "ready")


def test_an_unchanged_case_keeps_its_facts_an_edited_one_is_free(settings: Settings) -> None:
    desk = open_desk(settings, Scripted())
    prompt = desk.services.cases.cases["bp-140-90"].prompt
    same, _ = desk.ask(question(f" {prompt} ", case="bp-140-90"))
    edited, _ = desk.ask(question(prompt + "！", case="bp-140-90"))
    assert finished(desk, same).rounds[0].case.facts
    free = finished(desk, edited).rounds[0]
    assert (free.kind, free.case.facts) == ("free", {})


def test_the_image_of_a_case_is_known_again_by_content_only(settings: Settings, tmp_path: Path) -> None:
    desk = open_desk(settings, Scripted())
    case = desk.services.cases.cases["cxr"]
    shown = desk.uploads.case_images(case)[0]
    copied = tmp_path / shown.name
    copied.write_bytes(shown.read_bytes())
    assert finished(desk, desk.ask(question(case.prompt, (copied,), "cxr"))[0]).rounds[0].kind == "case"
    Image.new("RGB", (40, 40), "red").save(copied)
    other = finished(desk, desk.ask(question(case.prompt, (copied,), "cxr"))[0]).rounds[0]
    assert other.kind == "free" and other.images != (shown.name,)


def test_a_bad_file_is_told_and_the_rest_goes_on(settings: Settings, tmp_path: Path) -> None:
    desk = open_desk(settings, Scripted())
    bad = tmp_path / "scan.png"
    bad.write_text("no image")
    opened, problems = desk.ask(question("你好，血压高吗？", (bad,)))
    assert len(problems) == 1 and problems[0].startswith("scan.png: ") and " / " not in problems[0]
    view = finished(desk, opened)
    assert view.rounds[0].notes == tuple(problems) and view.rounds[0].columns[0].status == "done"
    with pytest.raises(UsageError, match="scan.png"):
        desk.ask(question("", (bad,)))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (question("  "), "问题"),
        (Question("血压？", (), "", (), Decoding(), "zh"), "版本"),
        (Question("血压？", (), "", ("nobody",), Decoding(), "zh"), "nobody"),
    ],
)
def test_nothing_to_ask_is_a_sentence(settings: Settings, asked: Question, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_desk(settings, Scripted()).ask(asked)


def test_stop_keeps_what_came(settings: Settings) -> None:
    engine = Scripted()
    desk = open_desk(settings, engine)
    finished(desk, desk.startup_id)
    engine.gate.clear()
    opened, _ = desk.ask(question("血压？"))
    exchange = desk.find(opened)
    assert exchange is not None
    until(lambda: exchange.view().rounds[0].columns[0].text != "")
    with pytest.raises(UsageError):
        desk.follow_up(opened, "还有呢？", "zh")
    desk.stop(opened)
    column = finished(desk, opened).rounds[0].columns[0]
    assert column.text == "血压偏高，" and column.answer is not None and column.answer.finish_reason == "cancelled"


def test_follow_up_keeps_each_columns_conversation_and_copies_the_start(settings: Settings) -> None:
    engine = Scripted()
    desk = open_desk(settings, engine)
    finished(desk, desk.startup_id)
    copy = desk.follow_up(desk.startup_id, "多久复查？", "zh")
    assert copy != desk.startup_id
    view = finished(desk, copy)
    assert [r.kind for r in view.rounds] == ["case", "follow"] and not view.startup
    turns = [message for message in engine.asked[-1].messages if message.role != "system"]
    assert [message.role for message in turns] == ["user", "assistant", "user"]
    assert turns[1].text == "血压偏高，多测几次。"
    original = desk.find(desk.startup_id)
    assert original is not None and len(original.view().rounds) == 1


def test_an_exchange_outlives_the_program(settings: Settings) -> None:
    engine = Scripted()
    desk = open_desk(settings, engine)
    done, _ = desk.ask(question("血压？"))
    before = finished(desk, done)
    until(lambda: len(desk.services.store.exchanges()) == 1)  # kept a moment after its page was told
    engine.gate.clear()
    cut, _ = desk.ask(question("血糖？"))
    until(lambda: (settings.home / "exchanges" / f"{cut}.json").is_file())
    again = Desk(Services(settings, Scripted()))
    found = again.find(done)
    assert found is not None and found.view().rounds == before.rounds
    lost = again.find(cut)
    assert lost is not None and not lost.view().running
    assert lost.view().rounds[0].columns[0].status == "failed"
    engine.gate.set()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", "nope", "x" * 20, "..%2f..%2f"])
def test_unknown_and_hostile_ids_find_nothing(settings: Settings, name: str) -> None:
    assert Desk(Services(settings, Scripted())).find(name) is None


def test_a_saved_case_is_on_the_rail_and_never_overwrites(settings: Settings) -> None:
    desk = open_desk(settings, Scripted())
    finished(desk, desk.startup_id)
    first = desk.save_case(desk.startup_id, "我的病例", ["要点"], [], "zh")
    second = desk.save_case(desk.startup_id, "我的病例", [], ["停药"], "zh")
    assert first != second
    cases = [case for case in desk.services.cases.cases.values() if "saved" in case.suite]
    assert sorted(case.expect.must_have for case in cases) == [["要点"], ["需要多次测量"]]
    assert cases[0].facts and not desk.services.cases.problems
    with pytest.raises(UsageError):
        desk.save_case(desk.startup_id, " ", [], [], "zh")
