"""Stance: whether a sentence speaks for its subject (safe, can, recommended) or against it (not, avoid, caution).

Each negating word turns the word behind it round; conditions and relative clauses are left out.
"""

from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.patterns import Pattern
from medeval.clinical.word_list import WordList

_SIDE_CLAUSE = Pattern(
    r"\b(?:if|when|whenever|unless|in cases? (?:of|where)|who|whom|whose|which"
    r"|that (?:do|does|did|can|is|are|has|have)\b)\b[^,.;:]*"
    r"|(?<=的)建议|建议(?=[，,。；;、等和]|$)|(?:如果|若|一旦|当)[^，,。；;]*|出现[^，,。；;]{0,12}时(?!间)|(?:适用|适合|适宜)[和与及或]不(?:宜|适合?|能)[^，,。；;]*"
    r"|不[可能要得应宜][^，,。；;]{0,4}(?:自行|擅自|随意|突然|骤然)[^，,。；;]*|[^，,。；;]{0,12}[不未无][^，,。；;]{1,8}(?:时(?!间)|者)"
    r"|\bno (?:more|less|doubt|matter)\b"
    r"|\bnot (?:only|all|just|yet|necessarily|fully|completely|entirely|always|well)\b"
)
_TURN = Pattern(r"\b(?:not|no|never|cannot|can't|don't|doesn't|isn't|aren't|won't|shouldn't|without|neither|nor|n't)\b")
_TURN_ZH = Pattern(r"不(?!良|适|同|足|仅|断|但|明|稳|规)|没有|未|无(?!症|论)|非(?!处方|甾)|勿|别(?!是)")
_REACH = 40
_REACH_ZH = 8


_STOPS_ITSELF = frozenset("经搏滞顿留电")


def _begins(text: str, start: int, end: int) -> bool:
    """Whether a Latin word begins where the one found does; 停 is what someone does (not 停经)."""
    if text[start] == "停" and text[end : end + 1] in _STOPS_ITSELF:
        return False
    return not (text[start].isascii() and start and (text[start - 1].isalnum() or text[start - 1] == "_"))


@lru_cache(maxsize=1)
def _sides() -> tuple[WordList, WordList]:
    data = read_data("words.yaml")["stance"]
    return WordList(data["for"], _begins), WordList(data["against"], _begins)


@lru_cache(maxsize=8192)
def stance(text: str) -> float:
    """From -1 (against) to 1 (for) of an evened-out sentence; 0 where it takes no side."""
    main = _SIDE_CLAUSE.sub(lambda _: " ", text)
    favour, against = _sides()
    latin = main.isascii()
    turns = [m.end() for m in (_TURN if latin else _TURN_ZH).finditer(main)]
    reach = _REACH if latin else _REACH_ZH
    used: set[int] = set()
    score = weight = 0.0
    for sign, words in ((1.0, favour), (-1.0, against)):
        for start, *_ in words.find(main):
            before = [t for t in turns if 0 <= start - t <= reach]
            used.update(before)
            score += -sign if len(before) % 2 else sign
            weight += 1.0
    loose = len([t for t in turns if t not in used])
    score -= loose
    weight += loose
    return score / weight if weight else 0.0
