"""An answer held against the case report it answers: findings, results, figures and names told again, turned or not.

A finding counts only where the answer speaks of this patient; what a disease shows in general is another matter.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from medeval.clinical.binding import bind
from medeval.clinical.copied import copied
from medeval.clinical.data_files import read_data
from medeval.clinical.guidelines import interpret
from medeval.clinical.knowledge import Judged
from medeval.clinical.lexicons import analytes
from medeval.clinical.patterns import Pattern
from medeval.clinical.polarity import is_conditional, is_negated
from medeval.clinical.reading import Reading, read
from medeval.clinical.restated import restated, unreported
from medeval.clinical.sayings import ILLNESS, sayings, spread, things
from medeval.clinical.word_list import WordList
from medeval.errors import UsageError

_ABOUT = "病例所述 / the case report"
_CHANGED_LATER = re.compile(
    r"治疗|术后|用药|较前|复查|好转|恢复|改善|鉴别|如果|若|一般|通常|正常|可能|预防|避免|目标|控制|随访|(?<!诊断)标准"
)
_ENLARGED = re.compile(r"(?<!不)(肝|脾)(?:脏)?(?:肿?大|增大|(?:右|左)?(?:肋缘?|剑突)下[^，。]{0,4}\d)")
_SIGN = re.compile(
    r"(?P<of>[\u4e00-\u9fffa-z0-9-]{2,12}?)(?:检测|结果|均|为|呈|强|弱|反应|:|\s|可能)*(?P<sign>阳性|阴性|\(\+\)|\(-\))"
)
_LATIN_NAME = re.compile(r"(?:抗)?[a-z][a-z0-9-]*[\u4e00-\u9fff]{0,4}$")
_PAIRS = (("低血压", "高血压"), ("低血糖", "高血糖"), ("低钾血症", "高钾血症"), ("低血钾", "高血钾"), ("低热", "高热"))
_PRESSURE = re.compile(r"(?:bp|血压)[^\d，。；]{0,6}(?P<top>\d{2,3})/\d{2,3}")
_HEAT = re.compile(r"(?:体温|\bt)[^\d，。；]{0,6}(?P<heat>3[5-9](?:\.\d)?|4[0-2](?:\.\d)?)")
_LOW_PRESSURE, _HIGH_FEVER = 90, 39.0
"""mmHg below which a systolic pressure is low, ℃ from which a fever is high: 《诊断学》第9版，人民卫生出版社，2018."""
_WORSE = re.compile(r"(?<![未无不])(?:加重|恶化)")
_BETTER = re.compile(r"减轻|缓解|好转")
_OPPOSITES = (
    (Pattern("扩张|增宽|增粗"), Pattern("收缩(?!压|期)|缩窄|变窄|狭窄")),
    (Pattern("增大|肿大"), Pattern("缩小|变小|萎缩")),
    (Pattern("加重|恶化"), Pattern("减轻")),
    (Pattern("增厚"), Pattern("变薄")),
)
_AS_HISTORY = r"(?:病)?(?:病史|史|患者|病人|[1-3]级|性|，|、|。|\()"
_PATIENT = re.compile(
    r"本例|本病例|本案例|该病例|此病例|[该此本](?:病人|患者|患儿|孕妇|产妇)|主诉|主因|既往|入院|查体|体格检查|体检|专科检查|辅助检查"
    r"|(?:CT|MRI|B超|彩超|超声|X线|平片|造影|镜检?|检查|化验|血常规|尿常规|生化)(?:均)?(?:可?见|示|提示|发现|显示)"
)
_GROUNDS = re.compile(r"依据|病史分析|检查分析|病例特点|特点[为是]?[:：]|阳性体征|支持点|理由|原因[是为][:：]")
_ASKS = re.compile(r"依据|分析本|诊断要点|(?:最可能|初步|首先考虑)的?(?:的?诊断)|诊断是什么|如何解读|陈述理由|明确诊断")
_OTHER = re.compile(
    r"鉴别|治疗|原则|预防|并发症|处理|方案|随访|预后|指征|适应证|检查项目|进一步检查|应与|注意|就医|就诊|复诊|建议|下一步|监测|宣教|排除|除外"
)
_DISEASE_HEAD = re.compile(
    r"(?:^|\n)[\s\-*•\d.、()①-⑩]*[^\n:。；，]{2,18}(?:炎|癌|瘤|病|症|征|石|疝|梗阻|穿孔|骨折|出血|结核|感染|破裂|扭转|囊肿|积液|脓肿|溃疡|痔|流产|妊娠|休克|衰竭)(?:\([^)\n]{1,12}\))?:[^\n]*$"
)
_GENERAL = re.compile(
    r"多[有见为]|常[有见伴为]|往往|可[有出伴]|一般|通常|典型|表现为|早期|晚期|如果|若|是否|有无|术后|治疗后|患者多|病人多|者[,，多常可]|排除|需要?(?:考虑|除外)|不能除外|鉴别|应与|就医|就诊|出现|警惕|注意|观察|建议|需要?|应"
)
_IF = re.compile(r"如果|若(?!干)|一旦|复查|治疗后|术后|随访")
_LATER = re.compile(
    r"如果|若(?!干)|一旦|是否|有无|转[阴阳为]|复查|治疗后|术后|随访|直[至到]|目标|排除|除外|鉴别|虽然?|尽管|但|即使|无论|[阳阴]性者|仍|预防|避免|当[^，。]{1,12}时|不一定|常见|可能|需要?|建议|应"
)


@lru_cache(maxsize=1)
def _signs() -> tuple[WordList, dict[str, str]]:
    """Signs by name, and what each name stands for."""
    lines = [[read(word).text for word in line.split()] for line in read_data("signs_zh.yaml")["signs"]]
    names = {word: line[0] for line in lines for word in line}
    return WordList(names), names


@lru_cache(maxsize=256)
def _told(report: Reading) -> dict[str, bool]:
    """Things that a case report lets move one way only, by words or by figures outside their range."""
    found: dict[str, set[bool]] = {}
    for saying in sayings(report):
        if not saying.turned:
            found.setdefault(saying.noun, set()).add(saying.up)
    for match in _ENLARGED.finditer(report.text):
        found.setdefault(match.group(1) + "脏", set()).add(True)
    for noun, up in _measured(report):
        found.setdefault(noun, set()).add(up)
    if _WORSE.search(report.text) and not _BETTER.search(report.text):
        found[ILLNESS] = {True}
    return {noun: next(iter(ways)) for noun, ways in found.items() if len(ways) == 1}


def _measured(report: Reading) -> Iterator[tuple[str, bool]]:
    """Things whose figure in the report lies above or below every range that is known for it."""
    for bound in bind(report):
        if not bound.analyte or bound.quantity.kind != "value":
            continue
        value = f"{bound.quantity.values[0]:g} {bound.quantity.unit}".strip()
        try:
            ways = {meaning.direction for meaning in interpret({bound.analyte: value})}
        except UsageError:
            continue
        if len(ways) == 1 and ways <= {"high", "low"}:
            for name in analytes()[bound.analyte].zh:
                if read(name).text in things():
                    yield things()[read(name).text][0], ways == {"high"}


@lru_cache(maxsize=512)
def _results_of(text: str) -> dict[str, set[bool]]:
    """Tests and signs with their results, by their last characters."""
    found: dict[str, set[bool]] = {}
    for match in _SIGN.finditer(text):
        found.setdefault(_name_of(match["of"]), set()).add(match["sign"] in ("阳性", "(+)", "+"))
    return found


def _name_of(words: str) -> str:
    """The name of a test at the end of some words: with its Latin letters in full, else the last four characters."""
    latin = _LATIN_NAME.search(words)
    return latin.group() if latin else words[-4:]


def _results(reading: Reading, report: Reading) -> Iterator[Judged]:
    """A test that the report calls positive (or negative), and the answer the other way."""
    told = _results_of(report.text)
    for match in _SIGN.finditer(reading.text) if told else ():
        known = told.get(_name_of(match["of"]))
        if known and len(known) == 1:
            right = (match["sign"] in ("阳性", "(+)", "+")) in known
            if right or not _of_others(reading, match.start()):
                sure = right or _under_grounds(reading, match.start())
                yield Judged(match.span(), right, _ABOUT, "", sure=sure)


def _names(reading: Reading, report: Reading) -> Iterator[Judged]:
    """A disease of the report's history turned into its opposite (高血压 → 低血压)."""
    for one, other in _PAIRS:
        for said, told in ((one, other), (other, one)):
            if told not in report.text or said in report.text:
                continue
            for match in re.finditer(said + _AS_HISTORY, reading.text):
                if not _CHANGED_LATER.search(reading.sentence_at(match.start()).text):
                    yield Judged(match.span(), False, f"病例所述为{told} / the case report says {told}", "")


def _vital_signs(reading: Reading, report: Reading) -> Iterator[Judged]:
    """A pressure or temperature of the report called by the opposite word."""
    pressures = [int(match["top"]) for match in _PRESSURE.finditer(report.text)]
    heats = [float(match["heat"]) for match in _HEAT.finditer(report.text)]
    wrong = ["高血压"] if pressures and max(pressures) < _LOW_PRESSURE and "高血压" not in report.text else []
    wrong += ["低热"] if heats and min(heats) >= _HIGH_FEVER and "低热" not in report.text else []
    for word in wrong:
        for match in re.finditer(word + r"(?=[，、。；\n和及与伴])", reading.text):
            if not _of_others(reading, match.start()):
                yield Judged(match.span(), False, _ABOUT, "")


def _opposite_words(reading: Reading, report: Reading, asked: bool) -> Iterator[Judged]:
    """Words of size and course of which the report holds only the opposite, where the answer speaks of this patient."""
    for both in _OPPOSITES:
        for mine, theirs in (both, both[::-1]):
            if mine.search(report.text) or not (told := theirs.search(report.text)):
                continue
            for match in mine.finditer(reading.text):
                if _of_patient(reading, match.start(), asked):
                    about = f"病例所述为“{told.group()}” / the case report says “{told.group()}”"
                    yield Judged(match.span(), False, about, "", sure=False)


@lru_cache(maxsize=256)
def _affirmed(report: Reading) -> dict[str, bool]:
    """Complaints, signs and illnesses that a report affirms throughout, or denies throughout."""
    words, names = _signs()
    found: dict[str, set[bool]] = {}
    for start, end, word in words.find(report.text):
        found.setdefault(names[word], set()).add(not is_negated(report, start, end))
    return {name: next(iter(ways)) for name, ways in found.items() if len(ways) == 1}


@lru_cache(maxsize=512)
def _grounds(reading: Reading, asked: bool) -> tuple[tuple[int, bool], ...]:
    """Where an answer begins to give the grounds of a diagnosis, or ends to; `asked` = the case asks for them."""
    marks = [(0, asked)]
    marks += [(m.start(), True) for m in _GROUNDS.finditer(reading.text)]
    marks += [(m.start(), False) for m in _OTHER.finditer(reading.text)]
    return tuple(sorted(marks, key=lambda mark: mark[0]))


def _of_others(reading: Reading, place: int) -> bool:
    """Whether a sentence is left alone: it speaks of other diseases, of later, of what to do, or of a condition."""
    sentence = reading.sentence_at(place)
    left, right = reading.clause_at(place)
    if _LATER.search(reading.text, max(sentence.start, left - 8), right) or sentence.is_question:
        return True
    if _IF.search(reading.text, sentence.start, place):
        return True
    if _PATIENT.search(sentence.text):
        return False
    within = [mark for at, mark in _grounds(reading, True) if at <= place]
    return not within[-1] or bool(_DISEASE_HEAD.search(reading.text, 0, sentence.start + 24))


def _under_grounds(reading: Reading, place: int) -> bool:
    """Whether a sentence stands under a heading of grounds ("诊断依据") and speaks of nothing else."""
    return [mark for at, mark in _grounds(reading, False) if at <= place][-1] and not _of_others(reading, place)


def _of_patient(reading: Reading, place: int, asked: bool) -> bool:
    """Whether a sentence of the answer says what was found in this patient."""
    sentence = reading.sentence_at(place)
    left, right = reading.clause_at(place)
    if _GENERAL.search(reading.text, max(sentence.start, left - 12), right) or sentence.is_question:
        return False
    within = [mark for at, mark in _grounds(reading, asked) if at <= place]
    return bool(_PATIENT.search(sentence.text)) or (within[-1] and not _of_others(reading, place))


def _findings(reading: Reading, report: Reading) -> Iterator[Judged]:
    """Signs that the report denies and the answer affirms of this patient, or the other way round."""
    told = _affirmed(report)
    words, names = _signs()
    for start, end, word in words.find(reading.text) if told else ():
        known = told.get(names[word])
        if known is None or not _of_patient(reading, start, False) or is_conditional(reading, start, end):
            continue
        yield Judged((start, end), is_negated(reading, start, end) != known, _ABOUT, "")


@lru_cache(maxsize=512)
def against_case(reading: Reading, report: Reading) -> tuple[Judged, ...]:
    """What the case report says of a thing, said again: rightly, or turned round."""
    told = _told(report)
    asked = bool(_ASKS.search(report.text[-60:]))
    found = [*_results(reading, report), *_names(reading, report), *_findings(reading, report)]
    found += [*_vital_signs(reading, report), *_opposite_words(reading, report, asked)]
    for word in copied(reading, report):
        about = _ABOUT if word.right else f"病例所述为“{word.told}” / the case report says “{word.told}”"
        if word.right or not _of_others(reading, word.span[0]):
            sure = word.right or word.long or _under_grounds(reading, word.span[0])
            found.append(Judged(word.span, word.right, about, "", sure=sure))
    for item in restated(reading, report):
        if item.right or _of_patient(reading, item.span[0], asked):
            about = _ABOUT if item.right else f"病例所述为“{item.told}” / the case report says “{item.told}”"
            found.append(Judged(item.span, item.right, about, ""))
    for span in unreported(reading, report):
        if _of_patient(reading, span[0], asked) and not _of_others(reading, span[0]):
            found.append(Judged(span, False, "病例未提到的所见 / a finding the case does not report", "", sure=False))
    for saying in sayings(reading) if told else ():
        if saying.state and not saying.turned and saying.noun in told:
            sentence = reading.sentence_at(saying.start)
            right = told[saying.noun] == saying.up
            if right or not _CHANGED_LATER.search(sentence.text):
                found.append(Judged(spread(saying), right, _ABOUT, ""))
    return tuple(found)
