"""Words that cannot go together, whatever the disease: 升至90以下, 控制血糖不低于8.3, 胆总管收缩, 术前进食8小时.

Each is grammar or plain use of a term, not a list of cases; what may be meant in earnest is excused.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from medeval.clinical.knowledge import Judged
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading

_USE = "用词 / use of words"
_IMAGING = "《医学影像学》第8版，人民卫生出版社，2018"
_SURGERY = "《外科学》第9版，人民卫生出版社，2018，术前准备"
_NUMBER = r"[+-]?\d[\d./~-]*(?:x10\^?\d+)?\s*(?:%|[a-zμ/]{1,10}|℃|分|岁|次/分|周|天|小时)?(?:\([^)]{0,8}\))?"
_REACHING = Pattern(
    rf"(?P<way>升高|上升|增高|增加|升|增|降低|下降|减低|减少|降|减)(?:到|至|为)\s*(?P<less>[<≤])?(?P<more>[>≥])?\s*{_NUMBER}(?:(?P<below>以下|以内)|(?P<above>以上))?"
)
# A tube with fluid or air in it is seen wide or narrow; it contracts only where its muscle is spoken of.
_TUBE = Pattern(
    r"(?<!使)(?<!使得)(?<!引起)(?<!导致)(?:胆总管|胆管|胰管|输尿管|肾盂|肾盏|脑室|肠管|肠腔|肠袢|胆道系统|胆道|门静脉|脾静脉|主动脉根部|升主动脉|食管下段|近端肠管|集合系统)"
    r"(?:[\u4e00-\u9fff、(),]{0,6})?(?P<shrinks>收缩)(?!压|功能|力|期|素|性|环|肌|剂|蠕动|运动)"
)
_MUSCLE = re.compile(r"平滑肌|蠕动|括约肌|痉挛|解痉|排空|药|刺激|激素|反射|神经|造影|舒张|节律|松弛")
_LIMITED = (
    "尿糖|尿酮体|尿酮|空腹血糖|餐后血糖|餐后2小时血糖|血糖|糖化血红蛋白|hba1c|低密度脂蛋白胆固醇|低密度脂蛋白|ldl-c"
    "|总胆固醇|甘油三酯|血尿酸|尿酸|体重指数|bmi|血脂"
)
_GOAL = Pattern(
    rf"(?P<what>{_LIMITED})(?:水平|浓度|值)?(?:应|需|控制|维持|保持|稳定|降低?|降)?(?:在|到|至|为)?"
    rf"(?:(?P<over>不低于|不小于|高于|大于|超过|[>≥])\s*(?P<at>{_NUMBER}|\(\++\))|(?P<value>{_NUMBER})(?P<above>以上)|(?P<positive>阳性))"
)
_AIMED = re.compile(
    r"(?:应|需|要|须|宜|建议|必须)[^。；\n]{0,6}(?:控制|将)(?!不)[^。；\n]{0,40}$|(?:控制|将)(?!不)[^，。；\n]{0,3}$"
)
_RANGE = re.compile(r"且|并(?:且)?不|~|-\d|但|至|低血糖|避免|防止")
_FASTING = Pattern(r"(?:术前|麻醉前|手术前|检查前)[^，。；\n]{0,10}?进食(?P<for>\d+(?:[~-]\d+)?(?:个)?小时)(?!前|内)")
_NO_NAME = Pattern(r"(?P<word>低(?:脂|胆固醇|甘油三酯|尿酸)血症|红细胞减少症(?!状))")
_USED_AMISS = Pattern(
    r"(?<!要)(?<!意义的)阴性体征|[强弱]阴性|(?:有|可见|可)(?:明显|过多的?)(?:异常|阳性体征)(?=[，。；、\n)]|$)|可见异常(?=[，。；、\n)]|$)|(?:暂|从|至今|迄今)可(?:见|及|发现|触及)|有较低的(?:诊断|临床|应用)?价值|(?<!以)促进(?:治疗|疗法)(?!效果|的|作用|及|和|、)"
    r"|(?<![进愈逐渐续步的致会可速剧性急无未见有])恶化(?=[\u4e00-\u9fff]{2})(?!住院|者)"
    r"(?!的|等|者|时|为|成|趋势|风险|速度|程度|症状|表现|或|和|与|及|且|并|后|前|期|可|会|应|需|病|倾向|因素|患者|性|迹象|导致|引起|进展|加重|征|预后|肾功|心)"
)
# An illness gets worse, and a mass bigger, unless something helped or time went by.
_EASES_ALONE = Pattern(
    r"(?:逐渐|日渐|日益|不断|持续|阵发性|急剧|突然|反复|明显)(?P<way>减轻)(?=[，。；、\n者])"
    r"|(?:肿块|包块|肿物|结节|瘤体|占位|淋巴结|腹围)[^，。；、\n]{0,6}?(?:逐渐|进行性|迅速|不断|渐)(?P<size>缩小|变小)"
)
_HELPED = re.compile(
    r"后|随|天|日(?!渐|益)|周|月|治疗|可|会|恢复|自行|自然|消退|休息|若|如|疗|药|术|期|化|平卧|卧位|时|转为|好转|复查|则|但|却|反|排|服|剂"
)
_NOT_USED = re.compile(r"升高|增加|高脂|治疗后|家族性低|遗传性|无β|罕见")


def _reaching(reading: Reading) -> Iterator[Judged]:
    """What rises "to below", or falls "to above"."""
    for match in _REACHING.finditer(reading.text):
        up = match["way"][0] in "升上增"
        below, above = match["less"] or match["below"], match["more"] or match["above"]
        if (up and below and not above) or (not up and above and not below):
            sure = bool(match["less"] or match["below"])
            about = f"{match['way']}与“{below or above}”不合 / {match['way']} and “{below or above}” disagree"
            yield Judged(match.span(), False, about, "", measured=False, sure=sure)


def _goals(reading: Reading) -> Iterator[Judged]:
    """A goal that keeps high what treatment keeps low."""
    for match in _GOAL.finditer(reading.text):
        first, last = reading.sentence_at(match.start()).start, reading.clause_at(match.end())[1]
        if _AIMED.search(reading.text, first, match.start()) and not _RANGE.search(reading.text, match.start(), last):
            about = f"{match['what']}的控制目标应有上限 / a goal for {match['what']} needs an upper limit"
            yield Judged(match.span(), False, about, "《内科学》第9版，人民卫生出版社，2018", measured=False)


def _tubes(reading: Reading) -> Iterator[Judged]:
    """A duct or a ventricle that "contracts" where its width is meant."""
    for match in _TUBE.finditer(reading.text):
        if not _MUSCLE.search(reading.sentence_at(match.start()).text):
            yield Judged(match.span(), False, "管腔所见为扩张或狭窄 / a lumen is wide or narrow", _IMAGING)


def _names(reading: Reading) -> Iterator[Judged]:
    """Histories and diseases that nobody has in these words."""
    for match in _NO_NAME.finditer(reading.text):
        if not _NOT_USED.search(reading.sentence_at(match.start()).text):
            about = f"少有“{match['word']}”之名 / “{match['word']}” is hardly a name"
            yield Judged(match.span("word"), False, about, _USE, sure=False)
    for match in _EASES_ALONE.finditer(reading.text):
        left, right = reading.clause_at(match.start())
        if not _HELPED.search(reading.text, max(0, left - 12), right + 8):
            yield Judged(
                match.span(), False, "没有缘由的好转 / better without a cause", _USE, measured=False, sure=False
            )
    for match in _USED_AMISS.finditer(reading.text):
        yield Judged(match.span(), False, "词用反了 / the opposite word", _USE, measured=False, sure=False)
    for match in _FASTING.finditer(reading.text):
        yield Judged(match.span(), False, "术前应为禁食 / fasting before operations", _SURGERY)


@lru_cache(maxsize=1024)
def plain_sense(reading: Reading) -> tuple[Judged, ...]:
    """Places whose words cannot go together."""
    if reading.text.isascii():
        return ()
    return (*_reaching(reading), *_goals(reading), *_tubes(reading), *_names(reading))
