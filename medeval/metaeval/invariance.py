"""Edits that change the look and not the meaning: no metric of content may move."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from medeval.metaeval.items import Item
from medeval.metaeval.operators import measured
from medeval.metaeval.sentences import sentences

Change = Callable[[Item], str]
_TO_FULL = {ord(c): ord(c) + 0xFEE0 for c in "0123456789/%<>()"}
_LIST_MARK = re.compile(r"(?m)^\s*(?:[-*•]|\d+[.、)]|[（(]\d+[)）]|#|\|)")
_PUNCTUATION_ZH = str.maketrans({"，": ",", "：": ":", "（": "(", "）": ")", "；": ";"})
_ANAPHORA = re.compile(
    r"^\s*(?:这|那|其|它|他|她|该|此|因此|所以|但|而|然而|不过|另外|同时|此外|例如|比如|综上|总之|如上|以上|以下"
    r"|并|也|则|随后|然后|最后"
    r"|it\b|its\b|this\b|these\b|those\b|they\b|he\b|she\b|however|therefore|thus"
    r"|but\b|so\b|also|in addition|for example"
    r"|such\b|both\b|then\b|finally|otherwise|their\b|in (?:these|this|those|such)"
    r"|if (?:it|they|this|these|so)\b|most\b|some\b|other)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Invariance:
    """A change of look; `change` gives the same text back where it does not apply."""

    name: str
    zh: str
    en: str
    change: Change

    def apply(self, item: Item) -> str | None:
        """The changed answer; None where nothing changes."""
        text = self.change(item)
        return None if text == item.answer else text


def _bold(item: Item) -> str:
    """Every figure with its unit in bold."""
    if "**" in item.answer:
        return item.answer.replace("**", "")
    pieces, last = [], 0
    for match in measured(item.answer):
        pieces.append(f"{item.answer[last : match.start()]}**{match.group()}**")
        last = match.end()
    return "".join([*pieces, item.answer[last:]])


def _bold_sentence(item: Item) -> str:
    """The first sentence in bold; in an answer that is bold already nothing."""
    first = sentences(item.answer)[0] if sentences(item.answer) else None
    if first is None or "*" in item.answer or _LIST_MARK.search(item.answer):
        return item.answer
    body = first.text.rstrip()
    return f"**{body}**{item.answer[first.start + len(body) :]}"


def _fullwidth(item: Item) -> str:
    """Digits, slashes and comparison signs in their fullwidth forms (Chinese answers), outside list numbers."""
    if item.language != "zh":
        return item.answer
    kept = re.compile(r"(?m)^\s*\d+[.、)]|^\s*[（(]\d+[)）]|^[#|].*$|\d\)|\(\d")
    pieces, last = [], 0
    for match in kept.finditer(item.answer):
        pieces += [item.answer[last : match.start()].translate(_TO_FULL), match.group()]
        last = match.end()
    return "".join([*pieces, item.answer[last:].translate(_TO_FULL)])


def _punctuation(item: Item) -> str:
    """Chinese commas, colons and brackets in their halfwidth forms; in English two spaces between sentences."""
    if item.language == "zh":
        return item.answer.translate(_PUNCTUATION_ZH)
    return re.sub(r"(?<=[a-z]\.) (?=[A-Z])", "  ", item.answer)


def _units_apart(item: Item) -> str:
    """A space between figure and unit where there was none, and none where there was one."""
    pieces, last = [], 0
    for match in measured(item.answer):
        gap = "" if match["gap"] else " "
        if item.language == "en" and match["unit"].isalpha() and len(match["unit"]) > 3:
            gap = match["gap"]
        pieces.append(item.answer[last : match.start()] + match["number"] + gap + match["unit"])
        last = match.end()
    return "".join([*pieces, item.answer[last:]])


def _order(item: Item) -> str:
    """Sentences in reverse order, where none leans on the one before it and the answer is no list."""
    text = item.answer.strip()
    found = sentences(text)
    if len(found) < 2 or _LIST_MARK.search(text) or any(_ANAPHORA.match(s.text) for s in found[1:]):
        return item.answer
    if not all(s.text.rstrip().endswith((".", "。", "！", "!")) for s in found):
        return item.answer
    return ("" if item.language == "zh" else " ").join(s.text.strip() for s in reversed(found))


def _list_form(item: Item) -> str:
    """Each sentence on its own line with a dash."""
    found = sentences(item.answer.strip())
    if len(found) < 2 or _LIST_MARK.search(item.answer):
        return item.answer
    return "\n".join(f"- {s.text.strip()}" for s in found)


INVARIANCES: tuple[Invariance, ...] = (
    Invariance("bold", "加粗 / 去粗", "bold on or off", _bold),
    Invariance("bold_sentence", "首句加粗", "first sentence bold", _bold_sentence),
    Invariance("fullwidth", "全角数字", "fullwidth digits", _fullwidth),
    Invariance("punctuation", "标点形式", "punctuation form", _punctuation),
    Invariance("unit_gap", "数值与单位间空格", "space before the unit", _units_apart),
    Invariance("order", "句序颠倒", "sentence order", _order),
    Invariance("list", "改为列表", "as a list", _list_form),
)
"""In order of the report."""
