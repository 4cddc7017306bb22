"""Words of a report that identify a person: found by their printed label, and blurred in anything shown or stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from medeval.clinical.data_files import read_data
from medeval.ocr.lines import lines_of
from medeval.ocr.tokens import even, part
from medeval.ocr.words import Pixels, Word

Box = tuple[float, float, float, float]
_ROLE = (
    "送检|申请|开单|开立|主管|主治|经治|接诊|检验|检测|化验|操作|审核|复核|核对|批准|报告|采样|采集|采血|接收|签收|"
    "录入|打印|诊断"
)
"""What is done by people named on a sheet."""
_OF_ROLE = "者|人员?|员|医生|医师|技师|护士|签名|签字"
_THING = (
    "病人|患者|病历|病案|病员|住院|门诊|急诊|就诊|就医|诊疗|登记|挂号|体检|医保|社保|健康|一卡通|磁卡|居民|身份证|证件|"
    "样本|标本|样品|检验|检查|影像|放射|病理|超声|处方|档案|实验|试管|流水|序列|申请单?|报告单?|化验单?|检验单|单据|医嘱|条码|条形码|护照|床位?|联系|手机"
)
_NUMBER_OF = "编号|号码|条码|条形码|卡号|单号|证号|序号|号|ID|卡|码"
_BY = (
    "Request|Order|Referr|Collect|Receiv|Verifi|Authori[sz]|Approv|Perform|Check|Review|Report|Sign|Print|Examin|Test|"
    "Validat|Enter"
)
_ALONE = r"(?<![A-Za-z])(?:{})(?![A-Za-z])"
"""An English label is a word of its own: no name in "filename", no ID in "COVID"."""
LABELS = re.compile(
    rf"姓\s*名|(?:患者|病人)(?![类男女的,、。])|(?:{_THING})\s*(?:{_NUMBER_OF})|"
    rf"(?:(?<![A-Za-z])ID|卡|编|床|帐|账)\s*号?(?=\s*[:;.]|号)|床\s*[号位]|"
    rf"出\s*生(?:\s*(?:日期|时间|年月日?)|(?=\s*[:;]))|生\s*日|身\s*份\s*证|条形?码|电\s*话|手\s*机|联系(?:方式|人|电话)|(?:家庭|现|通讯|工作)?[地住]\s*址|工作单位|家长|监护人|"
    rf"(?:{_ROLE})\s*(?:{_OF_ROLE})|"
    r"(?:检\s*验|审\s*核|复\s*核|核\s*对|操\s*作|医\s*[生师])(?=\s*[:;])|"
    + _ALONE.format(
        r"(?:Patient|Pt)(?:\s*(?:Name|ID|No))?(?!\s+(?:is|was|has|had|with|who|presents)\b)|"
        r"(?<!test )(?<!item )Name|Surname|MRN|DOB|Date\s*of\s*birth|Birth\s?(?:date|day)|"
        r"ID\s*No|Phone|Mobile|Tel|Telephone|Address|E-?mail|Accession(?:\s*(?:No|ID|Number))?|Bar\s?code|"
        r"(?:Specimen|Sample|Lab|Hospital|Record|Admission|Case|Report|Bed)\s*(?:No|ID|Number)|"
        rf"Physician|Doctor|Technician|Clinician|Pathologist|(?:{_BY})(?:ed|d)? by"
    ),
    re.IGNORECASE,
)
PLAIN = re.compile(
    r"性\s*别|年\s*龄|科\s*[别室]|病\s*区|[\u4e00-\u9fff]{0,4}科室|[样标]\s*本\s*(?:类\s*[型别]|种类|状态|性状)?(?=\s*[:;])|临床诊断|诊\s*断|备\s*注|"
    r"[\u4e00-\u9fff]{0,4}(?:时间|日期)|费\s*别|类\s*[型别]|[检项]\S{0,2}目|仪\s*器|方\s*法|医院|注(?=\s*[:;])|声明|说明|提示|建议|结论|"
    + _ALONE.format("Sex|Gender|Age|Dept|Department|Date|Time|Ward|Type|Note"),
    re.IGNORECASE,
)
"""Labels of what says nothing about who a person is."""
_ANY = re.compile(f"(?:{LABELS.pattern})|(?:{PLAIN.pattern})", re.IGNORECASE)
_FIELD = re.compile(
    r"(?P<label>[\u4e00-\u9fff][\u4e00-\u9fffA-Za-z .]{0,7}|(?<![A-Za-z])[A-Za-z][A-Za-z .]{0,23})\s*[:;]"
)
_NUMBERS = re.compile(
    r"(?<![\d.])(?:\d{17}[\dXx]|[A-Za-z]{0,3}\d{7,}|0\d{2,3}-\d{7,8}|1[3-9]\d([- ])\d{4}\1\d{4})(?![\d.]\d)"
)
"""Identity card, record, telephone; a mobile number may be printed in groups of three, four and four."""
_NO_ENTRY = " :;.·,_"
BELOW = 2.5
"""An entry beneath its label starts at most this many print heights lower, and this many to either side."""


@lru_cache(maxsize=1)
def _simplified() -> dict[int, int]:
    script = read_data("traditional.yaml")
    return str.maketrans("".join(script["traditional"].split()), "".join(script["simplified"].split()))


def _plain(word: Word) -> str:
    """The word's text, fullwidth forms and traditional characters made plain."""
    return even(word.text).translate(_simplified())


def identifying_boxes(words: Sequence[Word], table: Sequence[Box] = ()) -> list[Box]:
    """Boxes of what identifies a person: what stands behind such a label, and long numbers without one.

    Args:
        words: what was read of the sheet.
        table: boxes of its rows. Where given, outside of them every labelled entry is hidden whose label is not known
            to be harmless (`PLAIN`): a label that was misread or is not in the list must not give a name away.
    """
    found: list[Box] = []
    free = [word for word in words if not any(_inside(word.box, box) for box in table)]
    for line in map(_joined, lines_of(list(words))):
        for at, word in enumerate(line):
            if not any(_inside(word.box, box) for box in table):
                found += _entries(line, at, free, strict=bool(table))
    return found


def _joined(line: Sequence[Word]) -> list[Word]:
    """A label printed wide (姓   名) that was read as two words is one again."""
    found: list[Word] = []
    for word in line:
        last = found[-1] if found else None
        if last is not None and len(last.text) == 1 and not _ANY.match(_plain(word)):
            both = Word(last.text + word.text, (*last.box[:2], *word.box[2:]), min(last.confidence, word.confidence))
            if _ANY.match(_plain(both)):
                found[-1] = both
                continue
        found.append(word)
    return found


def _entries(line: Sequence[Word], at: int, free: Sequence[Word], strict: bool) -> list[Box]:
    word = line[at]
    text = _plain(word)
    found = [_wider(word, text, m.start(), m.end()) for m in _NUMBERS.finditer(text)]
    labels = [match.span() for match in LABELS.finditer(text)]
    if strict:
        labels += [match.span() for match in _FIELD.finditer(text) if not _is_known(text, match)]
    for _, start in labels:
        after = _ANY.search(text, start)
        end = after.start() if after else len(text)
        if text[start:end].strip(_NO_ENTRY):
            found.append(_wider(word, text, start, end))
        elif after is None and (entry := _entry_of(line, at, free)) is not None:
            found.append(entry.box)
    return found


def _is_known(text: str, field: re.Match[str]) -> bool:
    """Whether a listed label stands in this field's label; some are told by the colon that follows."""
    known = _ANY.search(text, field.start())
    return known is not None and known.start() < field.end("label")


def _entry_of(line: Sequence[Word], at: int, free: Sequence[Word]) -> Word | None:
    """What belongs to a label that ends its word: the next word of the line, else the word beneath."""
    label = line[at]
    after = next((word for word in line[at + 1 :] if word.text.strip(_NO_ENTRY + "：；")), None)
    if after is not None and not _ANY.match(_plain(after)):
        return after
    reach = BELOW * label.height
    beneath = [
        word for word in free
        if 0.5 * label.height < word.middle[1] - label.middle[1] < reach
        and min(abs(word.box[0] - label.box[0]), abs(word.middle[0] - label.middle[0])) < reach / 2
    ]  # fmt: skip
    nearest = min(beneath, key=lambda word: word.middle[1], default=None)
    return nearest if nearest is not None and not _ANY.match(_plain(nearest)) else None


def _inside(box: Box, row: Box) -> bool:
    middle = (box[1] + box[3]) / 2
    return row[1] <= middle <= row[3] and box[0] < row[2] and box[2] > row[0]


def _wider(word: Word, text: str, start: int, end: int) -> Box:
    """One character of margin on either side, rather too much than too little: letters are not equally wide."""
    left, top, right, bottom = part(word, text, max(0, start - 1), min(len(text), end + 1))
    return (left + part(word, text, start, start)[0]) / 2, top, right, bottom


def blurred(image: Pixels, boxes: Sequence[Box]) -> Pixels:
    """A copy in which the boxes cannot be read: averaged to a few blocks, then blurred."""
    picture = Image.fromarray(image)
    for left, top, right, bottom in boxes:
        area = (max(0, int(left)), max(0, int(top) - 2), min(image.shape[1], int(right) + 2), int(bottom) + 3)
        if area[2] - area[0] < 2 or area[3] - area[1] < 2:
            continue
        patch = picture.crop(area)
        flat = patch.resize((max(1, patch.width // 24), 1), Image.Resampling.BOX).resize(patch.size)
        picture.paste(flat.filter(ImageFilter.GaussianBlur(3)), area[:2])
    return np.asarray(picture)
