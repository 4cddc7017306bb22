"""Polarity: whether a mention is affirmed, negated, conditional, asked or only quoted.

Works on clauses by cue words and their reach; what is mentioned is decided elsewhere.
"""

import re
from functools import lru_cache
from typing import Literal

from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading

Mood = Literal["affirmed", "negated", "hypothetical", "question", "quoted"]

# Words that hold a negating character without negating, blanked before cues are looked for.
_INNOCENT = Pattern(
    r"有无|不仅|不但|不光|不只|不管|不论|无论|不排除|不除外|不能(?:完全)?排除|不能除外|不(?:能|容|可|要|应)(?:忽视|忽略|轻视|掉以轻心|大意)"
    r"|不一定|不同|不适|不舒服|不良|不足|不久|不断|不妨|不错|不少|不稳|不明|不安|不佳|不规律|不耐受|不得不|不客气|不全|不清"
    r"|不超过|不低于|不高于|不少于|不大于|不小于|不(?:必|用|要)(?:过于|过度|太)?(?:担心|紧张|害怕|着急|焦虑|惊慌|恐慌|担忧)"
    r"|别(?:太|过于)?(?:担心|紧张|害怕|着急|焦虑|慌)|差别|特别|分别|区别|级别|性别|类别|个别|识别|鉴别|别人|别的|别墅"
    r"|无法|无症状|非常|非同日|非药物|非甾体|非处方|并非没有|未来|没关系|没问题|忌口|无糖|不要紧|不容易|不知道|不清楚|不了解"
    r"|必不可少|密不可分|除非|别嘌|没药|没食子|(?<!属于)(?<!相对)(?<!绝对)(?<![属为是])禁忌(?![使服饮食吸运剧热冷烟酒合联同])|无(?:创|菌|痛(?=[分人胃肠])|毒|水(?=酒|乙)|氧|烟|铅|线|脑|力|精|尿|疑|意|助(?!于)|望|数|名|精子症)|不(?:规则|正(?!常)|慎|详|限于|够|绝|可(?:避免|或缺|缺少|分割|替代)|孕|育|全|典型|随意|自主|饱和|定期|定时|锈|振|宁|畅|调|遂|均|对称|协调|完全|可逆|由|禁|止)"
    r"|未(?:成年|成熟|婚|必|知|病)|非(?:特异|典型|霍奇金|小细胞|结核|侵入|手术|感染|酒精|瓣膜|梗阻|酮症|免疫|阻塞|对称|线性|ST段|st段)|禁[欲声]|停经|停搏|停滞"
    r"|不是没有|不得超过|不能超过|不可超过|不要超过|不应超过|不宜超过|不然"
    r"|not only|no doubt|can(?:no|')t (?:rule out|exclude)|not rule out|no matter|no more than|not exceed|not yet clear"
    r"|if not(?: yet| already)?\b"
)
_NEGATION = Pattern(
    r"并不|并非|不|没有?|无(?!线)|未|勿|别|避免|禁忌|禁|忌|停(?!止使用时)|排除|否认|缺乏|而非|非(?=[\u4e00-\u9fff])"
    r"|\b(?:not|no|without|never|avoid(?:ing|ed|s)?|don't|doesn't|isn't|aren't|cannot|can't|shouldn't|won't|denies|nor|neither"
    r"|negative for|rather than|instead of|rules? out|ruled out|stop|unlikely"
    r"|(?:(?<=advise )|(?<=advises )|(?<=advised )|(?<=recommend )|(?<=recommends )|(?<=recommended )|(?<=caution )"
    r"|(?<=warn )|(?<=warns )|(?<=warned )|(?<=decide )|(?<=decided ))against)\b"
)
_BREAK = Pattern(
    r"(?<![不未没])(?<!不可能)会|(?<!不会)(?<!不)(?:导致|引起)|可致|但|而是|却|不过|反而|然而|就是|(?<![不无没未需])(?:应该|应当|应|建议|请|务必|必须)|(?<![不无未没])需要?|\bbut\b|\bhowever\b|\bplease\b"
)
_NEGATED_AFTER = re.compile(
    r"^(?![到来])[^，,。;；]{0,6}?(?:可以?排除|不成立|可能性(?:不大|较小|很小|小|低|不高)|不支持|依据不足|证据不足|(?:并|还)?(?:未|没有?)达到?"
    r"|阴性|是?禁用|是?禁忌|不宜|不能|不可|避免|不推荐|不建议|不要|不需要"
    r"|is ruled out|(?:is|are) (?:unlikely|contraindicated|not)"
    r"|should (?:not|be avoided))"
)
_CONDITION = Pattern(
    r"如果|若(?!干)|假如|倘若|要是|一旦|万一|除非|如(?=出现|有|发|伴|症|持续|血|体|疼|胸|再|仍|超|高|不|您|你|合并|头|呼|病|伴|反复|突|[^，。；\n]{1,24}(?:肿胀|困难|加重|抽搐|剧烈|昏迷|晕厥))"
    r"|当[^，。]{0,20}?时|(?<![^，,。；;\n、:\s*•旦若如当仍再时或后-])出现[^。]{0,40}?(?:时|的话|应|请|需|要|立即|及时|马上|尽快|拨打|则|就医)|(?:发现|怀疑|遇到|伴有)[^，。]{0,20}?时|的话"
    r"|(?:以下|下列|上述)(?:任何|任一)?(?:情况|症状|表现|信号)|(?:加重|恶化|不缓解|不退|没有好转|不好转)(?:时|者|[,，]|请|应|需|要|立即|及时|尽快|则)"
    r"|(?:必要|严重|紧急)时|严重者|怀疑时|是否|是不是|会不会|有没有"
    r"|\bif\b|\bunless\b|\bshould you\b|\bwhen(?:ever)?\b|\bin case\b|\bwhether\b"
)
_CONDITION_AFTER = re.compile(r"\b(?:if|unless|should you)\b|[,，]?(?:如果|若|一旦)")
_PREVENTION = re.compile(
    r"(?:预防|防止|以防|以免|避免|降低|减少|减小|发展为|发展成|进展为|进展成|演变为|转为|变成|增加|导致|引起|诱发"
    r"|prevent(?:ing)?|risk of|lead to|develop(?:ing)?)"
    r"[^，。;]{0,6}$"
)
_BELIEVING = Pattern(r"(?:您|你|患者|病人)(?:自己)?(?:担心|怀疑|觉得|认为|以为|问)(?!的)|you (?:asked|worry|think)")
_REPORTING = re.compile(
    r"(?:您|你|患者|病人)(?:所)?(?:说|提到|提及|描述)的?[^，,]{0,4}$|you (?:said|mentioned)[^,]{0,12}$"
)
_QUOTED = re.compile(r"[“「『\"][^”」』\"]{1,60}[”」』\"]")
_REACH = 16
_FAR = 240  # characters in which a condition is looked for; a sentence can be a whole page


@lru_cache(maxsize=4096)
def _blanked(text: str) -> str:
    return _INNOCENT.sub(lambda match: "＿" * len(match.group()), text)


def _clause_bounds(reading: Reading, start: int) -> tuple[int, int]:
    left, right = reading.clause_at(start)
    sentence = reading.sentence_at(start)  # a full stop of Latin script ends no clause of `reading`
    left, right = max(left, sentence.start), min(right, sentence.end)
    colon = reading.text.rfind(":", left, start)
    return max(left, colon + 1), right


def negations(text: str) -> int:
    """How many negating words a short text holds, innocent ones aside."""
    return sum(1 for _ in _NEGATION.finditer(_blanked(text)))


def cues(text: str) -> tuple[list[int], list[int]]:
    """Where evened-out text negates, and where a word such as 但 ends the reach of what came before."""
    blanked = _blanked(text)
    negating = [match.start() for match in _NEGATION.finditer(blanked)]
    return negating, [match.start() for match in _BREAK.finditer(blanked)]


@lru_cache(maxsize=2048)
def is_negated(reading: Reading, start: int, end: int) -> bool:
    """Whether the mention `start:end` stands in the reach of a negating word of its clause."""
    left, right = _clause_bounds(reading, start)
    before = _blanked(reading.text[left:start])[-_REACH * (4 if reading.text[left:start].isascii() else 1) :]
    last_break = max((match.end() for match in _BREAK.finditer(before)), default=0)
    count = sum(1 for _ in _NEGATION.finditer(before, last_break))
    if count % 2:
        return True
    return bool(_NEGATED_AFTER.match(_blanked(reading.text[end:right]))) and not count


@lru_cache(maxsize=2048)
def is_conditional(reading: Reading, start: int, end: int) -> bool:
    """Whether the sentence makes the mention depend on something ("如果…", "出现…时", "if …")."""
    sentence = reading.sentence_at(start)
    if _CONDITION.search(reading.text, max(sentence.start, start - _FAR), start + 1):
        return True
    return bool(_CONDITION_AFTER.match(reading.text[end : sentence.end].lstrip()[:60])) or bool(
        re.search(r"^[^,，。]{0,60}\b(?:if|unless)\b", reading.text[end : sentence.end])
    )


def is_prevention(reading: Reading, start: int) -> bool:
    """Whether the mention is something to prevent or a mere risk, not a statement about the patient."""
    return bool(_PREVENTION.search(reading.text, max(0, start - 14), start))


@lru_cache(maxsize=2048)
def is_quoted(reading: Reading, start: int, end: int) -> bool:
    """Whether the words are the patient's own, repeated."""
    left, _ = _clause_bounds(reading, start)
    if _BELIEVING.search(reading.text, left, start) or _REPORTING.search(reading.text[left:start]):
        return True
    sentence = reading.sentence_at(start)
    quotes = _QUOTED.finditer(reading.text, sentence.start, sentence.end)
    return any(match.start() < start and end < match.end() for match in quotes)


@lru_cache(maxsize=2048)
def mood(reading: Reading, start: int, end: int) -> Mood:
    """How the mention `start:end` of `reading.text` is meant."""
    if reading.sentence_at(start).is_question:
        return "question"
    if is_conditional(reading, start, end):
        return "hypothetical"
    if is_quoted(reading, start, end):
        return "quoted"
    return "negated" if is_negated(reading, start, end) else "affirmed"
