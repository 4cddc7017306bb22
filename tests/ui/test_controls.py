"""What pages say instead of what the command line says: controls for options, a heading in the language of the page."""

import ast
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from medeval.training.config import ConfigError, set_values
from medeval.training.presets import load_preset
from medeval.ui import text
from medeval.ui.controls import CONTROLS, FIELDS, KEPT, with_labels
from medeval.ui.looks import brand_html
from medeval.ui.text import Lang
from medeval.ui.toasts import headings_css, inform, told, warn
from medeval.ui.words import fault_text, half

PACKAGE = Path(text.__file__).parent.parent
NOT_ON_PAGES = {"--data", "--out"}
"""Of metaeval and of preparing data, whose pages choose both themselves."""


@pytest.mark.parametrize(
    ("message", "zh", "en"),
    [
        ("v3 已存在，请换一个 --name / choose another --name", "v3 已存在，请换一个「适配器名称」",
         "choose another “Name of the adapter”"),
        ("请用 --allow-test-cases / it spoils; --allow-test-cases writes it", "请用「也包括测试病例」",
         "it spoils; “Test cases too” writes it"),
        ("或用 --replace（旧的保留） / or --replace", "或用「已存在则替换」（旧的保留）",
         "or “Replace what is there”"),
        ("或 --set quantization=none / or --set quantization=none", "或 quantization=none", "or quantization=none"),
        ("请选择（--flagged leave_out|keep） / choose (--flagged leave_out|keep)", "请选择（「透露身份的回答」）",
         "choose (“Answers that tell who they are”)"),
        ("检查 --base / check --base", "检查 --base", "check --base"),
        ("病例 --named / a case --named", "病例 --named", "a case --named"),
        ("请给（medeval review export RUN --format dpo） / give (medeval review export RUN --format dpo)",
         "请给（「偏好对（DPO）」）", "give (“Preference pairs (DPO)”)"),
    ],
)  # fmt: skip
def test_a_page_names_its_control(message: str, zh: str, en: str) -> None:
    assert (half(message, "zh"), half(message, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("change", "zh", "en"),
    [
        ("steps=0", "「步数」: 应不小于 1", "“Steps”: must be at least 1"),
        ("epochs=2", "", ""),
        ("name=base", "「适配器名称」: base 这个名字", "“Name of the adapter”: the name base"),
        ("learning_rate=3", "「学习率」: 应不大于", "“Learning rate”: must be at most"),
        ("warmup_steps=900", "warmup_steps 900 应小于「步数」130", "must be less than steps 130"),
    ],
)
def test_a_fault_of_the_form_names_the_label(change: str, zh: str, en: str) -> None:
    try:
        set_values(load_preset("v3-demo").config, [change])
        problems = []
    except ConfigError as error:
        problems = error.problems
    for lang, wanted in (("zh", zh), ("en", en)):
        said = [fault_text(problem, "zh" if lang == "zh" else "en") for problem in problems]
        assert any(wanted in line for line in said) or not wanted, said


def test_a_path_in_a_sentence_stays_a_path() -> None:
    assert with_labels("将写入 /home/data/steps/name（适配器）", "zh") == "将写入 /home/data/steps/name（适配器）"
    assert with_labels("减小 batch_size、max_length", "zh") == "减小「批大小」、max_length"


def test_every_option_in_a_sentence_has_its_control() -> None:
    found: dict[str, str] = {}
    for file in PACKAGE.rglob("*.py"):
        if file.relative_to(PACKAGE).parts[0] not in ("cli", "demo", "metaeval"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and " / " in node.value:
                    found |= {option: file.name for option in re.findall(r"(?<!\w)--[a-z][a-z-]+", node.value)}
    known = {re.findall(r"--[a-z-]+", words)[0] for words in CONTROLS} | KEPT | NOT_ON_PAGES | {"--set"}
    assert "--replace" in found and {k: v for k, v in found.items() if k not in known} == {}
    assert {*CONTROLS.values(), *FIELDS.values()} <= set(text.TEXT)


@pytest.mark.parametrize(("lang", "warning", "info"), [("zh", "请注意", "已完成"), ("en", "Please note", "Done")])
def test_a_toast_is_headed_in_the_language_of_the_page(
    lang: Lang, warning: str, info: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[Any, ...]] = []

    def record(message: str, duration: float | None, title: str) -> None:
        shown.append((message, duration, title))

    monkeypatch.setattr(gr, "Warning", record)
    monkeypatch.setattr(gr, "Info", record)
    warn(lang, "<b>", "two", stays=True)
    inform(lang, "made")

    def refused() -> None:
        raise ConfigError(["坏 --name / bad --name"])

    assert told(refused, lang) is None
    assert shown[:2] == [("&lt;b&gt;<br>two", None, warning), ("made", 10.0, info)]
    assert "--name" not in shown[2][0] and shown[2][2] == warning


def test_the_heading_that_gradio_shows_is_replaced_in_both_languages() -> None:
    css = headings_css()
    for lang, words in (("zh", ("请注意", "已完成")), ("en", ("Please note", "Done"))):
        rules = [line for line in css.splitlines() if f'lang="{lang}"' in line]
        assert all(any(word in rule for rule in rules) for word in words)
        assert f'lang="{lang}"' in brand_html(lang)


def test_toasts_come_from_one_place() -> None:
    sources = {p.name: p.read_text("utf-8") for p in (PACKAGE / "ui").glob("*.py")}
    calls = {name for name, source in sources.items() if re.search(r"gr\.(Warning|Info|Error|Success)\(", source)}
    assert calls == {"toasts.py"}
