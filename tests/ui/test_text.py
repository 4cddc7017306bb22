"""The text table: both languages whole, the same places to fill, every used key present."""

import re
import string
from pathlib import Path

import pytest

from medeval.ui import page, text, topics
from medeval.ui.words import half

FOLDER = Path(text.__file__).parent


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("key", text.TEXT)
def test_both_languages_are_there(key: str) -> None:
    zh, en = text.TEXT[key]
    assert zh.strip() and en.strip()
    assert places(zh) == places(en)
    assert not re.search(r"[\u4e00-\u9fff]", en)


def test_every_used_key_exists_and_every_key_is_used() -> None:
    sources = "\n".join(p.read_text("utf-8") for p in FOLDER.glob("*.py") if not p.name.startswith("text"))
    used = set(re.findall(r"""[sS]ay\(\s*["']([a-z_0-9]+)["']""", sources))
    assert used <= set(text.TEXT)
    quoted = set(re.findall(r"""["']([a-z_0-9]+)["']""", sources))
    families = {f"topic_{t}" for t in topics.TOPICS} | {f"tab_{name}" for name, _ in page.TABS}
    families |= {k for k in text.TEXT if k.startswith(("mode_", "exp_"))}
    assert set(text.TEXT) <= quoted | families


@pytest.mark.parametrize(
    ("message", "lang", "said"),
    [
        ("文件为空 / the file is empty", "zh", "文件为空"),
        ("文件为空 / the file is empty", "en", "the file is empty"),
        ("only English / nothing else", "zh", "only English / nothing else"),
        ("压力 120 / 80 和 70", "en", "压力 120 / 80 和 70"),
    ],
)
def test_half(message: str, lang: text.Lang, said: str) -> None:
    assert half(message, lang) == said
