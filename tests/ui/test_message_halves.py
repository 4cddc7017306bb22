"""Messages in two languages: what a page shows of them, and that no message in the source loses a value."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from medeval.halves import CHINESE, NEXT
from medeval.ui.words import half

ROOT = Path(__file__).resolve().parents[2]
SHOWN_WHOLE = ("medeval/cli/", "medeval/ui/text", "medeval/training/outputs.py", "medeval/fusion/report.py")
"""Help, tables of pairs and documents for both readers: no page takes a half of them."""
FILES = [p for p in sorted((ROOT / "medeval").rglob("*.py")) if not str(p.relative_to(ROOT)).startswith(SHOWN_WHOLE)]
LATIN = re.compile(r"[A-Za-z]")
PLACE = re.compile(r"\x01(.*?)\x02", re.DOTALL)
WHERE = re.compile(r"[^\u4e00-\u9fff：，。；]*: ")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string but docstrings; an expression in one stands between \\x01 and \\x02."""
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(
                f"\x01{ast.unparse(part.value)}\x02" if isinstance(part, ast.FormattedValue) else ast.literal_eval(part)
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def values(text: str) -> set[str]:
    """The expressions of a half; a word and its translation, such as `kind.zh` and `kind.en`, count as one."""
    return {re.sub(r"(?:\b|(?<=_))(?:zh|en)(?![a-z])", "·", found.lower()) for found in PLACE.findall(text)}


def faults(text: str) -> Iterator[str]:
    """What is wrong with each sentence of a message: a value in one half only, a colon that reads as a place."""
    for sentence in PLACE.sub(lambda m: m.group().replace(NEXT, "").replace(" / ", "/"), text).split(NEXT):
        zh, slash, en = sentence.partition(" / ")
        bare = PLACE.sub("", zh)
        if not slash or not CHINESE.search(bare) or not LATIN.search(PLACE.sub("", en)):
            continue
        where = WHERE.match(PLACE.sub(lambda m: "x" * len(m.group()), zh))
        zh = zh[where.end() :] if where else zh
        if values(zh) != values(en):
            yield f"{sorted(values(zh) ^ values(en))} in one half only"
        if ": " in PLACE.sub("", zh):
            yield "a Chinese half takes ：, since half() reads `name: ` as a place"
        if CHINESE.search(PLACE.sub("", en)) or " / " in en:
            yield "Chinese in the English half"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_both_halves_of_a_message_hold_the_same_values(file: Path) -> None:
    found = texts(ast.parse(file.read_text("utf-8")))
    wrong = [f"line {line}: {fault}" for line, text in found for fault in faults(text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('f"没有 {a} / no {a}"', 0),
        ('f"{file}:{line}: 没有 {a} / no {a}"', 0),
        ('f"没有 {a} / no such thing"', 1),
        ('f"没有 / no such {a}"', 1),
        ('f"没有{kind.zh} / no {kind.en}"', 0),
        ('f"没有 {a} / no {a} · {why}"', 0),
        ('f"没有: {a} / no {a}"', 1),
        ('f"坏 / bad; 多出 {a} / invented {a}"', 2),
        ('"压力 120 / 80"', 0),
    ],
)
def test_a_message_that_loses_a_value_is_found(source: str, wrong: int) -> None:
    assert sum(1 for _, text in texts(ast.parse(source, mode="eval")) for _ in faults(text)) == wrong


MESSAGES = [
    ("文件为空 / the file is empty", "文件为空", "the file is empty"),
    ("x.pdf: 不认识的文件，只收：a.json / unknown file, only: a.json",
     "x.pdf: 不认识的文件，只收：a.json", "x.pdf: unknown file, only: a.json"),
    ("没有演示数据 demo:x；可选：demo:warm / no such demo data demo:x; choose from: demo:warm",
     "没有演示数据 demo:x；可选：demo:warm", "no such demo data demo:x; choose from: demo:warm"),
    ("没有 check data / no such file or folder: check data", "没有 check data", "no such file or folder: check data"),
    ("要点 1/4 / key points 1/4 · 缺少：复诊；多饮水 / missing: 复诊；多饮水",
     "要点 1/4；缺少：复诊；多饮水", "key points 1/4; missing: 复诊；多饮水"),
    ("name: 坏/名 里有不允许的字符 / 坏/名 holds characters that are not allowed",
     "name: 坏/名 里有不允许的字符", "name: 坏/名 holds characters that are not allowed"),
    ("血压 140/90 mmHg：未解读 / blood pressure 140/90 mmHg: not interpreted",
     "血压 140/90 mmHg：未解读", "blood pressure 140/90 mmHg: not interpreted"),
    ("同题：血压 / on topic: 血压", "同题：血压", "on topic: 血压"),
    ("a / b.yaml:3: 缺少 x / x is missing", "a / b.yaml:3: 缺少 x", "a / b.yaml:3: x is missing"),
    ("病例 1.yaml:3: id: 编号 x 已用 / the id x is taken", "病例 1.yaml:3: id: 编号 x 已用",
     "病例 1.yaml:3: id: the id x is taken"),
    ("缺少 甲 / B / missing 甲 / B", "缺少 甲 / B", "missing 甲 / B"),
    ("无法读取 a：[Errno 2] x: y / a cannot be read: [Errno 2] x: y",
     "无法读取 a：[Errno 2] x: y", "a cannot be read: [Errno 2] x: y"),
    ("评分失败 / scoring failed · ValueError: no", "评分失败；ValueError: no", "scoring failed; ValueError: no"),
    ("m.q: A 含 NaN / A holds NaN", "m.q: A 含 NaN", "m.q: A holds NaN"),
    ("x: 没有 / none · 最接近 y / nearest is y", "x: 没有；最接近 y", "x: none; nearest is y"),
    ("only English / nothing else", "only English / nothing else", "only English / nothing else"),
    ("压力 120 / 80 和 70", "压力 120 / 80 和 70", "压力 120 / 80 和 70"),
    ("LoRA · r 8", "LoRA · r 8", "LoRA · r 8"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "zh", "en"), MESSAGES)
def test_half(message: str, zh: str, en: str) -> None:
    assert (half(message, "zh"), half(message, "en")) == (zh, en)
