"""Compounds of high and low, fast and slow: diets, prices, praise.

"避免低盐饮食", "低盐高脂饮食", "具有较低的价值", "慢速诊断", "限制钠盐" for low blood pressure.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from medeval.clinical.knowledge import Judged
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading

DIET = "《中国居民膳食指南（2022）》"
SENSE = "常识 / common sense"
_FOOD = r"(?:脂肪?|油脂?|盐|钠|糖分?|胆固醇|嘌呤|热量|能量|碘(?!化))"
_TWO_WAYS = Pattern(rf"[高低]{_FOOD}(?:[、，和及与或/]{{0,1}}[高低](?:{_FOOD}|蛋白|纤维)){{1,5}}")
_LEVEL = re.compile(rf"([高低])({_FOOD})")
_KETOGENIC = re.compile(r"生酮|低碳|癫痫|营养不良|消瘦|肿瘤|低钠|低血糖|烧伤|缺碘|甲亢|甲状腺")
_AVOIDED = Pattern(
    r"(?:避免|减少|限制|少[吃食用](?!多)|忌|禁食|禁忌|远离|戒(?!烟|酒)|控制(?:好)?)(?:过多|过量|大量|食用|摄入|进食|吃|饮用|选择|摄取|的|长期|各种|含有?)*(?:高[^，。；低]{1,8}[、和及与或])?低(?:脂肪?|油|盐|钠|糖|胆固醇|嘌呤|热量)(?!异常)"
)
_SOUGHT = Pattern(
    r"(?:多[吃食]|宜(?:吃|食|进食|选|采用)?|建议(?:采[取用]|选择|进食|给予)?|选择|采[用取]|坚持|给予|推荐|遵循|以)(?:清淡|易消化|富含|含|新鲜|合理|营养|丰富|的|、)*高(?:脂肪?|油|盐|钠|胆固醇|嘌呤)(?:[^，。；低]{0,8})(?:饮食|食物|食品|膳食|为主)"
)
_SLOW = Pattern(
    r"慢速(?:地)?(?!跑|步|行|走|静|输|滴|游|推|注射|旋|离|充|呼吸|骑|运动|说|进食|血|心|型|波|眼|搅|加|降|变|舞|音|的?(?:跑|行走|步行|有氧|运动|呼吸|节奏))|起效慢速|慢速起效"
)
_POOR = Pattern(
    r"(?<!不)(?:具有|拥有|享有|具备|都有|均有|有着?)(?:了)?(?:相对|非常|很|十分)?(?:较|很|更|极)?低的?(?:诊疗|技术|医疗|学术|临床|诊断|治疗|应用|专业|营养|参考|药用|实用|医学|科研|安全|检出|图像)?(?P<of>价值|水平|声誉|权威性?|知名度|准确[性率度]|敏感[性度]|特异[性度]|灵敏[性度]|安全性|可靠性|有效性|质量|分辨率|清晰度|疗效|治愈率|成功率|满意度|经验|美誉度|公信力|稳定性|耐受性|可信度)"
)
_EXCUSED = re.compile(r"但|然而|不过|虽|缺点|不足|局限|劣势|相比|比较|对比|较差|风险|误|早期|[不未无]")
_PRICE = r"(?:费用|价格|收费|花费|成本|价位|开支|支出|诊金|医疗费|售价)"
_DEAR = Pattern(
    rf"{_PRICE}[^，。；|\n高低]{{0,10}}(?P<dear>(?:较|更|偏|很|相对)?高(?!于|低)昂?|昂贵|不菲)|{_PRICE}[^，。；|\n高低]{{0,10}}(?P<cheap>(?:较|更|偏|很|相对)?低(?!于)廉?|便宜|亲民|实惠)"
)
_COSTLY = re.compile(
    r"先进|(?<!欠)(?<!不)发达|(?<!非)(?<!2)(?<!3)[1一]线|大(?:型|城市|医院)|三甲|3甲|3级甲等|高端|进口|知名|私立|民营|排名靠前|复杂|准确性更?高|精[准密度]|专家|名医|增强扫描|微创|机器人|隐形|定制|重症|严重|并发症(?!少)|隐适美|种植|长期住院|病情较?重"
)
_CHEAPLY = re.compile(
    r"欠发达|[23二三]线|[23二三]{2}线|小(?:型|城市|医院|诊所)|基层|公立|国产|普通|传统|社区|简单|常规|早期|病情较?轻|农村|乡镇|县级|门诊(?!治疗|特殊|慢)|平扫"
)
_TERMS = Pattern(
    r"(?:隐匿性|白大衣|难治性|原发性|恶性|顽固性|继发性|肺动脉|门静脉|妊娠期|控制不佳的|未控制的|临界|老年性?)低(?:血压|压)|低(?:血压|血糖)危象|(?<!非)免疫促进(?:者|患者|人群|状态|治疗|药)|(?:酶|受体|通道|泵|还原酶|转运体)促进剂|骨髓促进|(?<!降)(?<!减)低(?:血脂症?|脂血症|黏血症|胆红素血症|泌乳素血症|危因素|敏体质|发人群)|肝硬化[^，。；]{0,8}高蛋白血症|高蛋白血症[^。；]{0,20}(?:水肿|腹水|渗[透出]|胸水)|呈(?:轻度|中度|重度|明显|不规则)收缩(?:改变|状|样)|慢速(?:眼动|诊断|康复|缓解|起效)"
)
_COLD = Pattern(
    r"(?:冬季|寒冷|低温|冷敷|冰敷|遇冷|受凉|冷空气)[^，。；热温暖]{0,12}(?:血管|气道|支气管)[^，。；]{0,4}扩张"
    r"|(?:热敷|温热|高温|温水|泡脚|热水)[^，。；冷凉]{0,12}血管[^，。；]{0,4}收缩"
)
_SUGAR = Pattern(
    r"(?:胰岛素|磺脲|格列|降糖药|禁[食水饮]|空腹运动|未进食|饥饿|节食|进食过少|延迟进食)[^。；]{0,24}(?:引起|发生|导致|出现|诱发|避免|防止|预防|警惕|以防|以免)[^，。；低]{0,6}高血糖"
)
_DOSE = Pattern(
    r"(?:肝肾功能|肾功能|肝功能|老年人|老年患者|高龄|体弱|儿童|小儿|年老)[^。；增不]{0,24}(?:(?:剂量|用量|药量)[^，。；不]{0,6}(?:增加|加大|提高)|(?:增加|加大)[^，。；]{0,3}(?:剂量|用量|药量))|(?:增加|加大)[^，。；]{0,3}(?:剂量|用量|药量)或(?:停药|停用|暂停)"
)
_HYPOTENSION = Pattern(r"(?<!降)低血压(?!休克)(?:患者|病人|人群|病|史|家族史|多年|风险|\d+年)?")
_OF_HYPERTENSION = re.compile(
    r"血脂|糖尿病|动脉(?:粥样)?硬化|冠心病|脑卒中|中风|脑出血|肥胖|限盐|钠盐|低盐|食盐|降压|心血管疾病|吸烟|控制血压|家族史|左心室肥厚|视网膜病变"
)
_OF_HYPOTENSION = re.compile(
    r"高血压|[体直]位性|晕厥|休克|副作用|不良反应|过量|引起|导致|升压|失血|脱水|头晕|出现|发生|避免|防止|症状|慎用|禁|透析|麻醉|感染|心动过速|注意|警惕|过低|心率|不|呕吐|腹泻"
)


def _diets(reading: Reading) -> Iterator[Judged]:
    text = reading.text
    for match in _TWO_WAYS.finditer(text):
        levels = {level for level, _ in _LEVEL.findall(match.group())}
        if len(levels) == 2 and not _KETOGENIC.search(reading.sentence_at(match.start()).text):
            yield Judged(match.span(), False, "一高一低的饮食 / a diet pulled two ways", DIET, measured=False)
    for pattern, why in (
        (_AVOIDED, "避免的是“低…” / what is to be avoided is low"),
        (_SOUGHT, "提倡的是“高…” / what is advised is high"),
    ):
        for match in pattern.finditer(text):
            sentence = reading.sentence_at(match.start()).text
            if not _KETOGENIC.search(sentence) and not re.search(
                r"不|避免[^，。]{0,4}$", text[max(0, match.start() - 4) : match.start()]
            ):
                yield Judged(match.span(), False, why, DIET, measured=False)


def _praise(reading: Reading) -> Iterator[Judged]:
    for match in _SLOW.finditer(reading.text):
        yield Judged(match.span(), False, "“慢速”不是优点 / slow is no merit", SENSE, measured=False, sure=False)
    for match in _POOR.finditer(reading.text):
        if not _EXCUSED.search(reading.sentence_at(match.start()).text):
            about = f"{match['of']}不以低为“具有” / low {match['of']} is no merit"
            yield Judged(match.span(), False, about, SENSE, measured=False, sure=False)


def _prices(reading: Reading) -> Iterator[Judged]:
    """Prices against what makes things dear or cheap, within their own clause and the one before it."""
    text = reading.text
    for match in _DEAR.finditer(text):
        sentence = reading.sentence_at(match.start())
        before = re.split(r"而(?!且)|但|；|却|相反|\|", text[sentence.start : match.start()])[-1]
        near = "，".join(re.split(r"[，,]", before)[-2:])
        costly, cheap = _COSTLY.search(near), _CHEAPLY.search(near)
        if bool(costly) == bool(cheap) or re.search(r"不|未|无|没有|顺利|比|医保|报销|避免|降低|减少", near):
            continue
        if bool(match["dear"]) != bool(costly):
            yield Judged(
                match.span(),
                False,
                f"{(costly or cheap or [''])[0]}：费用方向不合"
                f" / against what costs more: {(costly or cheap or [''])[0]}",
                SENSE,
                measured=False,
                sure=False,
            )


def _terms(reading: Reading) -> Iterator[Judged]:
    for match in _TERMS.finditer(reading.text):
        yield Judged(match.span(), False, "没有这样的术语 / no such term", SENSE, measured=False)
    for match in _COLD.finditer(reading.text):
        about, book = "冷则收缩，热则扩张 / cold narrows, warmth widens", "《生理学》第9版，人民卫生出版社，2018"
        yield Judged(match.span(), False, about, book, measured=False, sure=False)
    for match in _SUGAR.finditer(reading.text):
        yield Judged(
            match.span(),
            False,
            "降糖或进食不足引起的是低血糖 / this lowers blood sugar",
            "《内科学》第9版，人民卫生出版社，2018，第七篇 低血糖症",
            measured=False,
            sure=False,
        )
    for match in _DOSE.finditer(reading.text):
        if not re.search(r"逐渐|逐步|监测|耐受|可(?:以|能)|不|体重|年龄", reading.sentence_at(match.start()).text):
            yield Judged(
                match.span(),
                False,
                "应减量者反加量 / more where less is due",
                "《药理学》第9版，人民卫生出版社，2018，特殊人群用药",
                measured=False,
                sure=False,
            )


def _pressure(reading: Reading) -> Iterator[Judged]:
    """Low blood pressure in the company of what goes with high pressure."""
    for match in _HYPOTENSION.finditer(reading.text):
        sentence = reading.sentence_at(match.start()).text
        if _OF_HYPERTENSION.search(sentence) and not _OF_HYPOTENSION.search(sentence):
            about = "低血压与其余所述不合 / goes with high blood pressure"
            yield Judged(
                match.span(),
                False,
                about,
                "《内科学》第9版，人民卫生出版社，2018，第三篇 高血压",
                measured=False,
                sure=False,
            )


@lru_cache(maxsize=1024)
def compounds(reading: Reading) -> tuple[Judged, ...]:
    """Compounds of high, low, fast and slow that cannot be meant."""
    if reading.text.isascii():
        return ()
    return (*_diets(reading), *_praise(reading), *_prices(reading), *_terms(reading), *_pressure(reading))
