"""What an answer says rises or falls: "血小板减少", "升高的CRP", "以降低血氨", "促进肠蠕动".

A thing of `data/nouns_*.yaml` and a direction word of one clause make a saying. *State* puts the thing first (or joins
the direction to it by 的); *effect* puts the verb first: someone or something makes the thing rise or fall.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.clinical.data_files import read_data
from medeval.clinical.reading import Reading, Span, read

Usual = Literal["up", "down", "both"]
"""The abnormal or unwanted direction of a thing; both = it depends."""

_UP = "升高|增高|增加|上升|增多|偏高|过高|较高|增强|加重|加快|增快|加速|延长|增大|肿大|提高|加剧|恶化|促进|提升|改善|↑"
_DOWN = "降低|下降|减少|减低|减轻|偏低|过低|较低|减弱|减慢|减退|缩短|缩小|抑制|缓解|↓"
_DIRECTION = re.compile(
    rf"(?P<up>{_UP}|(?:高于|超过|超出)正常(?:水平|范围|值)?)|(?P<down>{_DOWN}|低于正常(?:水平|范围|值)?)"
)
_EASING = frozenset(
    {"改善", "缓解"}
)  # of a bad thing less, of a good thing more: never a direction that could be wrong
_VERB_ONLY = frozenset({"促进", "抑制", "改善", "缓解", "提升"})
_COURSE = frozenset({"加重", "减轻", "恶化"})
OF_KIND = "某项指标"
"""A test that no list names, known by its last character: an enzyme, an antibody, a marker."""
ILLNESS = "病情"
"""What gets worse or better where a sentence names no thing."""
_NOT_A_DIRECTION = re.compile(r"[剂期]|药|状态|时(?!间)(?=出现|可|应|会|有|需|表现|，)")
# 骨髓抑制 is a state, not something that is done to what follows.
_A_STATE = re.compile(r"(?:骨髓|呼吸|中枢|免疫|循环)$")
_STOP = re.compile(r"[，,。；;:：！!？?\n|]")
_FILLER = re.compile(
    r"(?:的|水平|浓度|含量|数目|数量|计数|总数|比例|指标|活性|功能|合成|分泌|释放|生成|产生|程度|速度|明显|显著|轻度|中度|重度|进行性|持续|逐渐|可能?|会|常|多"
    r"|均|都|也|则|有所|相对|通常|往往|不同程度|出现|呈|为|前|略|稍|异常|急剧|突然|大量|随之|同时|以|为主|尤其是?|主要|是|进一步|因此"
    r"|较|正常|\s|\*|\([^)]{0,20}\))*"
)
_KIND = re.compile(
    r"(?P<kind>[\u4e00-\u9fffa-z0-9-]{1,8}(?:酶|抗体|抗原|标志物|滴度|效价|(?<![透灌])(?<!大气)(?:内|腔|脉|管|室|房|窦|膜|囊|道)压力?))"
    r"(?:的|水平|浓度|含量|活性|数值|明显|显著|轻度|中度|重度|进行性|持续|逐渐|可|会|常|多|均|也|略|稍|异常|\s)*$"
)
_PLAIN = re.compile(r"(?P<noun>[\u4e00-\u9fff]{2})(?:明显|显著|轻度|进行性|持续|逐渐|略|稍|异常|水平)*$")
# "褪黑素可以减少泌乳素": the thing before the verb acts.
_ABLE = re.compile(r"(?:可以?|能够?|会|可能|将|有助于|进一步)$")
_JOINT = re.compile(
    r"并(?!发)|从而|以便|以提|以促|来|帮助|替代|的(?:同时|目的)|[和与及、](?=加强|增强|坚持|保持|改善|适当|规律)"
)
_MADE = re.compile(r"(?:合成|分泌|产生|生成)[^，。；]{0,3}$")
_COORDINATE = re.compile(r"\s*(?:、|和|及|与|或|以及|/|和/或|和\(或\)|及其)\s*(?:血清|血浆|血液|其他)?\s*")
_TURNED = re.compile(
    r"(?:不(?!仅|但|断|良|适|足|同|稳|可逆|能)|未(?!闭|婚|育)|无(?!力|脉|尿)|没有|是否|有无)[^，。；、]{0,6}$"
    r"|(?:避免|防止|预防|以免|以防|阻止|延缓|而非|对抗|抵抗|抗(?!体|原|核|利尿|凝|链|病)|防(?!御)|免(?!疫)|勿|禁止|纠正)[^，。；]{0,6}$"
    r"|(?:控制|减少|抑制|降低|减轻)[^，。；、和并]{0,6}$"
)
_TURNED_LATER = re.compile(r"^(?:的)?(?:不(?!必|良|适|同|足)|少见|罕见|者少|除外|可排除)")
_LONGER_NAME = re.compile(r"酯酶|泌(?!乳)|亢进|衰竭|(?<=紧张)性")  # 乙酰胆碱 of 乙酰胆碱酯酶, 水分 of 房水分泌
_OWN_DIRECTION = frozenset("低高")
# Behind a thing that is the subject or an attribute of something else: "增加热量血糖又超标", "射血分数降低的心衰".
_OF_ANOTHER = re.compile(r"[又仍才却]|(?:降低|下降|减低|减少|升高|增高|增加|保留)的")
_REST = 7  # characters that may stand between the head of an object and the end of its clause


@dataclass(frozen=True, slots=True)
class Saying:
    """A thing `noun` (its key; "?…" where no list holds it) at `thing`, and its direction word at `start:end`."""

    start: int
    end: int
    thing: Span
    noun: str
    up: bool
    state: bool
    turned: bool
    """A negating or preventing word stands before it."""


@lru_cache(maxsize=1)
def things() -> dict[str, tuple[str, Usual, str]]:
    """Every word for a thing → its key, its unwanted direction and the source that says so."""
    found: dict[str, tuple[str, Usual, str]] = {}
    files = map(read_data, ("nouns_zh.yaml", "nouns_specialties_zh.yaml"))
    for block in (block for file in files for block in file.values()):
        for usual in ("up", "down", "both"):
            for line in block.get(usual, ()):
                words = [read(word).text for word in line.split()]
                for word in words:
                    found.setdefault(word, (words[0] if block.get("alike") else word, usual, block["source"]))
    return found


def spread(saying: "Saying") -> Span:
    """From the thing to its direction word, whichever comes first."""
    return min(saying.start, saying.thing[0]), max(saying.end, saying.thing[1])


@lru_cache(maxsize=1)
def _by_first() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for word in things():
        found.setdefault(word[0], []).append(word)
    return {first: tuple(sorted(words, key=len, reverse=True)) for first, words in found.items()}


def _nouns(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    """Things in `text[start:end]`, longest first, none overlapping."""
    index, known = _by_first(), things()
    found, place = [], start
    while place < end:
        for word in index.get(text[place], ()):
            last = place + len(word)
            if last <= end and text.startswith(word, place) and _whole(text, place, last):
                found.append((place, last, known[word][0]))
                place = last
                break
        else:
            place += 1
    return found


def _whole(text: str, start: int, end: int) -> bool:
    """Latin names stand alone; 肝 and 脾 only where they are not part of a longer word."""
    if text[start].isascii():
        before, after = text[start - 1 : start], text[end : end + 1]
        return not (before.isascii() and before.isalnum()) and not (after.isascii() and after.isalnum())
    if end - start == 1:
        return text[end : end + 2] in ("增大", "肿大", "缩小", "明显", "轻度")
    return _LONGER_NAME.match(text, end) is None


def _stretch(text: str, start: int, end: int) -> Span:
    """Where the clause around `start:end` begins and ends."""
    left = max((m.end() for m in _STOP.finditer(text, max(0, start - 60), start)), default=max(0, start - 60))
    stop = _STOP.search(text, end, end + 60)
    return left, stop.start() if stop else min(len(text), end + 60)


def _states(text: str, left: int, start: int) -> list[tuple[int, int, str]]:
    """Things directly before a direction word, with those coordinated to them."""
    nouns = _nouns(text, left, start)
    if not nouns:
        kind = _KIND.search(text, left, start)
        if kind:
            return [(kind.start(), kind.end("kind"), OF_KIND)]
        plain = _PLAIN.search(text, left, start)
        return [(*plain.span("noun"), "?" + plain["noun"])] if plain else []
    if nouns[-1][2] == "能力" and len(nouns) > 1 and _MADE.search(text[left : nouns[-2][0]]):
        return nouns[-2:-1]
    if not _FILLER.fullmatch(text, nouns[-1][1], start):
        made = _MADE.search(text[left : nouns[-1][0]]) and text[nouns[-1][1] : start] in ("的能力", "能力")
        return nouns[-1:] if made else []
    kept = [nouns[-1]]
    for noun in reversed(nouns[:-1]):
        listed = "实验诊断" in things()[text[slice(*noun[:2])]][2]
        if not listed or not _COORDINATE.fullmatch(text, noun[1], kept[-1][0]):
            break
        if text[noun[0] - 1 : noun[0]] in _OWN_DIRECTION:  # 低血容量、颅内压升高
            break
        kept.append(noun)
    return kept


def _effects(text: str, end: int, right: int, later: int) -> list[tuple[int, int, str]]:
    """The head of what a direction word acts on: the last thing of its object."""
    stop = min(right, later)
    joint = _JOINT.search(text, end, stop)
    stop = joint.start() if joint else stop
    nouns = _nouns(text, end, stop)
    if nouns and _OF_ANOTHER.match(text, nouns[-1][1]):
        nouns = nouns[:-1]
    if not nouns or stop - nouns[-1][1] > _REST or text.startswith(("时间", "期间"), nouns[-1][1]):
        return []
    return nouns[-1:]


def _no_direction(text: str, match: re.Match[str]) -> bool:
    """Whether a direction word only names something: 抑制剂, 加重时, 骨髓抑制."""
    state = match.group() == "抑制" and _A_STATE.search(text, max(0, match.start() - 2), match.start())
    return bool(state) or _NOT_A_DIRECTION.match(text, match.end()) is not None


def _sayings(text: str) -> Iterator[Saying]:
    found = [m for m in _DIRECTION.finditer(text) if not _no_direction(text, m)]
    for index, match in enumerate(found):
        word, up = match.group(), match.lastgroup == "up"
        if word in _EASING:
            continue
        start, end = match.span()
        left, right = _stretch(text, start, end)
        later = found[index + 1].start() if index + 1 < len(found) else right
        earlier = found[index - 1].end() if index else left
        turned = bool(_TURNED.search(text, max(left, start - 12), start)) or bool(_TURNED_LATER.match(text[end:right]))
        nouns = [] if word in _VERB_ONLY else _states(text, max(left, earlier), start)
        state = bool(nouns)
        unknown = [noun for noun in nouns if noun[2][0] == "?"]
        nouns = [] if unknown else nouns
        if nouns and _ABLE.search(text, nouns[-1][1], start) and (acted := _effects(text, end, right, later)):
            nouns, state = acted, False
        if not nouns and text[end : end + 1] == "的" and word not in _VERB_ONLY:
            nouns = _nouns(text, end + 1, min(right, end + 12))[:1]
            state = True
        if not nouns:
            nouns, state = _effects(text, end, right, later), False
        if not nouns and word in _COURSE:
            nouns, state = [(start, end, ILLNESS)], True
        if not nouns:
            nouns, state = unknown, True
        for first, last, key in nouns:
            yield Saying(start, end, (first, last), key, up, state, turned)


@lru_cache(maxsize=1024)
def sayings(reading: Reading) -> tuple[Saying, ...]:
    """Every saying of an answer, in order."""
    return () if reading.text.isascii() else tuple(_sayings(reading.text))
