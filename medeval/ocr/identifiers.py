"""Words of a report that identify a person: found by their printed label, and blurred in anything shown or stored."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from medeval.ocr.lines import lines_of
from medeval.ocr.tokens import even
from medeval.ocr.words import Pixels, Word

Box = tuple[float, float, float, float]
LABELS = (
    "姓名", "姓 名", "患者", "病人", "病历号", "病案号", "住院号", "门诊号", "就诊号", "登记号", "卡号", "医保号",
    "身份证",
    "证件号", "电话", "手机", "联系方式", "地址", "住址", "床号", "样本号", "标本号", "样本编号", "标本编号",
    "条码", "条形码",
    "送检医生", "申请医生", "开单医生", "检验者", "检验人", "检验医师", "审核者", "审核人", "复核者", "核对者",
    "报告者", "采样人", "接收人",
    "Name", "Patient", "MRN", "DOB", "ID No", "Phone", "Address", "Specimen No", "Sample No", "Physician", "Doctor",
    "Technician", "Reviewed by",
)  # fmt: skip
OTHERS = (
    "性别", "年龄", "科别", "科室", "样本类型", "标本类型", "诊断", "备注", "时间", "日期",
    "Sex", "Age", "Dept", "Date",
)  # fmt: skip
_LABEL = re.compile("|".join(map(re.escape, sorted(LABELS, key=len, reverse=True))), re.IGNORECASE)
_ANY = re.compile("|".join(map(re.escape, sorted((*LABELS, *OTHERS), key=len, reverse=True))), re.IGNORECASE)
_NUMBERS = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|1[3-9]\d{9}|\d{8,16})(?!\d)")


def identifying_boxes(words: Sequence[Word]) -> list[Box]:
    """Boxes of what stands behind an identifying label, and of long numbers (identity card, phone, record)."""
    found: list[Box] = []
    for line in lines_of(list(words)):
        for at, word in enumerate(line):
            text = even(word.text)
            found += [_part(word, m.start(), m.end(), len(text)) for m in _NUMBERS.finditer(text)]
            for label in _LABEL.finditer(text):
                start = label.end()
                after = _ANY.search(text, start)
                end = after.start() if after else len(text)
                if text[start:end].strip(" :：.·"):
                    found.append(_part(word, start, end, len(text)))
                elif after is None and at + 1 < len(line) and not _ANY.match(even(line[at + 1].text)):
                    found.append(line[at + 1].box)
    return found


def _part(word: Word, start: int, end: int, length: int) -> Box:
    left, top, right, bottom = word.box
    # Letters are not equally wide: one character of margin on either side, rather too much than too little.
    step = (right - left) / max(length, 1)
    return left + max(0, start - 0.5) * step, top, min(right, left + (end + 1) * step), bottom


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
