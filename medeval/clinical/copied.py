"""Words of a case report copied with one of them turned round: 卧位时未触及肾脏 → 卧位时触及肾脏, 胆管扩张 → 胆管收缩.

An answer that says a word of yes, no, more or less between the same words as the report must say the same. Nothing of
the meaning is read, so any finding will do; only stretches long enough to be a copy count.
"""

from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, Span

_ENOUGH, _EACH, _REACH = 6, 2, 10
"""Characters around a word that make a copy, on both sides together and on each; characters looked at on each side."""
_LONG = 10
_ONE_SIDE = 5
"""Characters that are enough where the report or the answer ends a sentence behind the word."""
_WAYS = (
    (
        "没有 无 未见 未及 未触及 未扪及 未闻及 未引出 未 不伴有 不伴 不会 不能 不是 否认 不 非",
        "有 可见 可及 可触及 可扪及 可闻及 可引出 可 伴有 伴 会 能 是 见 存在 承认",
    ),
    ("阴性 (-) -", "阳性 (+) +"),
    (
        "升高 增高 增加 上升 增多 偏高 加快 增强 亢进 活跃",
        "降低 减低 减少 下降 偏低 减慢 减弱 减退 消失",
    ),
    ("扩张 增宽 增粗", "收缩 缩窄 变窄 变细"),
    ("增大 肿大 变大 隆起", "缩小 变小 凹陷"),
    ("加重 恶化", "减轻 缓解 好转"),
    ("高 大 快 硬 清楚 清晰 规则 完整 光滑 灵敏", "低 小 慢 软 不清 模糊 不规则 不完整 粗糙 迟钝"),
    ("大于 高于 超过", "小于 低于"),
)
_SIDE = {
    word: (way, side) for way, both in enumerate(_WAYS) for side, words in enumerate(both) for word in words.split()
}
_WORD = Pattern(
    "|".join(
        sorted(
            map(lambda w: w.replace("(", r"\(").replace(")", r"\)").replace("+", r"\+"), _SIDE), key=len, reverse=True
        )
    )
)
_BLANK = str.maketrans("", "", " ，,。；;：:！!？?、.“”\"'\n\t*|")
_STOPS = frozenset("。；;\n")


@dataclass(frozen=True, slots=True)
class _Place:
    """A word of yes, no, more or less: what it says, the letters on both sides, whether a sentence ends behind it."""

    span: Span
    way: int
    side: int
    before: str
    behind: str
    last: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """A word within copied words at `span` of the answer; what the report says there instead."""

    span: Span
    right: bool
    told: str
    long: bool
    """Whether the copied words are long enough to be of this patient for certain."""


def _places(text: str) -> list[_Place]:
    found = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        way, side = _SIDE[match.group()]
        before = text[max(0, start - 2 * _REACH) : start].translate(_BLANK)[-_REACH:]
        behind = text[end : end + 2 * _REACH].translate(_BLANK)[:_REACH]
        last = text[end : end + 1] in _STOPS or end == len(text)
        found.append(_Place((start, end), way, side, before, behind, last))
    return found


@lru_cache(maxsize=256)
def _report(reading: Reading) -> tuple[str, dict[str, list[_Place]]]:
    """The letters of a report, and its words by the two letters before and by the two behind."""
    by: dict[str, list[_Place]] = {}
    for place in _places(reading.text):
        by.setdefault("<" + place.before[-_EACH:], []).append(place)
        by.setdefault(">" + place.behind[:_EACH], []).append(place)
    return reading.text.translate(_BLANK), by


def _shared(one: _Place, other: _Place) -> int:
    """How many letters two places share around their words; 0 where that is no copy."""
    left = right = 0
    while left < min(len(one.before), len(other.before)) and one.before[-1 - left] == other.before[-1 - left]:
        left += 1
    while 0 < left < min(len(one.before), len(other.before)) and one.before[-left:][0].isascii():
        # Half of a Latin name is no name: igm of another virus.
        if not (one.before[-left - 1].isascii() or other.before[-left - 1].isascii()):
            break
        left -= 1
    while right < min(len(one.behind), len(other.behind)) and one.behind[right] == other.behind[right]:
        right += 1
    if left + right >= _ENOUGH and left >= _EACH and right >= _EACH:
        return left + right
    ends = one.last and other.last
    return left + right if left >= _ONE_SIDE and (ends or left >= _ENOUGH + 1) else 0


def _dropped(answer: Reading, report: Reading) -> list[Copied]:
    """Negating words of the report that the answer leaves out between the same letters."""
    letters, by = _report(report)
    text = answer.text.translate(_BLANK)
    found = []
    for place in {id(p): p for places in by.values() for p in places if p.way == 0 and p.side == 0}.values():
        around = place.before[-3:] + place.behind[:4]
        if len(around) == 7 and around in text and around not in letters:
            start = _where(answer, around)
            word = report.text[slice(*place.span)]
            found.append(
                Copied((start, start + len(around)), False, place.before[-3:] + word + place.behind[:4], False)
            )
    return found


def _where(answer: Reading, letters: str) -> int:
    """Where letters begin in a text that may hold punctuation among them."""
    kept = [index for index, letter in enumerate(answer.text) if letter.translate(_BLANK)]
    return kept[answer.text.translate(_BLANK).find(letters)]


@lru_cache(maxsize=512)
def copied(answer: Reading, report: Reading) -> tuple[Copied, ...]:
    """Words of yes, no, more or less that `answer` copies from `report` with their surroundings, rightly or turned."""
    letters, by = _report(report)
    found = []
    for place in _places(answer.text) if by else ():
        near = by.get("<" + place.before[-_EACH:], []) + by.get(">" + place.behind[:_EACH], [])
        same = max((_shared(place, p) for p in near if (p.way, p.side) == (place.way, place.side)), default=0)
        against = [(n, p) for p in near if p.way == place.way and p.side != place.side and (n := _shared(place, p))]
        best = max(against, key=lambda pair: pair[0], default=None)
        around = place.before[-3:] + place.behind[:4]
        if best and best[0] > same:
            told = report.text[best[1].span[0] - 3 : best[1].span[1] + 4]
            found.append(Copied(place.span, False, told.strip(), best[0] >= _LONG))
        elif same:
            found.append(Copied(place.span, True, "", True))
        elif place.way == 0 and place.side == 0 and len(around) == 7 and around in letters:
            found.append(Copied(place.span, False, around, False))
    return (*found, *_dropped(answer, report))
