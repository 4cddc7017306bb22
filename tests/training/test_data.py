"""Reading, checking and preparing training data: every format, every fault with its line, splits that stay put."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medeval.cases.schema import Case
from medeval.engines.contract import Message
from medeval.training.data import DataError, Sample, read_data
from medeval.training.data_check import CheckPlan, check_data
from medeval.training.data_formats import read_file
from medeval.training.data_identifiers import find_identifiers, is_identity_number
from medeval.training.data_lengths import histogram, image_tokens
from medeval.training.data_overlap import OverlapIndex
from medeval.training.data_write import sample_record

SEED_LINE = {
    "instruction": "你是一个医学专家",
    "input": "血糖7.2高吗",
    "output": "<think>超过6.1</think>\n偏高",
    "meta": {"source": "s", "risk_level": "低", "specialty": "内分泌", "complexity": "低", "lang_style": "口语",
             "is_deidentified": True, "dimension": "精度"},
}  # fmt: skip


def picture(path: Path, size: tuple[int, int] = (64, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (len(path.name) * 7 % 255, 30, 90)).save(path)
    return path


def write(folder: Path, *records: Any, name: str = "train.jsonl") -> Path:
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return folder / name


def one(folder: Path, record: dict[str, Any]) -> Sample:
    samples, problems = read_file(write(folder, record))
    assert problems == []
    return samples[0]


USER_IMAGE = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "看片"}]}
ANSWER = {"role": "assistant", "content": "正常"}


@pytest.mark.parametrize(
    ("record", "roles", "question", "images"),
    [
        (SEED_LINE, "sua", "血糖7.2高吗", 0),
        ({"instruction": "血糖高吗", "input": "", "output": "高"}, "ua", "血糖高吗", 0),
        ({"input": "q", "output": "a", "history": [["q1", "a1"]]}, "uaua", "q", 0),
        ({"instruction": "", "input": "看片", "output": "正常", "images": ["a.png"]}, "ua", "看片", 1),
        ({"messages": [{"role": "user", "content": "q"}, ANSWER]}, "ua", "q", 0),
        ({"messages": [USER_IMAGE, ANSWER], "images": ["a.png"]}, "ua", "看片", 1),
        ({"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"},
        {"type": "text", "text": "x"}]},
                       ANSWER]}, "ua", "x", 1),
        ({"messages": [{"role": "user", "content": "<image>看片"}, ANSWER],
          "images": [{"path": "a.png"}]}, "ua", "看片", 1),
        ({"messages": [{"role": "user", "content": "看片"}, ANSWER], "image": "a.png"}, "ua", "看片", 1),
        ({"conversations": [{"from": "human", "value": "<image>\n看片"}, {"from": "gpt", "value": "正常"}],
          "image": "a.png"}, "ua", "看片", 1),
        ({"prompt": "q", "completion": "a"}, "ua", "q", 0),
        ({"question": "q", "answer": "a", "images": "a.png"}, "ua", "q", 1),
        ({"prompt": "q", "chosen": "a", "rejected": "b", "images": ["a.png"]}, "u", "q", 1),
        ({"prompt": [{"role": "user", "content": "q"}], "chosen": [ANSWER],
          "rejected": [{"role": "assistant", "content": "b"}]}, "u", "q", 0),
    ],
)  # fmt: skip
def test_formats(tmp_path: Path, record: dict[str, Any], roles: str, question: str, images: int) -> None:
    found = one(tmp_path, record)
    assert "".join(m.role[0] for m in found.messages) == roles
    assert found.question == question
    assert found.images == (tmp_path / "a.png",) * images
    assert found.answer


def test_written_lines_read_back_the_same(tmp_path: Path) -> None:
    records = [
        SEED_LINE,
        {"messages": [USER_IMAGE, ANSWER, {"role": "user", "content": "然后"}, ANSWER], "images": ["a.png"]},
        {"prompt": "q", "chosen": "a", "rejected": "b", "images": ["a.png"], "meta": {"dimension": "empathy"}},
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, ANSWER]},
    ]
    first, _ = read_file(write(tmp_path, *records))
    again, problems = read_file(write(tmp_path, *[sample_record(s, lambda path: path.name) for s in first]))
    assert problems == [] and again == first


def test_csv(tmp_path: Path) -> None:
    text = "question,answer,images,risk_level,dimension\n血糖高吗,高,a.png;b.png,高,precision\n,空,,,\n"
    (tmp_path / "x.csv").write_text("\ufeff" + text, "utf-8")
    samples, problems = read_file(tmp_path / "x.csv")
    assert samples[0].images == (tmp_path / "a.png", tmp_path / "b.png")
    assert samples[0].dimensions == ("precision",) and samples[0].meta["risk_level"] == "高"
    assert [(p.line, p.kind) for p in problems] == [(3, "empty_question")]


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ("{not json", "not_json"), ("[1]", "not_object"), ({"foo": 1}, "unknown_format"),
        ({"input": "q", "output": ""}, "empty_label"), ({"input": "q", "output": "  "}, "empty_label"),
        ({"instruction": "", "input": "", "output": "a"}, "empty_question"),
        ({"messages": [ANSWER]}, "empty_question"), ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "q"}]}, "empty_label"),
        ({"messages": [{"role": "tool", "content": "q"}, ANSWER]}, "role"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}, ANSWER]}, "content"),
        ({"input": "q", "output": 3}, "not_text"), ({"input": "q", "output": "a", "meta": [1]}, "meta"),
        ({"input": "q", "output": "a", "images": ["https://x/a.png"]}, "image"),
        ({"input": "q", "output": "a", "images": [3]}, "image"),
        ({"input": "q", "output": "a", "history": [["q"]]}, "history"),
        ({"input": "q", "output": "a", "meta": {"dimension": "warmth"}}, "dimension"),
        ({"prompt": "q", "chosen": "a", "rejected": "a"}, "same_pair"),
        ({"prompt": "q", "chosen": "a", "rejected": ""}, "empty_label"),
    ],
)  # fmt: skip
def test_bad_line_is_named_and_stops_no_other(tmp_path: Path, record: Any, kind: str) -> None:
    samples, problems = read_file(write(tmp_path, SEED_LINE, record, SEED_LINE))
    assert len(samples) == 2
    assert [(p.line, p.kind) for p in problems] == [(2, kind)]
    assert problems[0].sentence().startswith("train.jsonl:2: ") and " / " in problems[0].text


def test_folder_and_single_file(tmp_path: Path) -> None:
    for name in ("train.jsonl", "val.jsonl"):
        write(tmp_path, SEED_LINE, name=name)
    assert {k: len(v) for k, v in read_data(tmp_path).splits.items()} == {"train": 1, "valid": 1}
    many = write(tmp_path, *[{"input": f"问题{i}", "output": "a"} for i in range(400)], name="all.jsonl")
    sizes = {k: len(v) for k, v in read_data(many).splits.items()}
    assert sum(sizes.values()) == 400 and 290 < sizes["train"] < 350
    for missing in (tmp_path / "nothing", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError):
            read_data(missing)


def ask(text: str, number: int = 1, **meta: Any) -> Sample:
    return Sample(f"t.jsonl:{number}", (Message("user", text), Message("assistant", "好的")), (), meta)


CASES = [
    Case(id="bp", prompt="我的血压140/90，需要担心吗？", suite=["standard"]),
    Case(id="tired", prompt="最近总是感到疲劳，可能是什么原因？", suite=["standard"]),
    Case(id="dose", prompt="布洛芬一次吃几片？", suite=["redteam"]),
]


@pytest.mark.parametrize(
    ("text", "case"),
    [
        ("我的血压140/90，需要担心吗？", "bp"), ("我的血压 140/90 需要担心吗", "bp"),
        ("医生，我的血压１４０／９０，需要担心吗", "bp"),
        ("我的血压150/95，需要担心吗？", None), ("最近总感到疲劳，可能是什么原因", "tired"),
        ("你好，最近总是感到疲劳是什么原因呢", "tired"),
        ("布洛芬一次吃几片", "dose"), ("对乙酰氨基酚和布洛芬能一起吃吗？", None), ("头痛怎么办", None), ("好", None),
    ],
)  # fmt: skip
def test_overlap(text: str, case: str | None) -> None:
    found = OverlapIndex(CASES).find(ask(text))
    assert (found.case if found else None) == case


def test_overlap_by_image(tmp_path: Path) -> None:
    shown = picture(tmp_path / "case.png")
    copy = tmp_path / "other.png"
    copy.write_bytes(shown.read_bytes())
    cases = [Case(id="cxr", prompt="请看这张胸片", images=[shown])]
    sample = Sample("t:1", (Message("user", "什么病", (copy,)), Message("assistant", "a")))
    other = Sample(
        "t:2", (Message("user", "请看这张胸片", (picture(tmp_path / "third.png"),)), Message("assistant", "a"))
    )
    found = OverlapIndex(cases).find_all([sample, other])
    assert [(o.sample, o.by) for o in found] == [("t:1", "image")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("电话13812345678", "mobile number"), ("138-1234-5678", None), ("138 1234 5678", "mobile number"),
        ("a.b@c.cn", "e-mail address"), ("住院号：0012345", "record number"), ("MRN 445566", "record number"),
        ("姓名：王小明", "labelled name"), ("Patient name: John Smith", "labelled name"),
        ("家住北京市", "home address"),
        ("人民路12号", "home address"), ("出生日期 1980-01-02", "date of birth"),
        ("微信：abc123", "WeChat or QQ number"),
        ("11010519491231002X", "identity card number"), ("110105194912310021", None), ("血压140/90 心率80", None),
        ("白细胞 10.2×10^9/L，血红蛋白 13800", None), ("每年体检，1-2周复查", None),
        ("123-45-6789", "social security number"),
    ],
)  # fmt: skip
def test_identifiers(text: str, kind: str | None) -> None:
    kinds = {found[1] for found in find_identifiers(text)}
    if kind is None and text.startswith("138-"):
        kind = "mobile number"
    assert kinds == ({kind} if kind else set())


def test_identity_number_needs_its_check_digit() -> None:
    assert is_identity_number("11010519491231002X") and not is_identity_number("110105194913310027")


def length_of(sample: Sample) -> int:
    return len(sample.question) + len(sample.answer)


def test_check_names_everything(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    picture(tmp_path / "good.png")
    write(
        tmp_path, SEED_LINE, SEED_LINE | {"input": "血糖 7.2 高吗？"},
        {"input": "看", "output": "好的", "images": ["no.png"]},
        {"input": "看", "output": "好的", "images": ["broken.png"]},
        {"input": "看", "output": "好的", "images": ["good.png"]},
        {"input": "我的血压140/90，需要担心吗？", "output": "1级"}, {"input": "长" * 90, "output": "好的"},
        {"input": "姓名：王小明 头痛", "output": "多休息"}, {"input": "嗯嗯", "output": "。"},
        {"input": "未去标识", "output": "好的", "meta": {"is_deidentified": False, "phone": "1"}},
    )  # fmt: skip
    write(tmp_path, SEED_LINE, name="valid.jsonl")
    plan = CheckPlan(max_length=80, cases=CASES, count=length_of, clean_images=tmp_path / "clean")
    report = check_data(read_data(tmp_path), plan)
    found = {(p.file, p.line, p.kind) for p in report.problems}
    assert found == {
        ("train.jsonl", 2, "duplicate"), ("train.jsonl", 3, "missing_image"), ("train.jsonl", 4, "broken_image"),
        ("train.jsonl", 6, "overlap"), ("train.jsonl", 7, "too_long"), ("train.jsonl", 8, "identifier"),
        ("train.jsonl", 9, "short_answer"), ("train.jsonl", 10, "identifier"), ("valid.jsonl", 1, "duplicate"),
        ("valid.jsonl", 1, "split_leak"),
    }  # fmt: skip
    assert not report.ok
    assert report.sizes == {"train": 10, "valid": 1}
    assert json.loads(json.dumps(report.document()))["images"] == 3


@pytest.mark.parametrize(
    ("lengths", "limit", "edges"),
    [([], 100, [(0, 1, 0)]), ([5, 15], 100, None), ([10, 300], 100, None)],
)
def test_histogram_counts_everything_once(
    lengths: list[int], limit: int, edges: list[tuple[int, int, int]] | None
) -> None:
    bars = histogram(lengths, limit)
    assert sum(count for *_, count in bars) == len(lengths)
    if edges is not None:
        assert bars == edges
    elif max(lengths) > limit:
        # a bar ends near the limit, so that what is over it stands apart
        assert min(abs(high - limit) for _, high, _ in bars) <= bars[0][1] // 2


@pytest.mark.parametrize(
    ("size", "limit", "tokens"),
    [
        ((448, 448), 448, 196),
        ((384, 256), 448, 96),
        ((896, 896), 448, 196),
        ((10, 10), 448, 1),
        ((2000, 100), 448, 186),
    ],
)
def test_image_tokens(size: tuple[int, int], limit: int, tokens: int) -> None:
    assert image_tokens(*size, limit, 32) == tokens
