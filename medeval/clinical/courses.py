"""What makes complaints worse or better, what follows from a lack or an excess, and gains nobody aims to spoil.

"活动后减轻" of angina, "由于代谢能力上升，出现黄疸", "增加并发症" as an effect that no harmful subject explains.
"""

import re
from functools import lru_cache

from medeval.clinical.effects import gain_of, heading_of
from medeval.clinical.knowledge import Judged
from medeval.clinical.reading import Reading
from medeval.clinical.sayings import ILLNESS, Saying, sayings, spread, things

COMPLAINTS = "《诊断学》第9版，人民卫生出版社，2018，第一篇 常见症状（加重与缓解因素）"
_COMPLAINT = frozenset(
    (
        ILLNESS,
        "症状",
        "疼痛",
        "不适",
        "腹痛",
        "头痛",
        "胸痛",
        "胸闷",
        "呼吸困难",
        "瘙痒",
        "咳嗽",
        "肿胀",
        "水肿",
        "肿痛",
        "酸痛",
        "心悸",
        "麻木",
    )
)
_WORSENED_BY = re.compile(
    r"(?:活动|劳累|劳动|用力|咳嗽|打喷嚏|喷嚏|受凉|受寒|遇冷|遇寒|饮酒|负重|运动|弯腰|紧张|激动|熬夜|久坐|久站|久立|油腻[^，。]{0,4}|饱餐|吸烟|行走|深呼吸|搔抓|抓挠|压力[^，。]{0,3}|刺激性[^，。]{0,4}|日晒|劳顿|疲劳)"
    r"(?:后|时|之后|可|会|可使|使|均可|往往|常|症状|疼痛|病情|明显|更加|而|进一步|都会)*$"
)
_EASED_BY = re.compile(
    r"(?:休息|卧床休息|含服[^，。]{0,8}|服药|用药|排气|去除诱因|停药|解除|端坐|坐起|抬高患肢|热敷|制酸|吸氧|治疗)(?:后|时|之后|可|会|可使|使|常|症状|疼痛|病情|明显|可以|能|逐渐|有所)*$"
)
_OWN_COURSE = re.compile(
    r"强直|类风湿|晨僵|僵硬|炎性|十二指肠|低颅压|疝|静脉曲张|停药|停止|不良|副作用|排异|反而|不[能会]|鉴别|区别|不同|如|若|或|但|过量|依赖|骨关节|肿瘤|休息痛|静息|冻结肩"
)
_BECAUSE = re.compile(r"(?:由于|因为|因(?![此素而])|随着)[^，。；;:：\n]{0,24}$")
_RESULT = re.compile(
    r"^[^，。；;:：\n]{0,6}[，,]?(?:从而|进而|而|会|可|可能|常|容易|易|使|均|便|就|最终|并)*(?:导致|引起|造成|出现|发生|引发|诱发|产生|发展为|形成)(?P<what>[^。；\n]{2,24})"
)
_GOOD_RESULT = re.compile(r"减少|降低|改善|提高|下降|增强|好转|缓解|减轻|积极|变化|健康|康复|疗效")
_GONE = re.compile(
    r"可能|可引|也会|还会|反而|长期|过[量度多高敏]|不当|不足|不良|引起|导致|造成|易|诱发|如果|若|一旦|吸烟|饮酒|酗酒|副作用|风险(?:因素|较)|危害|缺点|危险|环境|进一步|反复|甚至|严重|影响|毒|肿瘤|癌|病变"
    r"|感染后|进行性|缺乏|久|停药|滥用|禁|慎|避免|不[要宜能可应]|勿|但|而(?!且)|尽管|虽|否则|因此|机制|通过|药物|受损|阻断|拮抗|与|患者(?:的)?[^，。]{0,4}(?:会|易)|因|由于|的(?:情况|因素)|异常|监测|失眠者|衰|老"
)
_BAN = re.compile(
    r"(?:(?:避免|不要|不宜|不可|忌|禁止|切勿|勿|不能|戒)(?![^，。]{0,3}(?:担心|紧张|焦虑|着急|过于|恐慌))[^。；，\n]{1,24}，[^，。；]{0,4}(?:因为?|会|可能会?|容?易|以免)"
    r"|否则|(?:如|若)(?:果)?(?:不|未)[^。；，\n]{1,16}，|严重(?:者|时|的话)[，可会]|久而久之|后遗症|(?:不良反应|副作用)(?:包括|有|为|如))[^，。；\n]{0,10}$"
)
_SHOWS = re.compile(
    r"(?:表现为|可?出现|伴有?|伴随|可有|症状(?:包括|有|为)|感到|感觉|自觉|主诉|常有|诉)[^，。；\n]{0,14}$"
)
_NO_LOSS = frozenset({"食欲", "性欲", "体重"})
_BETTER = re.compile(r"治疗|恢复|康复|改善|好转|用药|服|术后|锻炼|后(?:可|会)|有效|缓解|控制|代偿")
_ENDS = ("", *"，,。；;:、!？)|\n和及与或并")
_VERBS = frozenset({"增加", "加重", "加剧", "提高", "升高", "抑制", "降低", "减少", "减弱", "促进", "延长", "缩短"})


def _by_course(reading: Reading, saying: Saying) -> Judged | None:
    """Exertion, cold and the like make complaints worse; rest and treatment ease them."""
    name = reading.text[slice(*saying.thing)]
    if saying.turned or not (saying.noun == ILLNESS or name in _COMPLAINT):
        return None
    sentence = reading.sentence_at(saying.start)
    begin = max(sentence.start, spread(saying)[0] - 24)
    own = re.split(r"[，,；;:、]", reading.text[begin : spread(saying)[0]])[-1]
    worse, better = _WORSENED_BY.search(own), _EASED_BY.search(own)
    if bool(worse) == bool(better) or _OWN_COURSE.search(sentence.text):
        return None
    return Judged(spread(saying), saying.up == bool(worse), f"{own.strip()}：{'加重' if worse else '减轻'}", COMPLAINTS)


def _by_cause(reading: Reading, saying: Saying) -> Judged | None:
    """What a harm follows from is no gain: "由于肝脏代谢能力上升，导致黄疸"."""
    if saying.turned or not saying.state or saying.noun == ILLNESS:
        return None
    gain = gain_of(saying, reading)
    first, last = spread(saying)
    sentence = reading.sentence_at(first)
    result = _RESULT.match(reading.text[last : sentence.end])
    if not gain or result is None or _GOOD_RESULT.search(result["what"]):
        return None
    if not _BECAUSE.search(reading.text, sentence.start, first):
        return None
    return Judged(
        (first, last), gain < 0, f"因果：{result.group().strip(' ，')}", "常识 / common sense", measured=False
    )


def _after_ban(reading: Reading, saying: Saying) -> Judged | None:
    """What follows from a forbidden or neglected thing, or shows an illness, is no gain: "避免饮酒，会减轻肝脏负担"."""
    if saying.turned or gain_of(saying, reading) <= 0:
        return None
    first, last = spread(saying)
    sentence = reading.sentence_at(first)
    before = reading.text[max(sentence.start, first - 50) : first]
    name = reading.text[slice(*saying.thing)]
    usual, source = things().get(name, ("", "", ""))[1:]
    lost = usual == "down" and "诊断学" in source and name not in _NO_LOSS and saying.state
    if _BAN.search(before) or (lost and _SHOWS.search(before) and not _BETTER.search(sentence.text)):
        return Judged(
            (first, last), False, "坏事的后果 / what follows from a harm", "常识 / common sense", measured=False
        )
    return None


def _unexplained(reading: Reading, saying: Saying) -> Judged | None:
    """A harm done by an act that the sentence and its heading give no reason to fear."""
    word = reading.text[saying.start : saying.end]
    if saying.turned or saying.state or word not in _VERBS or gain_of(saying, reading) >= 0:
        return None
    first, last = spread(saying)
    sentence = reading.sentence_at(first)
    rest = sentence.text[: first - sentence.start] + "|" + sentence.text[last - sentence.start :]
    if (
        sentence.is_question
        or reading.text[last : last + 1] not in _ENDS
        or _GONE.search(rest)
        or _GONE.search(heading_of(reading, first))
    ):
        return None
    return Judged(
        (first, last), False, "没有来由的坏处 / a harm without a cause", "常识 / common sense", measured=False
    )


@lru_cache(maxsize=1024)
def courses(reading: Reading) -> tuple[Judged, ...]:
    """Sayings about what makes things worse or better, right or wrong, in order."""
    found = []
    for saying in sayings(reading):
        one = _by_course(reading, saying) or _by_cause(reading, saying)
        one = one or _after_ban(reading, saying) or _unexplained(reading, saying)
        if one:
            found.append(one)
    return tuple(found)
