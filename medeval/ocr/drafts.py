"""Typed tokens of a line -> drafts of rows: a new row begins where a new name begins, so panels need no ruler."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from medeval.ocr.items import find_item, is_abbr, is_name
from medeval.ocr.tokens import Token, number
from medeval.ocr.units import fits

APART = 2.5
"""Two name pieces further apart than this many print heights belong to two cells."""
CLEAR = 0.97
"""From this confidence of the engine on, a name that is no listed test is one that is not listed."""
_IN_NAME = re.compile(r"\d{1,3}(?:-\d)?")
"""Figures that names end with: 125, 19-9, 3."""
_LIMIT_FOR = re.compile(r"男|女|成人|儿童|新生儿|空腹|餐后|随机|参考|正常")
"""Words inside a range cell that say for whom or when it holds."""


@dataclass
class Draft:
    """A row as it is gathered, tokens as printed; `extra` holds what found no place."""

    tokens: list[Token] = field(default_factory=list)
    name: str = ""
    abbr: str = ""
    value: Token | None = None
    flag: str = ""
    range: Token | None = None
    unit: str = ""
    bound: Token | None = None
    extra: list[Token] = field(default_factory=list)

    def take(self, token: Token) -> None:
        """Puts a token in its place."""
        self.tokens.append(token)
        place = getattr(self, f"_take_{token.kind}", None)
        if place is None or not place(token):
            self.extra.append(token)

    def _take_name(self, token: Token) -> bool:
        if self.value is not None:
            return False
        self.name += token.text
        return True

    def _take_abbr(self, token: Token) -> bool:
        if not self.unit and self.value is not None and self._can_be_unit(token):
            self.unit = token.text
            return True
        taken = not self.abbr and self.value is None
        if taken:
            self.abbr = token.text
        return taken

    def _take_value(self, token: Token) -> bool:
        if self.value is None:
            self.value = token
            return True
        words = not token.text[0].isdigit() and number(self.value.text) is None
        if words and self.range is None:
            self.range = token
        return words

    def _take_flag(self, token: Token) -> bool:
        if not self.flag:
            self.flag = token.text
        return True

    def _take_range(self, token: Token) -> bool:
        if self.value is None and self.bound is None and token.text[0] in "<>≤≥":
            self.bound = token
        elif self.range is None:
            self.range = token
        elif self.value is None:
            self.value, self.range = self.range, token
        else:
            return False
        return True

    def _take_unit(self, token: Token) -> bool:
        if self.unit:
            return False
        self.unit = token.text
        return True

    def _can_be_unit(self, token: Token) -> bool:
        found = find_item(self.name, self.abbr)
        return found is not None and not is_abbr(token.text) and fits(token.text, found.item.units)

    def close(self) -> Draft:
        """A bound such as <5.2 is the range where a figure stands beside it, and the result where none does."""
        if self.bound is not None:
            if self.value is None:
                self.value = self.bound
            elif self.range is None:
                self.range = self.bound
        return self

    @property
    def clear(self) -> bool:
        """Whether the name was read without doubt."""
        return all(token.confidence >= CLEAR for token in self.tokens if token.kind == "name")

    def turn_words(self) -> None:
        """On a sheet with ranges in front, the first of two words is the range."""
        value, limit = self.value, self.range
        if value is None or limit is None or number(value.text) is not None or limit.kind != "value":
            return
        if value.box[0] < limit.box[0]:
            self.value, self.range = limit, value

    @property
    def framed(self) -> bool:
        """Whether this is a field of the sheet's head or foot (label, colon, entry), not a row."""
        if self.value is None or find_item(self.name, self.abbr) is not None:
            return False
        return any(token.text == ":" and token.box[0] <= self.value.box[0] for token in self.extra)

    @property
    def complete(self) -> bool:
        """Whether enough is known for a row of its own."""
        return self.value is not None and bool(self.range or self.unit) and not self.framed


def is_numbered(lines: Sequence[Sequence[Token]]) -> bool:
    """Whether rows carry running numbers: then a whole number in front of any name is one of them."""
    named = [line for line in lines if any(t.kind in ("name", "abbr") for t in line) and any(map(_figure, line))]
    counted = [line for line in named if _count(line[0]) and line[1].kind in ("name", "abbr", "other")]
    return len(counted) >= 2 and len(counted) >= 0.4 * len(named)


def _figure(token: Token) -> bool:
    return token.kind in ("value", "range")


def _count(token: Token) -> bool:
    return token.kind == "value" and token.text.isdigit() and len(token.text) <= 2


def drafts_of(tokens: Sequence[Token], numbered: bool) -> list[Draft]:
    """The rows of one line, from left to right; complete or not."""
    drafts: list[Draft] = []
    fresh = True
    tokens = _joined(tokens)
    for at, token in enumerate(tokens):
        current = drafts[-1] if drafts else None
        after = next((t for t in tokens[at + 1 :] if t.kind != "other"), None)
        if _is_number_in_front(token, after, current, numbered):
            fresh = True
            continue
        if _is_limit_word(token, after):
            continue
        if _starts(token, after, current, fresh):
            drafts.append(Draft())
            fresh = False
        if drafts:
            drafts[-1].take(token)
    return [draft.close() for draft in drafts]


def _joined(tokens: Sequence[Token]) -> list[Token]:
    """Figures printed close behind a name are part of it where the row has another value: 糖类抗原125, TT3."""
    found: list[Token] = []
    for at, token in enumerate(tokens):
        last = found[-1] if found else None
        if last is not None and _continues(last, token) and _has_value(tokens[at + 1 :]):
            box = (*last.box[:2], *token.box[2:])
            found[-1] = replace(last, text=last.text + token.text, box=box)
        else:
            found.append(token)
    return found


def _continues(last: Token, token: Token) -> bool:
    close = last.kind in ("name", "abbr") and last.word is token.word and token.box[0] - last.box[2] < 1
    return close and token.kind in ("value", "range") and bool(_IN_NAME.fullmatch(token.text))


def _has_value(tokens: Sequence[Token]) -> bool:
    """Whether a figure or a result in words follows before the next name."""
    for at, token in enumerate(tokens):
        if token.kind == "name":
            return False
        numbers_name = at + 1 < len(tokens) and tokens[at + 1].kind == "name" and _count(token)
        if token.kind == "value" and not numbers_name:
            return True
    return False


def _starts(token: Token, after: Token | None, current: Draft | None, fresh: bool) -> bool:
    if token.kind not in ("name", "abbr"):
        return False
    if current is None or fresh:
        return True
    if token.kind == "name":
        if current.value is not None or (current.range is not None and current.name):
            return True
        last = current.tokens[-1]
        return bool(current.name) and last.kind == "name" and token.box[0] - last.box[2] > APART * token.height
    if current.value is None or (not current.unit and current._can_be_unit(token)):
        return False
    return after is not None and (is_abbr(token.text) or after.kind in ("name", "value"))


def _is_number_in_front(token: Token, after: Token | None, current: Draft | None, numbered: bool) -> bool:
    """A running number before a name is not a value."""
    if not _count(token) or after is None or after.kind not in ("name", "abbr"):
        return False
    if current is None:
        return True
    if after.kind == "abbr" and not is_abbr(after.text):
        return current.complete
    return numbered or current.value is not None


def _is_limit_word(token: Token, after: Token | None) -> bool:
    """男:130-175: the word in front of a range says for whom it holds."""
    if token.kind != "name" or is_name(token.text) or after is None:
        return False
    return bool(_LIMIT_FOR.match(token.text)) and after.kind == "range"
