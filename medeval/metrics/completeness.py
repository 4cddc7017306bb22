"""completeness: what the answer must say is said, and what it must not say is not."""

from medeval.cases.schema import AnyOf, Case, Statement
from medeval.clinical.entailment import entails
from medeval.clinical.reading import Reading, Span, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric


def _options(statement: Statement) -> list[str]:
    return list(statement.any) if isinstance(statement, AnyOf) else [statement]


def _stated(reading: Reading, statement: Statement, skip: frozenset[int], banned: bool) -> tuple[str, Span] | None:
    for option in _options(statement):
        span = entails(reading, option, skip, conditional=not banned, strict=banned)
        if span:
            return option, span
    return None


@metric(name="completeness", zh="完整性", en="Completeness", seed="完整性评分：是否遗漏关键信息")
def completeness(case: Case, text: str) -> Score:
    """Share of must_have stated, halved for every must_not asserted; 1 before halving where no must_have is listed."""
    wanted, banned = case.expect.must_have, case.expect.must_not
    if not wanted and not banned:
        return Score.unscored("病例没有列出要点 / the case lists no key points")
    reading = read(text)
    if not reading.text.strip():
        return Score(0.0, "没有回答 / no answer")
    marks = Marks(reading)
    skip = echoes(case, reading)
    missing, asserted = [], []
    for statement in wanted:
        found = _stated(reading, statement, skip, banned=False)
        if found:
            marks.good(*found[1], f"要点 / key point: {found[0]}")
        else:
            missing.append(_options(statement)[0])
    for statement in banned:
        found = _stated(reading, statement, skip, banned=True)
        if found:
            marks.bad(*found[1], f"不应出现 / must not be said: {found[0]}")
            asserted.append(found[0])
    value = (len(wanted) - len(missing)) / len(wanted) if wanted else 1.0
    value *= 0.5 ** len(asserted) * (0.3 if reading.is_listing else 1.0)
    parts = [f"要点 {len(wanted) - len(missing)}/{len(wanted)} / key points"]
    parts += [f"缺少 / missing: {'；'.join(missing)}"] if missing else []
    parts += [f"不应出现 / must not: {'；'.join(asserted)}"] if asserted else []
    return marks.score(value, "。".join(parts))
