"""Sayings and tests held against general medical knowledge (`data/facts_*.yaml`, `data/nouns_*.yaml`).

A fact counts where its scene (a disease, a drug) stands in the same sentence; scenes that disagree decide nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, Span, read
from medeval.clinical.sayings import OF_KIND, Saying, Usual, sayings, spread, things


@dataclass(frozen=True)
class Judged:
    """A stretch of evened-out text that knowledge bears on; `about` names what is known, `source` the book."""

    span: Span
    right: bool
    about: str
    source: str
    measured: bool = True
    """Whether it reads a test or a sign, rather than saying what something does."""


@dataclass(frozen=True)
class _Fact:
    scene: str
    up: bool
    source: str
    drug: bool


_FILES = ("facts_zh.yaml", "facts_specialties_zh.yaml", "facts_drugs_zh.yaml")

# Where treatment, recovery or time may have turned an abnormal finding round.
_TREATED = re.compile(
    r"治疗后?|用药|服用|服药|给予|口服|注射|术后|改善|控制|恢复|纠正|较前|好转|缓解|复查|随访|目标|达标|正常|预防|避免|不一定|疗效|有效"
    r"|补充|输注|替代|相反|反而|生理|健康|晚期|少数|个别|罕见|暂时|代偿|运动|饮食|假性|如果|若|是否|可使|使用|药物"
)
_OPEN_END = re.compile(r"^[^，。；]{0,6}?(?:或(?:正常|升|降|增|减)|至|后|与否|者少|不)")
_CUSTOM: tuple[str, Usual, str] = ("", "up", "《诊断学》第9版，人民卫生出版社，2018，第四篇 实验诊断")
_CAUSING = re.compile(r"(?:导致|引起|造成|致使|致|使得?|引发|诱发|促使)[^，。；]{0,8}$")
_SCENE_TURNED = re.compile(r"(?:不是|并非|排除|无|未|预防|防止|治疗|抗|鉴别|控制|纠正|改善)[^，。；、]{0,3}$")
_UNSURE = re.compile(r"不|未|无|鉴别|多为|可为|或[阳阴]")
_TEST = r"[^，。；;:：\n]{0,16}?(?P<sign>阳性|阴性|\(\+\)|\(-\)|\(?-\)(?=[，。；]))"


@lru_cache(maxsize=1)
def _facts() -> tuple[dict[str, dict[str, _Fact]], dict[str, dict[str, tuple[bool, str]]]]:
    """Scene → thing → what happens to it; and scene → test → whether it is positive."""
    moves: dict[str, dict[str, _Fact]] = {}
    tests: dict[str, dict[str, tuple[bool, str]]] = {}
    known = things()
    for block in (block for file in _FILES for block in read_data(file)["blocks"]):
        for fact in block["facts"]:
            for scene in (fact.get("of") or fact["drug"]).split():
                scene = read(scene).text
                for way in ("up", "down"):
                    for word in map(lambda w: read(w).text, fact.get(way, "").split()):
                        key = known[word][0] if word in known else word
                        moves.setdefault(scene, {})[key] = _Fact(scene, way == "up", block["source"], "drug" in fact)
                for way in ("positive", "negative"):
                    for word in map(lambda w: read(w).text, fact.get(way, "").split()):
                        tests.setdefault(scene, {})[word] = (way == "positive", block["source"])
    return moves, tests


@lru_cache(maxsize=1)
def _scenes() -> Pattern:
    moves, tests = _facts()
    words = sorted({*moves, *tests}, key=len, reverse=True)
    return Pattern("|".join(rf"(?<![a-z]){re.escape(w)}(?![a-z])" if w.isascii() else re.escape(w) for w in words))


@lru_cache(maxsize=8192)
def _scenes_in(text: str) -> tuple[tuple[int, str], ...]:
    """Scenes set by a sentence: (place, word); those prevented, treated or ruled out are none."""
    return tuple(
        (m.start(), m.group())
        for m in _scenes().finditer(text)
        if not _SCENE_TURNED.search(text, max(0, m.start() - 5), m.start())
    )


def _expected(saying: Saying, scenes: list[str]) -> _Fact | None:
    moves, _ = _facts()
    found = [fact for scene in scenes if (fact := moves.get(scene, {}).get(saying.noun))]
    return found[0] if found and len({fact.up for fact in found}) == 1 else None


_SIGNS = ("阳性", "阴性", "(+)", "(-)")
_OTHER_FLUID = re.compile(r"(?:尿(?!酸|素|激)|脑脊液|胸水|腹水|胸腔积液|粪便|痰|精液|白带|关节液)[^，。；:]{0,10}$")


def _of_saying(reading: Reading, saying: Saying, topic: tuple[str, ...]) -> Judged | None:
    """One saying against the facts of its clause, sentence or topic, else against what is abnormal of its thing."""
    sentence = reading.sentence_at(saying.start)
    place = saying.start - sentence.start
    begin = max((sentence.text.rfind(mark, 0, place) for mark in "，,:："), default=-1) + 1
    every = _scenes_in(sentence.text)
    near = [word for at, word in every if begin <= at < place + 16]
    fact = _expected(saying, near) or _expected(saying, [word for _, word in every])
    if fact is None and not any(saying.noun in _facts()[0].get(word, ()) for _, word in every):
        fact = _expected(saying, [word for word in topic if not _is_drug(word)])
    span = spread(saying)
    if _OTHER_FLUID.search(reading.text[max(0, saying.thing[0] - 14) : saying.thing[0]]):
        return None
    name = reading.text[slice(*saying.thing)]
    clause = sentence.text[begin : place + 2]
    if fact is not None and fact.drug:
        if saying.state or saying.turned or re.search(r"过量|中毒|停药|漏服|引起|导致|不良", sentence.text):
            return None
        return Judged(span, fact.up == saying.up, f"{fact.scene}：{name}{'↑' if fact.up else '↓'}", fact.source)
    if saying.turned or not (saying.state or _CAUSING.search(clause)):
        return None
    right = fact is not None and fact.up == saying.up
    changed = _TREATED.search(sentence.text[max(0, begin - 12) : place]) or _OPEN_END.match(
        reading.text[saying.end : sentence.end]
    )
    if fact is not None and (right or not changed):
        return Judged(span, right, f"{fact.scene}：{name}{'↑' if fact.up else '↓'}", fact.source)
    return _by_custom(span, name, saying, bool(changed)) if fact is None else None


def _is_drug(scene: str) -> bool:
    return any(fact.drug for fact in _facts()[0].get(scene, {}).values())


def _by_custom(span: Span, name: str, saying: Saying, changed: bool) -> Judged | None:
    """Against the direction in which a laboratory value or sign is abnormal."""
    _, usual, source = things().get(name, _CUSTOM if saying.noun == OF_KIND else ("", "both", ""))
    if usual == "both" or "诊断学" not in source:
        return None
    right = (usual == "up") == saying.up
    if not right and changed:
        return None
    return Judged(span, right, f"{name}：异常多为{'↑' if usual == 'up' else '↓'}", source)


def scenes_of(reading: Reading) -> tuple[str, ...]:
    """Diseases and drugs a text speaks of."""
    return tuple(dict.fromkeys(word for sentence in reading.sentences for _, word in _scenes_in(sentence.text)))


def abnormal_in(noun: str, scenes: tuple[str, ...]) -> bool | None:
    """Whether a thing rises (or falls) in diseases that all agree; None where they do not, or none is known."""
    ways = {fact.up for scene in scenes if (fact := _facts()[0].get(scene, {}).get(noun)) and not fact.drug}
    return next(iter(ways)) if len(ways) == 1 else None


@lru_cache(maxsize=1024)
def _result_of(test: str) -> re.Pattern[str]:
    return re.compile(re.escape(test) + _TEST)


def _of_tests(reading: Reading, topic: tuple[str, ...]) -> Iterator[Judged]:
    """Tests called positive or negative, against the diseases of their sentence, else of the topic."""
    if not any(sign in reading.text for sign in _SIGNS):
        return
    _, tests = _facts()
    for sentence in reading.sentences:
        if not any(sign in sentence.text for sign in _SIGNS):
            continue
        for scene in [word for _, word in _scenes_in(sentence.text)] or topic:
            for test, (positive, source) in tests.get(scene, {}).items():
                match = _result_of(test).search(sentence.text) if test in sentence.text else None
                if match is None or _UNSURE.search(match.group()):
                    continue
                said = match["sign"] in ("阳性", "(+)")
                start = sentence.start + match.start()
                yield Judged((start, sentence.start + match.end()), said == positive, f"{scene}：{test}", source)


@lru_cache(maxsize=1024)
def known_statements(reading: Reading, topic: tuple[str, ...] = ()) -> tuple[Judged, ...]:
    """What an answer says that the books speak of, right or wrong, in order; `topic` = diseases of the case."""
    if reading.text.isascii():
        return ()
    every = tuple(dict.fromkeys((*topic, *scenes_of(reading))))
    found = [judged for saying in sayings(reading) if (judged := _of_saying(reading, saying, every))]
    return tuple(sorted([*found, *_of_tests(reading, every)], key=lambda j: j.span))
