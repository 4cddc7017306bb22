"""Chinese numerals where a figure is meant: 三十八度五, 一百四, 七点二, 两周, 半小时 (not 一般, 三级, 第三天)."""

import re

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000}
_N = "[零〇一二两三四五六七八九十百千]"
_NOT_BEFORE = r"(?<![零〇一二两三四五六七八九十百千第几数每星期周初])"
_MEASURE = (
    r"毫米汞柱|毫摩|微摩|毫克|微克|克(?!拉|罗)|毫升|公斤|千克|厘米|公分|分钟|个?小时|岁|片(?!面|刻)|粒"
    r"|次/分|摄氏度|℃|%|％"
)
_SPAN = r"天(?!然|麻|花|冬|枢|突)|日(?!常|间)|周(?!围|身)|个?星期|个月|年(?!级|代|龄)|次(?!要|氯|硫)"
_MORE = r"天|日|周|个?星期|个?月|年|个?小时"
_HALF = r"(?<![一二两三四五六七八九十百个大小多日夜前后上下\d])半(?=个?小时|年(?!级)|个月|片(?!面)|粒)"
PATTERN = (
    rf"{_HALF}|{_NOT_BEFORE}{_N}{{2,4}}度[一二三四五六七八九](?![十百分度])"
    rf"|{_NOT_BEFORE}(?:三十|四十){_N}?(?:点{_N})?(?=度)"
    rf"|{_NOT_BEFORE}{_N}{{1,6}}(?:点{_N}{{1,2}})?(?=\s?(?:{_MEASURE}))"
    rf"|{_NOT_BEFORE}(?:[二两三四五六七八九]|{_N}{{2,5}})(?=\s?(?:{_SPAN}))"
    rf"|{_NOT_BEFORE}(?:[二两三四五六七八九]|{_N}{{2,3}})(?=月余(?![下留]))|{_NOT_BEFORE}一(?=(?:{_MORE})余(?![下留]))"
    rf"|{_N}{{2,6}}/{_N}{{2,6}}"
    rf"|(?<=[压糖温率酸到为是达约])(?:{_N}{{1,4}}点{_N}{{1,2}}|{_N}{{2,6}})(?![级期型种类个项步者大甲点分钟半])"
)
_PART = re.compile(_N + "+|[点度/]")


# 三四, 十七八, 四五十, 一百二三十: neighbours (and 三五) are an estimate, never digits of one number.
_DIGIT = "[一二两三四五六七八九]"
_ABOUT = re.compile(rf"(?P<high>(?:{_DIGIT}?[十百千])*)(?P<a>{_DIGIT})(?P<b>{_DIGIT})(?P<low>[十百千]?)")


def _estimate(text: str) -> str:
    """三四 as "3-4", 四五十 as "40-50"; empty where the text is no estimate."""
    match = _ABOUT.fullmatch(text)
    if match is None or _DIGITS[match["b"]] - _DIGITS[match["a"]] != 1 + (match["a"] + match["b"] == "三五"):
        return ""
    low, high = (_integer(match["high"] + match[digit] + match["low"]) for digit in "ab")
    return f"{low}-{high}"


def _integer(text: str) -> int:
    """The number of 一百四十, 一百四 (a last digit behind 百 or 千 stands for tens or hundreds), 二十 or 十二."""
    if not any(c in _PLACES for c in text):
        return int("".join(str(_DIGITS[c]) for c in text))
    total, digit, place = 0, 0, 1
    for c in text:
        if c in _PLACES:
            place = _PLACES[c]
            total += (digit or 1) * place
            digit = 0
        else:
            digit = _DIGITS[c]
            place = place if c not in "零〇" else 1
    colloquial = place // 10 if place > 10 and text[-1] in _DIGITS else 1
    return total + digit * colloquial


def arabic(text: str) -> str:
    """The figure a match of `PATTERN` stands for, as digits; 度 stays behind its number, an estimate is a range."""
    if text == "半":
        return "0.5"
    if estimate := _estimate(text):
        return estimate
    whole = ""
    for part in _PART.findall(text):
        if part == "点":
            whole += "."
        elif part in "/度":
            whole += part
        elif whole.endswith("."):
            whole += "".join(str(_DIGITS.get(c, 1)) for c in part)
        else:
            whole += str(_integer(part))
    return whole
