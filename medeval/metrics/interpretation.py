"""data_interpretation: does the answer say of each figure what the guideline (or the printed range) says?"""

from medeval.cases.schema import Case
from medeval.clinical.claims import ALL, REST, Claim, claims_of
from medeval.clinical.reading import Reading, read
from medeval.clinical.retelling import retold
from medeval.halves import NEXT
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric
from medeval.metrics.soundness import KEPT, judged_of, note_of
from medeval.metrics.targets import GLUCOSE, Meaning, is_asked, is_description, meanings_of, quoting
from medeval.metrics.verdicts import DIRECTION_WORDS, accepted_words, truth, verdict

DIRECTION_ONLY = 0.7
CONTRADICTED = 0.3
MISQUOTED = 0.3


def _about(claim: Claim, meaning: Meaning, alone: bool) -> bool:
    if claim.quantity in (REST, ALL):
        return False
    target = meaning.target
    if claim.quantity and target.quantity in claim.quantity.split("|"):
        return True
    if claim.kind == "direction" and claim.quantity and claim.analyte in target.keys:
        return True
    generic = claim.quantity in ("", "glucose") or not claim.analyte
    return alone and (generic or (claim.quantity in GLUCOSE and target.quantity in GLUCOSE and claim.kind == "class"))


def _judge(case: Case, reading: Reading, meaning: Meaning, claims: list[Claim], marks: Marks) -> tuple[float, str]:
    accepted = accepted_words(reading, meaning, case)
    seen: set[str] = set()
    given = meaning.target.text
    for claim in claims:
        said = verdict(claim, meaning, accepted)
        seen.add(said)
        if said == "right_class":
            sources = NEXT.join(dict.fromkeys(accepted[claim.word]))
            marks.good(claim.start, claim.end, f"分类正确 / right class · {sources}")
        elif said == "right_direction":
            direction = DIRECTION_WORDS.get(claim.word, claim.word)
            marks.good(claim.start, claim.end, f"高低判断正确 / right direction · {direction}")
        elif said == "wrong":
            marks.bad(claim.start, claim.end, f"与 {given} 不符 / contradicts {given} · {truth(meaning)}")
    value = 0.0
    if "right_class" in seen or (
        "right_direction" in seen and (not meaning.has_classes or "normal" in meaning.directions)
    ):
        value = 1.0
    elif "right_direction" in seen:
        value = DIRECTION_ONLY
    if "wrong" in seen:
        value = min(value, CONTRADICTED)
    quoted = quoting(reading, meaning.target, echoes(case, reading))
    for bound in quoted.wrong:
        note = f"数值或单位与病例不符：{given} / not the patient's figure: {given}"
        marks.bad(bound.quantity.start, bound.quantity.end, note)
        value = min(value, MISQUOTED)
    for bound in quoted.right[:1] if value >= DIRECTION_ONLY else ():
        marks.good(bound.quantity.start, bound.quantity.end, "所解读的数值 / the figure interpreted")
    wrong = "wrong" in seen or quoted.wrong
    zh, en = ("错误", "wrong") if wrong else ("正确", "right") if value else ("未解读", "not interpreted")
    name_zh, name_en = meaning.target.names
    return value, f"{f'{name_zh} {given}'.strip()}：{zh} / {f'{name_en} {given}'.strip()}: {en}"


_last: tuple[Case, str, Score] | None = None


def latest_interpretation(case: Case, text: str) -> Score:
    """`data_interpretation`, computed once where it was just asked for of the very same case and text."""
    known = _last
    if known is not None and known[0] is case and known[1] == text:
        return known[2]
    return data_interpretation(case, text)


@metric(name="data_interpretation", zh="数据解读", en="Data interpretation", seed="数据解读准确率：实验结果解读正确性")
def data_interpretation(case: Case, text: str) -> Score:
    """Mean over the patient's abnormal figures (and normal ones the answer judges) of how rightly they are read."""
    global _last
    score = _interpretation(case, text)
    _last = (case, text, score)
    return score


def _interpretation(case: Case, text: str) -> Score:
    meanings = meanings_of(case)
    reading = read(text)
    marks = Marks(reading)
    skip = echoes(case, reading)
    told, story = _retelling(case, reading, skip, marks)
    if not meanings and told is None:
        return Score.unscored("病例没有可解读的数值 / the case holds no figure to interpret")
    value, reason = _figures(case, reading, skip, meanings, marks)
    if value is None and told is None:
        return Score.unscored(reason)
    parts = [part for part in (value, told) if part is not None]
    reasons = [part for part in (reason if value is not None else "", story) if part]
    wrong = {one.span: one for one in judged_of(case, reading) if one.measured and one.sure and not one.right}
    for span, one in wrong.items():
        marks.bad(*span, f"与已知相反 / contradicts what is known · {note_of(one)}")
    if wrong:
        reasons.append(f"与已知相反 {len(wrong)} / contradictions of what is known {len(wrong)}")
    return marks.score(sum(parts) / len(parts) * KEPT ** len(wrong) * reading.worth, " · ".join(reasons))


def _retelling(case: Case, reading: Reading, skip: frozenset[int], marks: Marks) -> tuple[float | None, str]:
    """Share of the findings of a case report that the answer repeats without turning them round."""
    if not is_description(case.prompt):
        return None, ""
    found = [r for r in retold(reading, read(case.prompt)) if reading.sentence_at(r.span[0]).start not in skip]
    if not found:
        return None, ""
    for item in found:
        if not item.right:
            marks.bad(*item.span, "与病例描述相反 / turns a finding of the case round")
    right = sum(item.right for item in found)
    return right / len(found), f"复述所见 {right}/{len(found)} 一致 / findings retold rightly {right}/{len(found)}"


def _figures(
    case: Case, reading: Reading, skip: frozenset[int], meanings: tuple[Meaning, ...], marks: Marks
) -> tuple[float | None, str]:
    claims = [c for c in claims_of(reading) if reading.sentence_at(c.start).start not in skip]
    asked = [m for m in meanings if is_asked(case, m.target)]
    abnormal = [m for m in asked if "normal" not in m.directions or m.interpretations]
    required = abnormal or asked
    values, reasons = [], []
    overall = [c for c in claims if c.quantity in (ALL, REST) and not c.negated]
    for meaning in meanings:
        mine = [c for c in claims if _about(c, meaning, len(meanings) == 1)]
        if meaning not in required and not mine:
            continue
        if not mine and meaning.directions == {"normal"} and overall:
            values.append(1.0)
            marks.good(overall[0].start, overall[0].end, "正常项判断正确 / normal rows named normal")
            continue
        value, reason = _judge(case, reading, meaning, mine, marks)
        values.append(value)
        reasons.append(reason)
    for claim in overall:
        if claim.quantity == ALL and any("normal" not in m.directions for m in meanings):
            marks.bad(claim.start, claim.end, "有异常项却称全部正常 / calls all normal though some are not")
            values.append(0.0)
    if not values and not required:
        return None, "本例不要求解读数值，回答也未解读 / no figure had to be interpreted, none was"
    value = sum(values) / len(values) if values else 0.0
    return value, " · ".join(reasons) or "正常项判断正确 / normal rows right"
