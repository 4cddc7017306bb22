"""Tests that an answer calls positive or negative, against what the books say of the disease it speaks of."""

import re
from collections.abc import Iterator
from functools import lru_cache

from medeval.clinical.knowledge import BROAD, Judged, facts, scene_before, scenes_in, scenes_of
from medeval.clinical.reading import Reading, Sentence
from medeval.clinical.word_list import WordList

_SIGNS = ("阳性", "阴性", "(+)", "(-)")
# "毒性结节性甲状腺肿TRAb阴性": said of a disease that no list holds.
_ANOTHER_ILLNESS = re.compile(
    r"[\u4e00-\u9fff]{2,}?(?:病|症|炎|癌|瘤|肿|综合征|衰竭|减退|亢进)(?=[^，。；:病症炎癌瘤肿]{0,3}$)"
)
_UNSURE = re.compile(r"不|未|无|鉴别|可为|或[阳阴]|转|假[阳阴]")
_SOME = re.compile(
    r"部分|少数|个别|约|%|早期|晚期|恢复期|有时|偶|如果|若|一旦|病例中|个案|确认"
    r"|[阳阴]性\s?[+＋/]|排除|除外|应为|须为"
)
_OPEN_RESULT = re.compile(r"(?:者|也|亦|或|时|而|且|但|并?不|的|，也?不能)")
_TEST = re.compile(r"[^，。；;:：\n]{0,16}?(?P<sign>阳性|阴性|\(\+\)|\(-\)|\(?-\)(?=[，。；]))")


@lru_cache(maxsize=1)
def _tests() -> tuple[WordList, dict[str, dict[str, tuple[bool, str]]]]:
    """Every test by name; test → disease → whether it is positive, and where that is written."""
    found: dict[str, dict[str, tuple[bool, str]]] = {}
    for scene, tests in facts()[1].items():
        for test, known in tests.items():
            found.setdefault(test, {})[scene] = known
    return WordList(found), found


def _result(
    test: str, sentence: Sentence, reading: Reading, place: int, topic: tuple[str, ...]
) -> tuple[str, bool, str]:
    """Disease, expected result and source for a test at a place; ("", False, "") where nothing is known."""
    known = _tests()[1][test]
    scenes = [word for _, word in scenes_in(sentence.text) if word in known]
    if not scenes or len({known[word][0] for word in scenes}) > 1:
        scenes = [word for word in (scene_before(reading, sentence, place, known),) if word] or (
            [] if any(w not in BROAD for _, w in scenes_in(sentence.text)) else [w for w in topic if w in known]
        )
    if not scenes or len({known[word][0] for word in scenes}) > 1:
        return "", False, ""
    return scenes[-1], *known[scenes[-1]]


def _results(reading: Reading, topic: tuple[str, ...]) -> Iterator[Judged]:
    """Tests called positive or negative, against the diseases of their sentence, of their line, else of the topic."""
    if not any(sign in reading.text for sign in _SIGNS):
        return
    for sentence in reading.sentences:
        if not any(sign in sentence.text for sign in _SIGNS):
            continue
        for first, last, name in _tests()[0].find(sentence.text):
            sign = _TEST.match(sentence.text, last)
            if sign is None or _UNSURE.search(sign.group()) or _OPEN_RESULT.match(sentence.text, sign.end()):
                continue
            if _SOME.search(sentence.text, max(0, first - 16), first) or "|" in sign.group():
                continue
            place = sentence.start + first
            scene, positive, source = _result(name, sentence, reading, place, topic)
            other = _ANOTHER_ILLNESS.search(sentence.text, max(0, first - 24), first)
            if scene and not (other and not other.group().endswith(scene)):
                right = (sign["sign"] in ("阳性", "(+)")) == positive
                yield Judged((place, sentence.start + sign.end()), right, f"{scene}：{name}", source)


@lru_cache(maxsize=1024)
def known_results(reading: Reading, topic: tuple[str, ...] = ()) -> tuple[Judged, ...]:
    """Results of tests that the books speak of, right or wrong, in order; `topic` = diseases of the case."""
    if reading.text.isascii():
        return ()
    return tuple(_results(reading, tuple(dict.fromkeys((*topic, *scenes_of(reading))))))
