"""Permission: whether a place that names an act also allows it ("可以停药" is not said by "停药后会反弹")."""

import re

from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, Span

_PERMISSIVE = re.compile(
    r"(?:您|你|患者|孩子|孕妇)?(?:可以|可(?=[吃喝服用])|能(?=[吃喝服用停])|允许|宜|建议|推荐|应该?|必须"
    r"|you can|you may|can |may )"
)
_PERMITS = Pattern(
    r"可以|可(?=[吃喝服用])|能够?|允许|没关系|没事|无妨|不妨|建议|推荐|应|宜|放心|尽管|就行|即可|必须|需要?|请|给予|先|再"
    r"|\b(?:can|may|should|fine|ok|okay|safe|recommend\w*|take|use|give)\b"
)
_WARNS = re.compile(r"风险|引起|导致|危险|是否|能否|可否|由医生|前请|之前|\b(?:risk|whether|before|cause)\b")


def only_mentions(reading: Reading, statement: str, span: Span) -> bool:
    """Whether `statement` permits something and the clauses around `span` name it without permitting it."""
    if not _PERMISSIVE.match(statement):
        return False
    left, right = reading.clause_at(span[0])[0], reading.clause_at(span[1] - 1)[1]
    clause = reading.text[left:right]
    return not _PERMITS.search(clause) or bool(_WARNS.search(clause))
