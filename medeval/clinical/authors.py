"""Who makes a change: what helps is not said to harm, and what harms is not said to help.

A change for the worse behind a purpose or a treatment needs a reason in its sentence (a risk, an overdose, a warning);
a change for the better needs that nothing harmful is its subject. Both are customs of prose, not knowledge of a case.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from medeval.clinical.knowledge import Judged
from medeval.clinical.reading import Reading, Sentence
from medeval.clinical.worth import Change, changes, gain_of_noun

SOURCE = "常识 / common sense"
_TURN = re.compile(
    r"但(?!.{0,2}书)是?|然而|不过|(?<!从)而(?![且言已])|却|否则|反之|相反|反而|虽然?|尽管|另一方面|同时也|代价"
)
_HARM_AGENT = (
    r"吸烟|抽烟|长时间|久视|烟草|二手烟|酗酒|饮酒|喝酒|酒精|熬夜|久坐|久站|肥胖|超重|高[盐脂糖龄](?!血症|尿)|油腻|辛辣|刺激性食物|油炸|腌制|咖啡|浓茶|劳累|受凉|着凉|寒冷|潮湿|日晒|紫外线|污染|噪音"
    r"|缺乏[^，。]{1,4}|不良(?:的)?[^，。]{0,4}习惯|过[量度劳大饱]|过多|过少|过高|过低|过强|滥用|不当|擅自|自行停|漏服|误服|突然停|骤然?停|停药|不足|缺少|错过|延误|拖延|(?:未|不)(?:及时|规范|治疗|重视|注意|控制|坚持|规律)|未经治疗|家族(?:中)?|遗传|高龄|老年人?|年龄"
    r"|并发症|副作用|不良反应|毒性|焦虑|抑郁|紧张|压力|情绪激动|便秘|缺氧|缺血|感染|损[伤害]|破坏|障碍|异常|紊乱|失调|减退|衰竭|不全|肿瘤|病变|炎症?|癌|瘤(?!胃)|梗[阻死]|狭窄|压迫|痉挛|出血|水肿|休克|结石|血栓"
    r"|高血压|糖尿病|贫血|低[^，。]{1,3}血症|高[^，。]{1,3}血症|肝硬化|疾病|综合征|疼痛|瘢痕|破损|伤口|挤压|抓挠|搔抓|摩擦|剧烈|用力|咳嗽|喷嚏|屏气|负重|增生|肥大|肥厚|积液|腹水|栓塞|失血|脱水|营养不良"
)
_MODAL = r"(?:会|可能?|可以|能够?|将|使得?|令|让|易|常常?|往往|均可?|都会?|也会?|进一步|明显|显著|大大|更|而|反而|甚至)"
_HARMFUL = re.compile(_HARM_AGENT)
_HARM_SUBJECT = re.compile(
    rf"(?:{_HARM_AGENT})(?:(?!患者|病人|[者疗术药减抑降])[^，。；:]){{0,10}}?{_MODAL}+(?:地|机体|人体|患者|身体|其|局部|的)*$"
)
_CAUSED = re.compile(
    r"(?:导致|引起|造成|致使|引发|诱发|使得?|因而|因此|从而|进而|以致|易|相应|随之)(?:地|会|可能|了|其|机体|人体|患者|身体|局部)*$"
)
_CAUSED_STATE = re.compile(r"(?:导致|引起|造成|致使|引发|使得?)[^，。；:]{0,14}$")
_BECAUSE = re.compile(rf"(?:由于|因为|因(?![此素而])|随着|如果|若)[^，。；]{{0,16}}(?:{_HARM_AGENT})")
_LED = re.compile(r"导致|引起|造成|致使|引发|诱发|加重|恶化|加剧")
_HELP = re.compile(
    r"治疗|疗法|药|口服|服用|使用|应用|静滴|静注|滴注|外用|外敷|涂抹|注射|静[脉滴](?!曲)|雾化|手术|术后|术中|切除|引流|支架|修复|护理|康复|锻炼|训练|按摩|理疗|针灸|热敷|冷敷|冰敷|湿敷|坐浴|休息|卧床|抬高|固定|制动|饮食|多[吃喝饮食]|饮水|补充|补液|输[液血注]|吸氧"
    r"|戒[烟酒]|限[酒盐]|运动|通过|给予|采[用取]|使用|应用|利用|保持|避免|预防|防止|控制|减少|及时|早期|适[当量度]|合理|规律|定期|监测|筛查|检查|疫苗|接种|抗[^，。]{1,4}|剂|维生素|蛋白|益生菌|中药|方法|措施|手段|方案|建议|注意|教育|沟通|支持|关心"
    r"|咨询|心理|放松|清洁|清洗|保湿|沐浴|通风|佩戴|作用|功效|有益|有助|有利|可以|能够|改善|缓解|减轻|促进|抑制|提高|增强|降低|扩张|保护|调节|清除|杀灭|恢复|胶囊|片|膏|素|激素|汤|丸|散|技术|设备|医院|医生"
)
_REASON = re.compile(
    r"可能|也许|有时|部分|少数|个别|容?易(?!消化)|会(?!诊|议|阴|厌)|导致|引起|造成|引发|诱发|致使|使|因为?(?!此|子)|由于|长期|过[量度多高低敏]|不[当良足利宜要能可应得会]|未|没有|无法|避免|防止|预防|以免|以防|禁|慎|勿|如果|若|一旦|如出现|否则|除非"
    r"|副作用|不良反应|毒|风险因素|危险因素|危害|后果|并发症|缺点|弊|吸烟|饮酒|酗酒|熬夜|久坐|肥胖|高龄|衰老|老年|环境|遗传|家族|感染后|感染(?:可|会|者)|停药|漏服|滥用|反复|持续|进行性|逐渐|甚至|严重|影响|损害|破坏|刺激|病变|进展|加重|恶化|肿瘤|癌|缺乏|缺氧|缺血|衰"
    r"|阻断|拮抗|受损|受体|机制|分泌|异常|主诉|病史|诉|表现|症状|鉴别|诊断|依据|原因|病因|因素|诱因|发病|警惕|担心|是否|与否|时，|但|而(?!且)|却|虽|尽管|反而|否|相互作用|合用|同时|注意|谨慎|密切|监测|评估|咨询|压力|紧张|焦虑|外力|咳嗽|用力|辛辣|油腻|寒冷|受凉|劳累|剧烈|对抗|疾病|综合征|病毒|细菌|病人|患者"
    r"|费|价格|竞争|难度|复杂|创伤|要求|中毒|浓度|停|过早|暴力|缺|太|大(?:剂)?量|一直|少[吃喝动]|[|(]"
)
_RISK = re.compile(r"风险|发病率|患病率|发生率|几率|概率|可能性|死亡率|复发率")
_FOOD_ADVICE = re.compile(r"应|建议|宜|注意|保持|避免|多[吃喝]|坚持|规律|戒|少[吃喝]")
_SPARED = re.compile(
    r"辛辣|油腻|油炸|腌制|生冷|刺激|高[盐脂糖油]|甜食|烧烤|酒|烟|咖啡|浓茶|熬夜|久坐|久站|盐|糖分|脂肪|摩擦|负重|压力|探视|接触|外出|抓挠|搔抓|暴晒|剧烈"
)
_LESS_OF = re.compile(r"避免|减少|限制|少[吃喝食]|忌|控制|戒")
_DENIED_CARE = re.compile(r"(?:未|不|没有|缺乏|延误|拒绝|无|停)[^，。；:]{0,8}")
_LEST = re.compile(r"(?:以免|以防)(?!止)[^。；从同并可能也助]{1,36}$")
_MADE = re.compile(r"(?:^|[，：:])(?P<by>[^，。；:]{2,24}?)(?:可以?|能够?)?[使让令](?!用)[^，。；:]{0,8}$")
_OF_HARMED = re.compile(
    rf"(?:{_HARM_AGENT})[^，。；:疗术药减]{{0,4}}(?:者|人群|患者|病人|史|因素|妇女|女性|男性)[^，。；:疗术药减控]{{0,10}}$"
)
_CARE = re.compile(
    r"治疗|疗法|药|口服|服用|外用|涂抹|注射|手术|术后|切除|护理|康复|锻炼|训练|按摩|理疗|针灸|热敷|冷敷|休息|卧床|补充|补液|输[液血]|吸氧|戒[烟酒]|限[酒盐]|通过|给予|采[用取]|保持|避免|预防|防止|控制|及时(?<!不及时)(?<!未及时)|早期|适[当量度]|合理|规律(?<!不规律)|定期"
    r"|监测|筛查|疫苗|接种|户外活动|方法|措施|建议|有益|有助|有利|保护|清除|好转|代偿|抑制剂|拮抗剂"
)
_HARM_DID = re.compile(
    rf"(?:{_HARM_AGENT})[^。；:]{{0,12}}(?:{_MODAL}|导致|引起|造成|扩散|加重|出现|诱发)[^。；:]{{0,30}}，[^，。；:]{{0,6}}$"
)
_ANOTHER = re.compile(r"，[^，使致]{2,10}(?:能|可以?)[^，]{0,8}，[^，]{0,6}$")
_OTHER_AGENT = re.compile(r"[^，。；]{5,}$")
_MEANS = re.compile(
    r"(?:(?<![可足予难得加给])以(?:便|求|期|利于|尽量|尽可能|更好地|最大(?:程度|限度)地?)?|从而|用于|用来|用以|以此|来|(?<!未)有助于|有利于|有益于|有望|旨在|目的(?:是|在于)|为了|帮助|达到|起到|能够?|可以?|可有效|可显著|可明显|可迅速|作用是|，并|，且|，同时|并)"
    r"(?:的|地|了|能|可|够|以|有效|显著|明显|迅速|快速|直接|间接|更快|更好|较好|很好|进一步|逐步|逐渐|大大|同时|共同|起到|帮助|更|地)*$"
)
_PREVENTING = re.compile(
    r"(?:避免|防止|预防|以免|以防|不[会宜要能可应得再]|无法|难以|未能?|没有|禁止?|勿|减少|降低|是否|不(?!良|当|足|规律|健康|合理))[^，。；:、和及并或]{0,8}$"
)
_AIM = re.compile(
    r"(?:(?<![可足予难得加给])以(?:便|求|期|尽量|尽可能|更好地)?|(?<![以近原未后带出])来|用于|用来|用以|(?<!未必)(?<!不)有助于|有利于|有益于|旨在|为了|能够(?:更快|更好|有效|迅速|快速)地?|(?:通过|借助)[^。；]{3,30}(?:作用|方式|方法|过程|功能|途径)，?|通过[^。；，]{2,24}，|快速|有望|通过|[以来](?:控制|预防|减少|避免|缓解|减轻|改善|防止|治疗|促进|提高|降低)[^，。；]{1,16}(?:，?并|和|、|以及|及))"
    r"(?:的|地|有效|显著|明显|迅速|快速|直接|间接|更快|更好|进一步|逐步|大大|同时|共同|帮助|消除或|预防和)*$"
)
_HANDLED = re.compile(
    r"(?:避免|防止|预防|治疗|控制|针对|对于?|抗|缓解|消除|清除|减少|减轻|降低|适用于|以免|防治|戒|限制|医生可能会?建议)[^，。；:]{1,12}|[因由][^，。；]{1,24}?(?:引起|导致|造成|所致|产生)的?[^，。；]{0,10}|医生|患者|病人|可能会?建议"
)
_SPARED_WORSE = re.compile(r"[无未没]有?$")
_MADE_WORSE = re.compile(r"病情|症状|预后|病变|疾病|功能|感染|休克|炎|痛|难|障碍|病")


def harmful(text: str) -> bool:
    """Whether a text names something that harms: a habit, a disease, an excess."""
    return _HARMFUL.search(text) is not None


def _scope(reading: Reading, change: Change) -> tuple[Sentence, str]:
    """The sentence of a change, and its text before the change from the last turn of thought on."""
    sentence = reading.sentence_at(change.at[0])
    before = reading.text[sentence.start : change.start]
    turns = list(_TURN.finditer(before))
    return sentence, before[turns[-1].end() :] if turns else before


def _own(before: str) -> str:
    return re.split(r"[，,：:。]", before)[-1]


def _spoils(reading: Reading, change: Change) -> str:
    """Why a change for the worse cannot be meant: what helps brings it about."""
    sentence, before = _scope(reading, change)
    own = _own(before)
    after = reading.text[change.end : sentence.end]
    if sentence.is_question or _PREVENTING.search(before) or "反过来" in own:
        return ""
    line = reading.text[reading.text.rfind("\n", 0, change.start) + 1 : change.start]
    head, colon, item = line.rpartition(":")
    if colon and not item.strip() and _LESS_OF.search(head) and _SPARED.search(name_of(reading, change)):
        return "标题说少，正文说多 / more of what its heading wants less of"
    advised = re.split(r"[，,]", before)[-2:]
    if (
        len(advised) == 2
        and not advised[1].strip()
        and _FOOD_ADVICE.search(advised[0])
        and _SPARED.search(name_of(reading, change))
    ):
        return "建议里增加了要少的 / advice for more of what there should be less of"
    blamed = _REASON.search(_without_gains(reading, change, before))
    name = reading.text[change.at[1] : change.end]
    worse = change.word == "恶化" and not _SPARED_WORSE.search(before)
    odd = worse or (change.word == "加重" and gain_of_noun(name) > 0)
    if odd and not blamed and not _MADE_WORSE.search(name) and after[:1] != ":":
        return "有益之物不会“加重” / what is wanted is not made worse"
    if _LED.search(own) or _warned(after):
        return ""
    through = own.endswith("通过") and change.word not in ("加重", "加剧", "恶化")
    if (_AIM.search(before) and not through) or (
        _MEANS.search(before) and (_HELP.search(before) and not blamed or _helps_here(own))
    ):
        return "有益之举说成有害 / a help said to harm"
    return ""


def _without_gains(reading: Reading, change: Change, before: str) -> str:
    """The text before a change without the harms that are prevented or treated in it."""
    first = change.start - len(before)
    kept = list(before)
    for other in changes(reading):
        if first <= other.start and other.end <= change.start and other.gain > 0:
            kept[other.start - first : other.end - first] = "　" * (other.end - other.start)
    return _HANDLED.sub("", "".join(kept))


def _helps_here(own: str) -> bool:
    """Whether the clause itself names a help and nothing that it could be blamed for."""
    return bool(_CARE.search(own)) and not _REASON.search(_HANDLED.sub("", own))


def name_of(reading: Reading, change: Change) -> str:
    """What a change acts on."""
    return reading.text[change.at[1] : change.end]


def _warned(after: str) -> bool:
    return bool(re.search(r"中毒|不良反应|副作用|慎|警惕|注意|避免|减量|停|不宜|禁", after))


def _by_force(reading: Reading, change: Change) -> str:
    """Why what a help "makes" happen cannot be worse: "该药可使疼痛加重"."""
    sentence, before = _scope(reading, change)
    made = _MADE.search(before)
    if made is None or sentence.is_question or not _CARE.search(made["by"]) or _LED.search(before):
        return ""
    if _REASON.search(_HANDLED.sub("", made["by"])) or _warned(reading.text[change.end : sentence.end]):
        return ""
    return "有益之举说成有害 / a help said to harm"


def _mends(reading: Reading, change: Change) -> str:
    """Why a change for the better cannot be meant: a harm brings it about."""
    sentence, before = _scope(reading, change)
    own = _own(before)
    if _PREVENTING.search(own) or sentence.is_question or "咳嗽" in reading.text[change.start : change.end]:
        return ""
    subject = _HARM_SUBJECT.search(own)
    if change.state and change.word in ("改善", "缓解", "减轻"):
        subject = None  # 疼痛会明显改善
    if subject and not _HELP.search(own[: subject.start()]) and not re.search(r"[疗药术减]|控制|预防|改善", own):
        return "有害之事说成有益 / a harm said to help"
    first = change.start - len(before)
    earlier = [other for other in changes(reading) if first <= other.start and other.end <= change.start]
    said = reading.text[change.start : change.end]
    if _LEST.search(before):
        return "要避免的事说成有益 / what is to be avoided said to help"
    if change.state and _RISK.search(said) and _OF_HARMED.search(own) and not _CARE.search(before):
        return "有害之事说成有益 / a harm said to help"
    told = _DENIED_CARE.sub("", before.rpartition(":")[2])
    if _CARE.search(told) or any(other.gain > 0 for other in earlier):
        return ""
    if change.state and _RISK.search(said) and earlier and all(one.gain < 0 for one in earlier) and harmful(before):
        return "坏事的后果说成好事 / a harm said to follow as a gain"
    alone = not re.sub(r"从而|进而|并且?|以及|还|甚至|也|会|长期|往往|常|可能?|同时|进一步|且|最终|，", "", own)
    if alone and not change.state and earlier and earlier[-1].gain < 0 and change.start - earlier[-1].end < 12:
        return "坏事的后果说成好事 / a harm said to follow as a gain"
    if not change.state and not _OTHER_AGENT.search(own) and _HARM_DID.search(before) and not _ANOTHER.search(before):
        return "坏事的后果说成好事 / a harm said to follow as a gain"
    made = _CAUSED_STATE if change.state else _CAUSED
    if (made.search(own) and re.search(_HARM_AGENT, before)) or _BECAUSE.search(before):
        return "坏事的后果说成好事 / a harm said to follow as a gain"
    return ""


def _judged(reading: Reading, found: tuple[Change, ...]) -> Iterator[Judged]:
    for change in found:
        why = ""
        if change.gain < 0:
            why = _by_force(reading, change) if change.state else _spoils(reading, change)
        elif change.gain > 0:
            why = _mends(reading, change)
        if why:
            said = reading.text[change.start : change.end]
            sure = "恶化" in said or not change.state and why.startswith("有益之举")
            yield Judged((change.start, change.end), False, f"{why}：{said}", SOURCE, measured=False, sure=sure)
    yield from _without_contrast(reading, found)


_BUT = re.compile(r"[，,；;](?:但(?!.{0,2}书)是?|然而|不过)")


def _without_contrast(reading: Reading, found: tuple[Change, ...]) -> Iterator[Judged]:
    """Two gains or two harms on both sides of 但: "可减轻水肿，但会减少骨折的风险"."""
    for one, two in zip(found, found[1:], strict=False):
        if one.gain * two.gain <= 0 or one.state or two.state:
            continue
        sentence = reading.sentence_at(one.at[0])
        between = reading.text[one.end : two.start]
        turn = _BUT.search(between)
        if two.end > sentence.end or turn is None or len(turn.group()) + turn.start() > 12:
            continue
        if re.search(
            r"不|未|无|没|仅|只|更|有限|尚|仍|避免|防止|同时|还需|如果|若", reading.text[sentence.start : two.end]
        ):
            continue
        yield Judged((two.start, two.end), False, "转折前后同向 / no contrast across “but”", SOURCE, False, sure=False)


@lru_cache(maxsize=1024)
def authored(reading: Reading) -> tuple[Judged, ...]:
    """Changes that their authors cannot have brought about, in order."""
    return tuple(_judged(reading, changes(reading)))
