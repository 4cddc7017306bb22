"""Sayings and tests held against general medical knowledge (`data/facts_*.yaml`, `data/nouns_*.yaml`).

A fact counts where its scene (a disease, a drug) stands in the same sentence; scenes that disagree decide nothing.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from medeval.clinical.data_files import read_data
from medeval.clinical.lexicons import hits
from medeval.clinical.reading import Reading, Sentence, Span, read
from medeval.clinical.sayings import OF_KIND, Saying, Usual, sayings, spread, things
from medeval.clinical.word_list import WordList

_T = TypeVar("_T")


@dataclass(frozen=True)
class Judged:
    """A stretch of evened-out text that knowledge bears on; `about` names what is known, `source` the book."""

    span: Span
    right: bool
    about: str
    source: str
    measured: bool = True
    """Whether it reads a test or a sign, rather than saying what something does."""
    sure: bool = True
    """False where the wording is only unusual: true sentences read so too, now and then."""


@dataclass(frozen=True)
class _Fact:
    scene: str
    up: bool
    source: str
    drug: bool


_FILES = (
    "facts_zh.yaml",
    "facts_specialties_zh.yaml",
    "facts_drugs_zh.yaml",
)

# Where treatment, recovery or time may have turned an abnormal finding round.
_TREATED = re.compile(
    r"治疗后?|[吸服给用][药入]?后|用药|服用|服药|给予|口服|注射|术后|改善|控制|恢复|纠正|较前|好转|缓解|复查|随访|目标|达标|正常|预防|避免|不一定|疗效|有效"
    r"|补充|输注|替代|相反|反而|生理|健康|晚期|少数|个别|罕见|暂时|代偿|运动|饮食|假性|如果|若|是否|[可会能]使|使用|药物|急剧|骤然?|短期内|小时内|早晨|清晨|夜间|出汗|退热"
    r"|(?:引流|减压|切除|移植|置换|支架|透析|穿刺|抽液|手术|栓塞|放疗|化疗|修补|复位|结扎|清除|吸收|缓解|终止妊娠|分娩|排出)[^，。]{0,3}后"
)
# "抑制5-羟色胺的再摄取" leaves more of it.
_UNDONE = re.compile(r"的?(?:再摄取|重吸收|降解|分解|灭活|代谢|清除|排泄|排出|破坏|转化|氧化|水解)")
_OPEN_END = re.compile(
    r"^[^，。；]{0,6}?(?:过快|太快|控制在|不超过|或(?:正常|升|降|增|减)|至|(?<![预最背])后|与否|者少|不(?![足全良适佳清]))"
)
_CUSTOM: tuple[str, Usual, str] = ("", "up", "《诊断学》第9版，人民卫生出版社，2018，第四篇 实验诊断")
_CAUSING = re.compile(r"(?:导致|引起|造成|致使|致|使得?|引发|诱发|促使)[^，。；]{0,8}$")
_SCENE_TURNED = re.compile(r"(?:不是|并非|排除|无|未|预防|防止|治疗|抗|鉴别|控制|纠正|改善)[^，。；、:]{0,3}$")
BROAD = frozenset(
    (
        "发热 感染 炎症 休克 贫血 黄疸 脱水 妊娠 怀孕 过敏 缺血 失血 出血 水肿 腹水 低血压 低血糖 低氧血症 溶血"
        " 营养不良 失血性休克 内出血"
    ).split()
)
_CONCLUDES = re.compile(r"(?:者|时)?，?(?:则|即|就|常|往往|多)?(?:说明|提示|表明|考虑|见于)")
_MANNER = re.compile(r"^(?:急性|重症|重度|严重|大量|单纯性|特发性|自发性|进展期|典型|老年|小儿|儿童)+")
_POINTS = re.compile(r"见于|提示|考虑|符合|支持|说明|表明|诊断")
_COMPARED = re.compile(r"不同|区别|鉴别|相反|前者|后者|不如|较.{0,8}(?:多|少|高|低)")
_LINE_HEAD = re.compile(r"[^\n:：，。；;]{2,30}[:：]")


@lru_cache(maxsize=1)
def facts() -> tuple[dict[str, dict[str, _Fact]], dict[str, dict[str, tuple[bool, str]]]]:
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
    _inherit(moves)
    _inherit(tests)
    return moves, tests


def _inherit(known: dict[str, dict[str, _T]]) -> None:
    """Lets 急性X stand for X, wherever the list of diseases holds both."""
    for scene in [word for file in _FILES for word in _diseases(file)]:
        base = _MANNER.sub("", scene)
        if base != scene and base in known:
            known[scene] = {**known[base], **known.get(scene, {})}


@lru_cache(maxsize=8)
def _diseases(file: str) -> tuple[str, ...]:
    facts = [fact for block in read_data(file)["blocks"] for fact in block["facts"]]
    return tuple(read(word).text for fact in facts for word in (fact.get("of") or fact["drug"]).split())


@lru_cache(maxsize=1)
def _scenes() -> WordList:
    moves, tests = facts()
    return WordList({*moves, *tests})


@lru_cache(maxsize=8192)
def scenes_in(text: str) -> tuple[tuple[int, str], ...]:
    """Scenes set by a sentence: (place, word); those prevented, treated or ruled out are none."""
    return tuple(
        (start, word)
        for start, _, word in _scenes().find(text)
        if not _SCENE_TURNED.search(text, max(0, start - 5), start)
    )


def scene_before(reading: Reading, sentence: Sentence, place: int, known: Container[str]) -> str:
    """The disease that a place speaks of: the last one before it in its sentence, else that of its line; "" for none.

    One that is not `known` hides those before it.
    """
    within = [word for at, word in scenes_in(sentence.text) if at < place - sentence.start and word not in BROAD]
    if within:
        return within[-1] if within[-1] in known else ""
    start = reading.text.rfind("\n", 0, sentence.start) + 1
    heads = [scenes_in(head.group()) for head in _LINE_HEAD.finditer(reading.text, start, sentence.start)]
    named = [word for scenes in heads for _, word in scenes if word not in BROAD]
    return named[-1] if named and named[-1] in known else ""


def _expected(saying: Saying, scenes: list[str]) -> _Fact | None:
    moves, _ = facts()
    found = [fact for scene in scenes if (fact := moves.get(scene, {}).get(saying.noun))]
    return found[0] if found and len({fact.up for fact in found}) == 1 else None


_OTHER_FLUID = re.compile(
    r"(?:(?<![少多无])尿(?!酸|素|激|毒|崩|路)|脑脊液|胸水|腹水|胸腔积液|粪便|痰|精液|白带|关节液)[^，。；:]{0,10}$"
)


def _one_clause(text: str, place: int, at: int) -> bool:
    """Whether a disease stands before a saying, or behind it in the same clause or as what it points to."""
    return at < place or not re.search(r"[，,；;]", text[place:at]) or bool(_POINTS.search(text, place, at))


def _of_saying(reading: Reading, saying: Saying, topic: tuple[str, ...], of_drug: bool) -> Judged | None:
    """One saying against the facts of its clause, sentence or topic, else against what is abnormal of its thing."""
    undone = not saying.state and _UNDONE.search(reading.text, saying.end, saying.thing[0])  # 抑制肾脏排出尿酸
    if undone or _UNDONE.match(reading.text, spread(saying)[1]):
        return None
    sentence = reading.sentence_at(saying.start)
    place = saying.start - sentence.start
    begin = max((sentence.text.rfind(mark, 0, place) for mark in "，,:："), default=-1) + 1
    every = scenes_in(sentence.text)
    usable = [(at, word) for at, word in every if at < place + 16 and _one_clause(sentence.text, place, at)]
    near = [word for at, word in usable if begin <= at]
    fact = _expected(saying, near) or _expected(saying, [word for _, word in usable])
    sure = fact is not None
    if fact is None and not _COMPARED.search(sentence.text):
        fact = _expected(saying, [scene_before(reading, sentence, spread(saying)[0], _about(saying.noun))])
    if fact is None and not any(saying.noun in facts()[0].get(word, ()) for _, word in every):
        fact = _expected(saying, [word for word in topic if not (_is_drug(word) or word in BROAD)])
    span = spread(saying)
    fluid = _OTHER_FLUID.search(reading.text[max(0, saying.thing[0] - 14) : saying.thing[0]])
    if fluid and "血" not in reading.text[max(0, saying.thing[0] - 14) : saying.thing[0]]:
        return None
    name = reading.text[slice(*saying.thing)]
    clause = sentence.text[begin : place + 2]
    if fact is not None and fact.drug:
        if saying.state or saying.turned or re.search(r"过量|中毒|停药|漏服|引起|导致|不良", sentence.text):
            return None
        return Judged(span, fact.up == saying.up, f"{fact.scene}：{name}{'↑' if fact.up else '↓'}", fact.source)
    if saying.turned or not (saying.state or _CAUSING.search(clause)):
        return None
    drugged = of_drug or _names_drug(reading, saying.start)
    right = fact is not None and fact.up == saying.up
    earlier, later = sentence.text[max(0, begin - 12) : place], reading.text[saying.end : sentence.end]
    treated = _TREATED.search(earlier)
    if treated and treated.group() in ("如果", "若") and _CONCLUDES.match(later):
        treated = _TREATED.search(earlier, treated.end())
    changed = treated or _OPEN_END.match(later)
    if treated and fact is not None and not right and fact.scene in earlier[treated.end() :]:
        changed, sure = None, False  # "术后…损伤可致血钙…": the disease came after the treatment
    if fact is not None and not right and drugged and not sure:
        return None
    if fact is not None and (right or not changed):
        return Judged(span, right, f"{fact.scene}：{name}{'↑' if fact.up else '↓'}", fact.source, sure=right or sure)
    ill = any(at < place and not _is_drug(word) for at, word in every)
    course = sentence.text[place : place + 2] in _COURSES
    return _by_custom(span, name, saying, bool(changed) or drugged or course, ill) if fact is None else None


_COURSES = frozenset({"加重", "加剧", "恶化"})
"""They say that something gets worse, whichever way that is."""


def _names_drug(reading: Reading, place: int) -> bool:
    """Whether a drug is named before a place in its line: what changes may be its effect."""
    first = reading.text.rfind("\n", 0, place) + 1
    return any(first <= hit.start < place for hit in hits(reading, "drug"))


@lru_cache(maxsize=1)
def _by_noun() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for scene, moves in facts()[0].items():
        for noun in moves:
            found.setdefault(noun, set()).add(scene)
    return {noun: frozenset(scenes) for noun, scenes in found.items()}


def _about(noun: str) -> frozenset[str]:
    """Diseases in which a thing is known to rise or fall."""
    return _by_noun().get(noun, frozenset())


def _is_drug(scene: str) -> bool:
    return any(fact.drug for fact in facts()[0].get(scene, {}).values())


def _by_custom(span: Span, name: str, saying: Saying, changed: bool, ill: bool) -> Judged | None:
    """Against the direction in which a value or sign is abnormal; that of other things only where one is `ill`."""
    _, usual, source = things().get(name, _CUSTOM if saying.noun == OF_KIND else ("", "both", ""))
    if usual == "both" or not ("诊断学" in source or (ill and "《生理学》" in source)):
        return None
    right = (usual == "up") == saying.up
    if not right and changed:
        return None
    return Judged(span, right, f"{name}：异常多为{'↑' if usual == 'up' else '↓'}", source, sure=right)


def scenes_of(reading: Reading) -> tuple[str, ...]:
    """Diseases and drugs a text speaks of."""
    return tuple(dict.fromkeys(word for sentence in reading.sentences for _, word in scenes_in(sentence.text)))


def abnormal_in(noun: str, scenes: tuple[str, ...]) -> bool | None:
    """Whether a thing rises (or falls) in diseases that all agree; None where they do not, or none is known."""
    ways = {fact.up for scene in scenes if (fact := facts()[0].get(scene, {}).get(noun)) and not fact.drug}
    return next(iter(ways)) if len(ways) == 1 else None


@lru_cache(maxsize=1024)
def known_statements(reading: Reading, topic: tuple[str, ...] = (), of_drug: bool = False) -> tuple[Judged, ...]:
    """What an answer says rises or falls and the books speak of, right or wrong, in order.

    `topic` = diseases of the case; `of_drug` = the question is about a drug, whose effects are no signs of a disease.
    """
    if reading.text.isascii():
        return ()
    return tuple(judged for saying in sayings(reading) if (judged := _of_saying(reading, saying, topic, of_drug)))
