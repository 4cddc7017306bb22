"""The job folder: events under torn writes, outcomes, and the room kept for them."""

import math
from pathlib import Path

import pytest

from medeval.training.disk import DiskFullError, require_space
from medeval.training.progress import JobFolder


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder(tmp_path / "job")
    made.write_config({"kind": "train", "名": "值"})
    return made


def test_events_are_read_from_where_one_left_off(folder: JobFolder) -> None:
    assert folder.events() == ([], 0)
    folder.emit("step", step=1, loss=2.5)
    first, offset = folder.events()
    folder.emit("note", zh="好", en="fine")
    second, _ = folder.events(offset)
    assert [e["step"] for e in first] == [1] and [e["zh"] for e in second] == ["好"]
    assert folder.config == {"kind": "train", "名": "值"}


@pytest.mark.parametrize("torn", [b'{"t": 1, "kind": "st', b"\xff\xfe", b"null", b'{"no": "kind"}'])
def test_half_written_events_break_no_reader_and_no_writer(folder: JobFolder, torn: bytes) -> None:
    folder.emit("step", step=1)
    with (folder.path / "events.jsonl").open("ab") as file:
        file.write(torn)
    events, offset = folder.events()
    assert [e["step"] for e in events] == [1]
    folder.emit("step", step=2)
    assert [e["step"] for e in folder.events(offset)[0]] == [2]
    assert [e["step"] for e in folder.events()[0]] == [1, 2]


def test_numbers_that_json_cannot_hold_become_null(folder: JobFolder) -> None:
    folder.emit("step", loss=math.nan, more=[math.inf, 1.0])
    (event,), _ = folder.events()
    assert event["loss"] is None and event["more"] == [None, 1.0]


def test_an_outcome_belongs_to_one_attempt(folder: JobFolder) -> None:
    assert folder.outcome() is None
    folder.reserve()
    folder.finish("failed", "一句 / one sentence")
    assert folder.outcome() == ("failed", "一句 / one sentence")
    folder.ask_to_stop()
    assert folder.stop_requested()
    folder.prepare()
    assert folder.outcome() is None and not folder.stop_requested()


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="not enough disk"):
        require_space(tmp_path / "not" / "there", 10**18)
