"""Whether what is said to be gained is a gain: "以增加感染风险", "导致免疫力提高", "缓解症状、增加并发症".

No key point is needed: a purpose that is bad, a harm that is good, and neighbours of one chain that pull apart.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from medeval.clinical.authors import authored
from medeval.clinical.compounds import compounds
from medeval.clinical.headings import heading_of
from medeval.clinical.knowledge import Judged, abnormal_in, scenes_of
from medeval.clinical.reading import Reading
from medeval.clinical.sayings import ILLNESS, Saying, sayings, spread, things
from medeval.clinical.worth import handled, owned, taken_up

SOURCE = "常识 / common sense"
_PURPOSE = re.compile(
    r"(?:(?<![可足予难得加给])以(?:便|求|期|更好地|最大(?:程度|限度)地?|利于|有效地?|尽量|尽可能|进一步)?|从而(?:有效|进一步|更好地|间接|直接)?|有助于|有利于|有益于|旨在|目的(?:是|在于)|为了|最大(?:程度|限度)(?:上|地)?"
    r"|帮助(?:患者|您|身体)?|达到|起到|用于|用来|用以|鼓励|积极|可?有效地?|科学地?|尽量|尽可能|努力|(?:保护(?!作用)|改善|缓解|提高|预防)[^，。]{1,10}[、，并和])"
    r"(?:的|地|了)?(?:逐步|逐渐|显著|明显|大大|进一步|更好地|有效地?|消除或|预防和|预防或|预防、|控制和|来|共同)?$"
)
_HARM = re.compile(
    r"(?:导致|引起|造成|致使|引发|诱发|进而(?:引起|导致|引发)?|容易|易|反而(?!可)|甚至|严重影响|(?:影响|损害|危害)[^，。]{0,12}，(?:并|且)?进一步)"
    r"(?:会|可能|使|或|了|的|地|进一步)*[^，。；;、降减提促抑]{0,6}$"
)
_HARMFUL = re.compile(
    r"过量|不当|滥用|酗酒|饮酒|吸烟|熬夜|久坐|自行停药|漏服|擅自|(?:副|不良|毒)(?:作用|反应)|并发症|危害|危险因素|后果|未及时|不及时|延误|错过|如果不|若不|污染|破损"
    r"|病情(?:进展|恶化)|剧烈运动|合用|同时(?:服|使)用|相互作用|高水平|(?:升高|过高|偏高|增高)的|肥胖|家族史|高龄|感染后"
)
_NO_HARM = re.compile(
    r"避免|防止|预防|戒|以免|减少|降低|不(?:要|宜|能|可|得|应|建议)|禁|勿|治疗|改善|缓解|措施|信息|教育|监测|可能有|以$|从而$|控制|运动|锻炼|饮食|及时|早期|筛查|手术|服|疫苗|补充"
)
_ADVICE = re.compile(
    r"鼓励|建议|给予|采取|应|尽早|保持|注意|进行|适当|适量|适度|规律|坚持|锻炼|补充|定期|及时|合理|积极|注重|加强|多(?:吃|喝|饮|休息|吸吮|活动|走动)|按摩|卧床"
)
_FORBIDDING = re.compile(
    r"避免|不要|勿|禁|不(?:能|可|宜|应|当)|过[度多量]|若|如果|否则|副作用|风险|危险|可能|未|没有|但|却|反而|或"
)
_CONTRAST = re.compile(
    r"但|而(?!且|言)|虽|尽管|却|反之|相反|另一方面|还是|与否|权衡|同时也(?:会|可能)|代价|副作用|风险(?:包括|是)|需要?注意|警惕|过量|过度|可能|或者?(?!加重)|如果|若"
)
# What is acted on is the loss, not the thing: "减轻视力的下降".
_OTHERWISE = re.compile(r"的(?:过|下降|降低|减退|减弱|损失|丧失|丢失|恶化|受损|流失)")
_EITHER_HARMS = frozenset({"体温", "血压", "血糖", "心率", "呼吸"})
_LONGER_NAME = re.compile(r"[a-z]\d*[\u4e00-\u9fff]")  # 维生素 of 维生素K菌群
_LINK = re.compile(r"^[^，。；;\n]{0,8}(?:、|，|并|和|以及|及)(?:从而|进而|并且?|以|同时|且|也|还|有效|进一步|达到)*$")
_GOOD_VERB = re.compile(r"(?:改善|缓解|保护(?!作用|因素)|修复|增进|优化|预防|防止)(?=[^，。；、]{2})")
_CHAIN = re.compile(
    r"^[^。；;\n，]{0,12}(?:、|，(?:从而|进而|并且?|以|同时|且|也|还|达到|有)?|并(?!发)|和|以及|及)[^。；;\n，]{0,6}$"
)
_PREVENTED = re.compile(r"(?:以免|避免|防止|以防|预防|防范)(?:因|其|了|患者|进一步|再次|不必要地)*$")
_HELPFUL = re.compile(
    r"治疗|药物|药膏|软膏|按摩|热敷|冷敷|冰敷|湿敷|休息|锻炼|运动|训练|康复|饮食|手术|口服|外用|漱口|护理|抬高|固定|理疗|针灸|补充|通过|方法|措施|保持|良好"
    r"|适当|规律|合理|及时|早期|有效|放松|监测|筛查|接种|疫苗|保湿|清洁|润滑|止痛|消炎|抗炎|镇痛|抗生素|激素|剂|素|多喝|饮水|卧床|戒烟|戒酒|沐浴|消毒|通风|佩戴"
)
_TRIGGER = re.compile(
    r"辛辣|刺激性|饮酒|酒精|吸烟|烟草|熬夜|劳累|受凉|着凉|久坐|久站|抓挠|搔抓|挤压|负重|寒冷|潮湿|油腻|生冷|咖啡|剧烈|不当|过度|摩擦|紫外线|拖延|未治疗|不治疗|紧张|焦虑|压力"
    r"|污染|肥胖|高盐|高糖|高脂(?!血)"
)
_DOUBTFUL = re.compile(
    r"但|而(?!且|言)|虽|尽管|却|反而|反之|可能|风险|副作用|不良反应|过量|大剂量|过度|长期|权衡|谨慎|慎|注意|警惕|避免|不要|不宜|不能|禁|不会|无法|未|没有|如果|若|停药|需要?|是否|或|会"
)
_DEPENDS = re.compile(r"如果|若|导致|引起|可能|会|肾|透析|心衰")
_ITEM = re.compile(
    r"[\s\-*•·\d.()（）①-⑩a-z]*(?:可以?|能够?|有效|可有效|能有效|进一步|尽量|尽可能|逐步|显著|明显)?(?:地)?"
)
_ABLE = re.compile(
    r"(?:可以|能够|(?<!可)(?<!不)能|可有效)(?:有效地?|帮助|显著|明显|很好地|较好地|进一步|大大|迅速|快速|直接|更好地)*$"
)
_BAD_PLACE = re.compile(
    r"副作用|不良反应|风险|危害|并发症|缺点|后果|症状|表现|影响|原因|病因|机制|危险|禁|避免|误区|因素|特点|特征|鉴别|诊断|不足|劣势|问题|变化|病理|何时|就医"
)
_ACT = re.compile(
    r"[\s\-*\d.]*(?:您|患者|日常|饮食|平时|尽量|应当?|可以?|建议|适当|适量|注意|需要?|要|请|严格|同时|并|逐渐|多|控制)*(?:地)?"
)
_GOOD_HEAD = re.compile(
    r"功效|(?<!副)(?<!良反应)(?:主要|药理)?作用(?!机制)|好处|益处|优势|优点|培养方法|护理|目标|目的|意义|康复|恢复"
)
_BAD_HEAD = re.compile(r"副作用|不良反应|风险|危害|并发症|缺点|后果|症状|表现|影响$")
_RISKS = re.compile(r"风险|概率|几率|可能性|发生率|患病率|死亡率|发病率|生活质量|免疫力|危险")


def gain_of(saying: Saying, reading: Reading) -> int:
    """+1 for a gain, −1 for a harm, 0 where it depends."""
    if saying.noun == ILLNESS:
        return -1 if saying.up else 1
    known = things().get(reading.text[slice(*saying.thing)])
    if known is None or known[1] == "both":
        return 0
    if not saying.state and owned(reading.text, saying.thing[1]):
        return 0
    said = reading.text[saying.end : saying.thing[1]]
    if taken_up(said) or handled(said):
        return 0 if handled(said) and not taken_up(said) else -1 if saying.up else 1
    return -1 if (known[1] == "up") == saying.up else 1


def _before(reading: Reading, saying: Saying, reach: int = 24) -> str:
    sentence = reading.sentence_at(saying.start)
    start = spread(saying)[0]
    cut = max(reading.text.rfind(mark, sentence.start, start) for mark in "；;:：\n。|")
    return reading.text[max(cut + 1, sentence.start, start - reach) : start]


def _judged(reading: Reading, saying: Saying, right: bool, about: str, sure: bool = True) -> Judged:
    said = reading.text[slice(*spread(saying))]
    return Judged(spread(saying), right, f"{about}：{said}", SOURCE, measured=False, sure=sure)


def _by_cue(reading: Reading, saying: Saying, topic: tuple[str, ...]) -> Judged | None:
    """A saying right behind a word of purpose or of harm, or behind advice."""
    if saying.turned or _OTHERWISE.match(reading.text, spread(saying)[1]):
        return None
    gain = gain_of(saying, reading)
    before = _before(reading, saying)
    *earlier, own = re.split(r"[，,]", before)
    if not saying.state and _PURPOSE.search(before):
        known = gain != 0
        here = reading.sentence_at(saying.start).text
        topic = tuple(
            t for t in topic if not re.search(rf"(?:减少|避免|防止|预防|降|以免)[^，。；]{{0,6}}{re.escape(t)}", here)
        )
        abnormal = abnormal_in(saying.noun, topic) if not gain else None
        gain = gain or (0 if abnormal is None else -1 if abnormal == saying.up else 1)
        return _judged(reading, saying, gain > 0, "目的", known) if gain else None
    if not gain:
        return None
    if _HARM.search(own) and not re.search(r"避免|防止|预防|不会|减少|降低|以免", before):
        return _judged(reading, saying, gain < 0, "后果", False)
    advised = earlier and _ADVICE.search(earlier[-1]) and not _FORBIDDING.search(before)
    if not saying.state and not own.strip() and advised:
        return _judged(reading, saying, gain > 0, "建议的作用", False)
    return None


def _by_subject(reading: Reading, saying: Saying) -> Judged | None:
    """A gain that a harmful subject brings: "过量使用…减少不良反应", "吸烟可降低风险"."""
    gain = gain_of(saying, reading)
    if saying.turned or not gain or (saying.state and not _RISKS.search(reading.text[slice(*saying.thing)])):
        return None
    before = _before(reading, saying, 60)
    harmful = list(_HARMFUL.finditer(before))
    told = harmful and harmful[-1].group() in ("并发症", "后果") and len(before) - harmful[-1].end() < 4
    if not harmful or told or _NO_HARM.search(before):
        return None
    return _judged(reading, saying, gain < 0, f"{harmful[-1].group()}的后果", False)


def _prevented(reading: Reading, saying: Saying) -> Judged | None:
    """What is to be prevented is a harm: "以免加重症状", never "以免减轻症状"."""
    gain = gain_of(saying, reading)
    start = spread(saying)[0]
    if not gain or reading.text[saying.start] == "过" or not _PREVENTED.search(reading.text, max(0, start - 10), start):
        return None
    if gain > 0 and saying.noun in _EITHER_HARMS:
        return None
    return _judged(reading, saying, gain < 0, "要避免的")


def _by_helper(reading: Reading, saying: Saying) -> Judged | None:
    """What treatment, care or a healthy habit does is a gain, what a trigger does is a harm."""
    gain = gain_of(saying, reading)
    sentence = reading.sentence_at(saying.start)
    if saying.turned or saying.state or not gain or _DOUBTFUL.search(sentence.text):
        return None
    before = _before(reading, saying, 40)
    helped, harmed = _HELPFUL.search(before), _TRIGGER.search(before)
    if bool(helped) == bool(harmed):
        return None
    return _judged(reading, saying, (gain > 0) == bool(helped), (helped or harmed or [""])[0], False)


def _by_heading(reading: Reading, saying: Saying) -> Judged | None:
    """A subjectless effect against its heading: "功效：减弱脾胃功能", "副作用 … 体重减少"."""
    gain = gain_of(saying, reading)
    start = spread(saying)[0]
    line = reading.text.rfind("\n", 0, start) + 1
    head, colon, inner = reading.text[line:start].rpartition(":")
    if saying.turned or not gain or not colon or len(head) > 24 or len(inner) > 12 or saying.state:
        return None
    if _GOOD_HEAD.search(head) and not _BAD_HEAD.search(head):
        return _judged(reading, saying, gain > 0, head.strip(" -*"))
    if _BAD_HEAD.search(head) and not re.search(r"降低|减少|预防|管理|处理|控制|改善|缓解|应对|避免", head):
        return _judged(reading, saying, gain < 0, head.strip(" -*"))
    return None


def _by_item(reading: Reading, saying: Saying) -> Judged | None:
    """A list item that is an effect alone, or something that one *can* do: an aim, unless its heading lists harms."""
    gain = gain_of(saying, reading)
    if saying.turned or saying.state or not gain:
        return None
    start = spread(saying)[0]
    begin = max(reading.text.rfind(mark, 0, start) for mark in "，,；;：:。\n|、") + 1
    own = reading.text[begin:start]
    first = _ITEM.fullmatch(own) and (begin == 0 or reading.text[begin - 1] in "\n；;。:：|")
    if not (first or _ABLE.search(own)) or _CONTRAST.search(reading.sentence_at(start).text):
        return None
    if _HARMFUL.search(reading.sentence_at(start).text) or _BAD_PLACE.search(heading_of(reading, start)):
        return None
    return _judged(reading, saying, gain > 0, "目标", False)


def _by_habit(reading: Reading, saying: Saying) -> Judged | None:
    """Food and exercise that nearly everyone should have less or more of, where the clause advises it."""
    known = things().get(reading.text[slice(*saying.thing)])
    if saying.state or saying.turned or known is None or "健康中国" not in known[2]:
        return None
    if _LONGER_NAME.match(reading.text, saying.thing[1]):
        return None
    own = re.split(r"[，,、]", _before(reading, saying))[-1]
    if not _ACT.fullmatch(own) or _DEPENDS.search(reading.sentence_at(saying.start).text):
        return None
    gain = gain_of(saying, reading)
    return Judged(spread(saying), gain > 0, f"生活方式：{reading.text[slice(*saying.thing)]}", known[2], measured=False)


def _pulled_apart(reading: Reading, found: Sequence[Saying]) -> Iterator[Judged]:
    """Neighbours of one chain of effects, one a gain and one a harm, without a word of contrast."""
    about = "前后并列的作用 / effects of one chain"
    effects = [s for s in found if not s.state and not s.turned and gain_of(s, reading)]
    for one, two in zip(effects, effects[1:], strict=False):
        sentence = reading.sentence_at(one.start)
        if two.start < sentence.end and _LINK.match(reading.text[one.thing[1] : two.start]):
            if not _CONTRAST.search(sentence.text):
                same = gain_of(one, reading) == gain_of(two, reading)
                yield Judged((one.start, two.thing[1]), same, about, SOURCE, measured=False, sure=False)
    for saying in effects:
        sentence = reading.sentence_at(saying.start)
        if _CONTRAST.search(sentence.text):
            continue
        before = reading.text[sentence.start : saying.start]
        after = reading.text[saying.thing[1] : sentence.end]
        verbs = any(_CHAIN.match(before[m.end() :]) for m in _GOOD_VERB.finditer(before))
        later = _GOOD_VERB.search(after)
        if verbs or (later and re.match(r"^[^，。；;\n]{0,6}[，、](?:从而|进而|并|以|同时)?$", after[: later.start()])):
            yield Judged(spread(saying), gain_of(saying, reading) > 0, about, SOURCE, measured=False, sure=False)


@lru_cache(maxsize=1024)
def effects(reading: Reading, topic: tuple[str, ...] = ()) -> tuple[Judged, ...]:
    """Gains and harms that a reading claims, right or wrong, in order; `topic` = diseases of the case."""
    found = sayings(reading)
    every = tuple(dict.fromkeys((*topic, *scenes_of(reading))))
    judged: dict[tuple[int, int], Judged] = {}
    for saying in found:
        one = _by_cue(reading, saying, every) or _by_subject(reading, saying) or _by_heading(reading, saying)
        one = one or _by_habit(reading, saying) or _by_item(reading, saying)
        one = one or _prevented(reading, saying) or _by_helper(reading, saying)
        if one:
            judged.setdefault(one.span, one)
    for one in _pulled_apart(reading, found):
        judged.setdefault(one.span, one)
    for one in (*authored(reading), *compounds(reading)):
        judged.setdefault(one.span, one)
    return tuple(sorted(judged.values(), key=lambda j: j.span))
