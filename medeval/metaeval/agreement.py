"""Human agreement: does the entailment layer tell claims that physicians call entailed or contradicted from others?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medeval.metaeval.figures import Figure, auc
from medeval.metaeval.items import Claim

Weigh = Callable[[Claim], tuple[float, float]]
"""(support, contradiction) of a claim by an answer, each higher the surer."""


@dataclass(frozen=True)
class Judged:
    """A claim with what the rules say about it."""

    claim: Claim
    support: float
    contradiction: float


def weigh_by_rules(claim: Claim) -> tuple[float, float]:
    """What the entailment layer says (`medeval.clinical.support`)."""
    from medeval.clinical.reading import read
    from medeval.clinical.support import support

    found = support(read(claim.answer), claim.text, claim.case.prompt)
    return found.degree, found.contradiction


def judge(claims: Sequence[Claim], weigh: Weigh = weigh_by_rules) -> list[Judged]:
    """Every claim weighed."""
    return [Judged(claim, *weigh(claim)) for claim in claims]


def entailment_auc(judged: Sequence[Judged]) -> Figure:
    """Support of entailed claims against all others, by physicians' majority."""
    return auc([(j.claim.cluster, j.support, j.claim.majority == "Entailment") for j in judged])


def contradiction_auc(judged: Sequence[Judged]) -> Figure:
    """Contradiction of contradicted claims against all others, by physicians' majority."""
    return auc([(j.claim.cluster, j.contradiction, j.claim.majority == "Contradiction") for j in judged])
