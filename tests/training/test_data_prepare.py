"""Preparing training data: held-out sets, splits that stay put, clean images, shares."""

import json
from pathlib import Path
from typing import Any

import pytest

from medeval.engines.contract import Message
from medeval.errors import UsageError
from medeval.training.data import DataError, DataSet, Sample, read_data, split_of
from medeval.training.data_prepare import PreparePlan, parse_mix, prepare_data, take_mix
from training.test_data import CASES, ask, picture


def data_of(count: int, **meta: Any) -> DataSet:
    samples = tuple(ask(f"第{i}个问题是什么原因", i + 1, **meta) for i in range(count))
    return DataSet("t.jsonl", {"train": samples, "valid": (), "test": ()})


def test_prepare_is_deterministic_and_stable(tmp_path: Path) -> None:
    first = prepare_data(data_of(300), tmp_path / "a", PreparePlan())
    prepare_data(data_of(300), tmp_path / "b", PreparePlan())
    more = prepare_data(data_of(301), tmp_path / "c", PreparePlan())
    for name in ("train", "valid", "test"):
        lines = [(tmp_path / folder / f"{name}.jsonl").read_text("utf-8").splitlines() for folder in "abc"]
        assert lines[0] == lines[1]
        assert set(lines[0]) <= set(lines[2])
    assert sum(first.sizes.values()) == 300 and sum(more.sizes.values()) == 301
    assert 0.72 < first.sizes["train"] / 300 < 0.88


def test_prepare_keeps_a_patient_together(tmp_path: Path) -> None:
    samples = tuple(ask(f"问题{i}是什么", i + 1, patient_id=f"p{i // 10}") for i in range(200))
    prepare_data(DataSet("t", {"train": samples}), tmp_path / "out", PreparePlan(seed=3))
    places: dict[str, set[str]] = {}
    for file in (tmp_path / "out").glob("*.jsonl"):
        for line in file.read_text("utf-8").splitlines():
            places.setdefault(json.loads(line)["meta"]["patient_id"], set()).add(file.stem)
    assert len(places) == 20 and all(len(files) == 1 for files in places.values())


def test_prepare_holds_out(tmp_path: Path) -> None:
    samples = [ask(f"问题{i}是什么", i + 1) for i in range(200)]
    samples += [
        ask("我的血压140/90，需要担心吗？", 900),
        ask("金标准", 901, set="gold"),
        ask("红队", 902, set="red_team"),
    ]
    samples += [ask("问题7是什么", 903), ask("姓名：王小明 头痛", 904)]
    samples += [Sample("t.jsonl:905", (Message("user", "看", (tmp_path / "no.png",)), Message("assistant", "好的")))]
    plan = PreparePlan(cases=CASES, gold=4)
    done = prepare_data(DataSet("t", {"train": tuple(samples)}), tmp_path / "out", plan)
    assert done.left_out == {"bad_line": 0, "duplicate": 1, "identifier": 1, "overlap": 1, "image": 1, "mix": 0}
    assert done.sizes["gold"] == 5 and done.sizes["red_team"] == 1
    held = {json.loads(line)["input"] for name in ("gold", "red_team")
            for line in (tmp_path / "out" / f"{name}.jsonl").read_text("utf-8").splitlines()}  # fmt: skip
    rest = {json.loads(line)["input"] for name in ("train", "valid", "test")
            for line in (tmp_path / "out" / f"{name}.jsonl").read_text("utf-8").splitlines()}  # fmt: skip
    assert not held & rest


def test_prepare_refuses_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="--out"):
        prepare_data(data_of(20), tmp_path, PreparePlan())


def test_prepared_images_are_clean_and_named_by_content(tmp_path: Path) -> None:
    image = picture(tmp_path / "姓名王小明.jpg")
    sample = Sample("t.jsonl:1", (Message("user", "看片", (image,)), Message("assistant", "正常")), (), {"group": "a"})
    group = next(f"g{i}" for i in range(50) if split_of(f"group:g{i}") == "train")
    sample = Sample(sample.id, sample.messages, (), {"group": group})
    prepare_data(DataSet("t", {"train": (sample,)}), tmp_path / "out", PreparePlan())
    record = json.loads((tmp_path / "out" / "train.jsonl").read_text("utf-8"))
    assert record["images"][0].startswith("images/") and len(Path(record["images"][0]).stem) == 64
    again = read_data(tmp_path / "out")
    assert again.train[0].images[0].is_file()


@pytest.mark.parametrize(
    ("mix", "sizes"),
    [
        ({"image": 0.5, "text": 0.5}, {"image": 20, "text": 20}),
        ({"image": 0.8, "text": 0.2}, {"image": 20, "text": 5}),
        ({"image": 0.2, "text": 0.8}, {"image": 20, "text": 80}),
        ({"image": 0.1, "text": 0.9}, {"image": 8, "text": 80}),
    ],
)
def test_mix_takes_as_much_as_it_can(mix: Any, sizes: dict[str, int]) -> None:
    texts = [ask(f"问{i}", i) for i in range(80)]
    images = [
        Sample(f"i:{i}", (Message("user", f"图{i}", (Path(f"{i}.png"),)), Message("assistant", "a"))) for i in range(20)
    ]
    kept = take_mix([*texts, *images], mix, 0)
    assert {m: sum(s.modality == m for s in kept) for m in ("image", "text")} == sizes


@pytest.mark.parametrize("text", ["image=2", "image", "picture=0.5,text=0.5", "image=0.5,text=0.4"])
def test_bad_mix_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_mix(text)
