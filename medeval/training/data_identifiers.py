"""Finds what names a patient: identity numbers, telephone numbers, addresses, record numbers, labelled names.

A pattern finds forms, not meaning: a name without a label ("张三来院") is not found, so this is a net, not a proof of
de-identification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PATTERNS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("手机号", "mobile number", re.compile(r"(?<![\d.])1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?![\d.])")),
    ("固定电话", "telephone number", re.compile(r"(?<!\d)0\d{2,3}[-— ]\d{7,8}(?!\d)")),
    ("电子邮箱", "e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}")),
    (
        "病历号",
        "record number",
        re.compile(
            r"(?:住院号|病历号|门诊号|病案号|就诊卡号|医保卡?号|条码号|\bMRN|\bpatient id)"
            r"\s*(?:[:：#]|为|是)?\s*[A-Za-z]?\d{4,}",
            re.IGNORECASE,
        ),
    ),
    (
        "姓名",
        "labelled name",
        re.compile(
            r"(?:患者姓名|病人姓名|姓\s*名|联系人)\s*[:：]\s*[\u4e00-\u9fff·]{2,4}"
            r"|\b(?:patient name|name)\s*:\s*[A-Z][a-z]+ [A-Z][a-z]+",
        ),
    ),
    ("微信或QQ", "WeChat or QQ number", re.compile(r"(?:微信号?|QQ号?)\s*[:：]\s*[A-Za-z0-9_-]{5,}", re.IGNORECASE)),
    (
        "住址",
        "home address",
        re.compile(
            r"(?:住址|地址|家住)\s*[:：]?\s*[\u4e00-\u9fff]{2,}(?:省|市|区|县)|[\u4e00-\u9fff]{2,}(?:路|街|巷)\d+号(?:\d+室)?"
        ),
    ),
    (
        "出生日期",
        "date of birth",
        re.compile(
            r"(?:出生日期|出生年月日?|生日|date of birth|\bDOB)\s*[:：]?\s*(?:19|20)\d\d[-年/.]\d{1,2}", re.IGNORECASE
        ),
    ),
    ("社会保障号", "social security number", re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")),
)
_META_KEYS = frozenset({
    "name", "patient_name", "姓名", "phone", "mobile", "电话", "手机", "id_card", "idcard", "身份证", "身份证号",
    "address", "住址", "地址", "email", "birthday", "dob", "出生日期", "ssn", "mrn", "住院号", "病历号",
})  # fmt: skip


def find_identifiers(text: str) -> Iterator[tuple[str, str, str]]:
    """Yields (kind in Chinese, kind in English, masked find) for each thing that may name a patient."""
    for match in re.finditer(r"(?<!\d)\d{17}[\dXx](?!\d)", text):
        if is_identity_number(match.group()):
            yield "身份证号", "identity card number", masked(match.group())
    for zh, en, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield zh, en, masked(match.group())


def identifying_meta(meta: Mapping[str, Any]) -> list[str]:
    """Keys of `meta` that hold what names a patient (`patient_id`, which splits need, is not one)."""
    return [key for key, value in meta.items() if key.lower() in _META_KEYS and value]


def is_identity_number(text: str) -> bool:
    """Whether 18 characters are a Chinese identity number: a possible birth date, and the check digit of GB 11643."""
    if not ("18" <= text[6:8] <= "20" and "01" <= text[10:12] <= "12" and "01" <= text[12:14] <= "31"):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _ID_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == text[17].upper()


def masked(text: str) -> str:
    """A find as it may be shown: its first two characters."""
    return f"{text[:2]}…"
