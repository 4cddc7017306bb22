"""How far a sentence speaks against a statement: opposite words, rival figures, turned polarity, the other side taken.

A mark of contradiction accuses, so single words are not enough: an opposite counts beside what it is said of, a
negation where both speak of what it denies, the side of a Chinese clause (可以, 避免) for the words of that clause.
"""

import re

from medeval.clinical.quantities import Quantity, quantity_stated
from medeval.clinical.stance import stance
from medeval.clinical.statement_words import Line, Wanted
from medeval.clinical.units import convert
from medeval.clinical.words import FIGURE

MEMBER = 0.7  # what a narrower word counts: a drug of a class
SAME_THING = 0.7  # from here on a sentence is about the same thing, so that another polarity contradicts
KIN = 0.5  # share of the words beside a figure from which on another one may stand in its place
SLIGHT = 0.3  # weight of an opposite such as usual and rare, which many sentences hold
SIDED_ZH = 0.55  # share of a Chinese statement that a sentence holds before its clauses are asked which side they take
_FORBIDS = re.compile(
    r"\b(?:do not|don't|never|avoid|should not|shouldn't|must not|not (?:be )?(?:recommended|given|used)|stop)\b"
    r"|\bcontraindicated\b"
    r"|禁|忌(?!口)|不[能可应宜得要必用]|不(?:建议|推荐|需|主张)|避免|勿|无需|无须"
)
_PERMITS = re.compile(
    r"\b(?:can|may|should|must|safe(?:ly)?|recommend\w*|advis\w+|take|use|start|give|continue|okay|fine|eat|drink|allowed|encouraged?)\b|"
    r"可以?(?!能|致|引|见|出现|有|升|降|增|减|导|发|使(?!用)|达|伴|持续|高|因|以)|能(?:够|用|吃|服|与|同|合|联)"
    r"|建议|推荐|鼓励|宜|应(?![急激])|需|必须|给予|继续|放心|安全"
)
_OPEN = re.compile(r"是否|不论|无论|不管")
_HARMS = re.compile(
    r"\b(?:cause|lead|increase|raise|worsen|risk|harm|damage)"
    r"|导致|引起|造成|诱发|加重|增加|升高|风险|损害|危害|抑制|减弱"
)
_AVOIDS = re.compile(r"\b(?:avoid|do not|don't|never|stop|should not)|避免|禁|忌(?!口)|慎|不[宜能可应要]|勿|防止")
DENIED_SIGN, BOTH_SIGNS = 2, 3  # of a word that a sentence only denies; that it affirms and denies
_MISTAKE = re.compile(r"(?:主要|常见|重要)(?:的)?原因|误区|误以为|错误")  # a sentence that tells what people do wrong
SIDE = 0.5  # what the side of a whole English sentence tells: a guess by single words


def against(wanted: Wanted, line: Line, shared: list[int], stated: frozenset[int]) -> tuple[float, float]:
    """How far a sentence speaks of the same thing, and how clearly it says the opposite; both in [0, 1].

    `shared` = places of the statement's words that the sentence holds; `stated` = those (figures behind words) that
    the answer says somewhere: an opposite or another figure contradicts these only in a sentence about the same thing.
    """
    if not shared:
        return 0.0, 0.0
    halves = wanted.halves
    held = sum([halves[place] for place in shared])
    if not held:
        return 0.0, 0.0
    members = [place for place, some in wanted.narrower if place not in shared and not some.isdisjoint(line.words)]
    alike = min(1.0, (held + MEMBER * sum([halves[place] for place in members])) / wanted.half)
    clash = _clash(wanted, line, shared, stated if alike < SAME_THING else frozenset())
    clash = 0.0 if clash < SLIGHT and alike < SAME_THING else clash
    turned = 0.0
    alone = len(wanted.words) == 1 and not wanted.text.isascii()
    if alike >= SAME_THING and (len(shared) > 1 or alone):
        other = [place for place in shared if not line.meant[wanted.words[place][0]] & wanted.words[place][2]]
        heads = {wanted.words[place][0] for place in other} & (wanted.heads | line.heads)
        if heads and not line.text.startswith("|") and not _goes_together(wanted, line, heads):
            turned = sum([halves[place] for place in other]) / held
    sides = _other_side(wanted, line, shared, held) / held if wanted.text.isascii() or alike >= SIDED_ZH else 0.0
    return alike, max(alike * max(sides, turned), min(1.0, (held + clash) / wanted.half) if clash else 0.0)


def _goes_together(wanted: Wanted, line: Line, heads: set[str]) -> bool:
    """Whether the other polarity of `heads` is no contradiction: a mention, or a warning for its reason.

    What must not be done is contradicted by allowing it, not by speaking of it; a harm is not denied by avoiding it.
    """
    if _FORBIDS.search(wanted.text):
        return not any(
            heads & keys and _PERMITS.search(clause) and not _FORBIDS.search(clause)
            for clause, keys in line.clauses
        )
    return bool(_HARMS.search(wanted.text) and _AVOIDS.search(line.text))


def _clash(wanted: Wanted, line: Line, shared: list[int], stated: frozenset[int]) -> float:
    """Weight of the gravest word or figure of the statement in whose place the sentence holds one that excludes it."""
    halves, said = wanted.halves, {key for key, sign in line.meant.items() if sign != DENIED_SIGN}
    clash = 0.0
    for place, others, beside in wanted.excluded:
        if halves[place] > clash and place not in shared and place not in stated and not others.isdisjoint(said):
            if not beside or any(
                beside & keys and others & said & keys and not _OPEN.search(clause) for clause, keys in line.clauses
            ):
                clash = halves[place]
    for number, figure in enumerate(wanted.figures if line.figures else ()):
        rival = [f for f in line.figures if _rivals(f, figure)] if len(halves) + number not in stated else []
        if rival and _of_figure(wanted, number, shared) and not any(quantity_stated(f, figure) for f in line.figures):
            clash = max(clash, FIGURE)
    return clash


def _of_figure(wanted: Wanted, number: int, shared: list[int]) -> bool:
    """Whether a sentence speaks of what a figure of the statement belongs to: half of the words of its clause."""
    words = len(wanted.words)
    here = [place for place in range(words) if wanted.parts[place] == wanted.parts[words + number]] or range(words)
    return sum(wanted.halves[place] for place in here if place in shared) >= KIN * sum(wanted.halves[p] for p in here)


def _other_side(wanted: Wanted, line: Line, shared: list[int], held: float) -> float:
    """Weight of what the sentence holds of the statement but takes the other side on."""
    if wanted.text.isascii():
        side = stance(wanted.text)
        return SIDE * held * max(0.0, -side * stance(line.text)) if side else 0.0
    keys = {wanted.words[place][0] for place in shared}
    mine = [(stance(clause), words) for clause, words in wanted.clauses]
    theirs = [(stance(clause), words) for clause, words in line.clauses] if any(side for side, _ in mine) else []
    if _MISTAKE.search(line.text):
        return 0.0
    keys = {key for key in keys if line.meant[key] != BOTH_SIGNS}  # allowed in one clause, warned of in another
    both = [keys & asked & said for side, asked in mine for other, said in theirs if side * other < 0]
    most = max((sum(wanted.halves[wanted.places[key]] for key in some) for some in both), default=0.0)
    return most if most >= KIN * held else 0.0


def _rivals(one: Quantity, other: Quantity) -> bool:
    """Whether two figures can stand for the same thing: one unit, or one number with another unit of the same kind."""
    if not (one.unit and other.unit) or one.kind != other.kind:
        return False
    if one.values == other.values and one.unit == other.unit:
        return False  # above and below one limit
    swapped = one.values == other.values and one.comparator == other.comparator
    return one.unit == other.unit or (swapped and convert(1.0, one.unit, other.unit) is not None)
