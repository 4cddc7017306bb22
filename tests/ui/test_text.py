"""The text table: both languages whole, the same places to fill, every used key present."""

import re
import string
from pathlib import Path

import pytest

from medeval.ui import page, text, topics

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
    families |= {k for k in text.TEXT if k.startswith(("mode_", "exp_", "da_k_"))}
    assert set(text.TEXT) <= quoted | families


def test_every_kind_of_problem_with_data_has_a_word() -> None:
    sources = "\n".join(p.read_text("utf-8") for p in FOLDER.parent.glob("training/data*.py"))
    kinds = set(re.findall(r"""(?:_Fault|[pP]roblem)\([^"]*?"([a-z_]+)\"""", sources)) - {"warning"}
    assert {"not_json", "no_samples", "overlap", "short_answer", "same_pair"} <= kinds
    assert {kind for kind in kinds if f"da_k_{kind}" not in text.TEXT} == set()
