"""A case text as words of findings: one word for one meaning in both languages, laboratory figures as words, negation.

Words are stems; a Chinese name of a condition becomes one word of its own ("@" and the condition's key).
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ahocorasick_rs import AhoCorasick, MatchKind

from medeval.clinical.data_files import read_data
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import read

_STOP = frozenset(
    "a an the of in on at to for and or with by as is are was were be been than then that this from into per his her he"
    " she it its no not has had have patient patients year years old day days week weeks month months after before"
    " during who".split()
)
_TOKEN = re.compile(r"[a-zα-ω0-9][a-zα-ω0-9'()/.+-]*[a-zα-ω0-9+]|[a-z0-9]")
_PARTS = re.compile("[-/]")
_END = re.compile(r"[.!?](?=\s|$)|[。!?;！？；\n]")
_DENIES = re.compile(
    r"\b(?:no|denies|denied|without|not|never|negative for|absent|nor|neither|absence of|rather than|lacks)\b"
    r"|(?<!有)无(?![力痛症名尿月]|(?:明显)?诱因)|否认|未见|未闻|未触|没有|不伴"
)
"""无 in 无力, 无痛性血尿, 无明显诱因出现 denies nothing of what follows."""
_DENIES_NO_MORE = re.compile(
    r"\b(?:but|however|except|although|and (?:his|her|the|she|he|an?)\b)|[，。；,;](?=[\u3400-\u9fff])"
)
_YEARS = {"year": 1.0, "month": 1 / 12, "week": 1 / 52, "day": 1 / 365, "hour": 0.0}
_AGE = re.compile(r"(\d+)[- ]?(year|month|week|day|hour)s?[- ]?old|(\d+)\s?岁")
_NEWBORN = re.compile(r"newborn|neonate|infant|新生儿")
_FEMALE = re.compile(r"\b(?:woman|girl|female|she|her|gravida|primigravida)\b|女|孕妇")
_MALE = re.compile(r"\b(?:man|boy|male|he|his)\b|男")


@dataclass(frozen=True, slots=True)
class Mention:
    """`word` at `start:end` of evened-out text, in sentence number `sentence`, `denied` by a word before it."""

    start: int
    end: int
    word: str
    sentence: int
    denied: bool


@dataclass(frozen=True)
class _Words:
    automaton: AhoCorasick
    meant: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """The stem of an English word, long enough to tell medical words apart."""
    word = word.replace("'s", "").replace("'", "")
    if word.endswith("ies") and len(word) > 5:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "xes", "shes", "ches")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            word = word[:-1] if word[-1] == word[-2] and word[-1] not in "ls" else word
            break
    word = word[:-1] if word.endswith("e") and len(word) > 4 else word
    return word[:-1] if word.endswith("y") and len(word) > 5 else word


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in _TOKEN.findall(text) if word not in _STOP)


@lru_cache(maxsize=1)
def condition_files() -> dict[str, dict[str, str]]:
    """Every condition's fields by its name; `src` is the key of a source."""
    found: dict[str, dict[str, str]] = {}
    for name in read_data("conditions.yaml")["files"]:
        data = read_data(f"conditions_{name}.yaml")
        found |= {key: {"src": data["source"], **fields} for key, fields in data["conditions"].items()}
    return found


@lru_cache(maxsize=1)
def _words() -> _Words:
    known: dict[str, tuple[str, ...]] = {}
    for word, entry in read_data("conditions_words.yaml")["words"].items():
        for name in (word, *entry.get("en", ()), *entry.get("zh", ())):
            known[read(str(name)).text] = _stems(word)
    for key, fields in condition_files().items():
        for name in fields.get("zh", "").split(";"):
            known.setdefault(read(name.strip()).text, ("@" + key,))
    known.pop("", None)
    return _Words(AhoCorasick(known, matchkind=MatchKind.LeftmostLongest), tuple(known.values()))


def _whole(text: str, start: int, end: int) -> bool:
    """Whether a Latin word begins and ends where `start:end` does."""
    first, last = text[start], text[end - 1]
    if first.isascii() and first.isalnum() and start and text[start - 1].isascii() and text[start - 1].isalnum():
        return False
    if last.isascii() and last.isalnum() and end < len(text) and text[end].isascii() and text[end].isalnum():
        return text[end] == "s" and not text[end + 1 : end + 2].isalpha()
    return True


def _known(text: str) -> tuple[list[tuple[int, int, str]], str]:
    """Words with a listed meaning, and the text without them."""
    words = _words()
    found: list[tuple[int, int, str]] = []
    rest: list[str] = []
    last = 0
    for index, start, end in words.automaton.find_matches_as_indexes(text):
        if _whole(text, start, end):
            found += [(start, end, word) for word in words.meant[index]]
            rest += (text[last:start], " " * (end - start))
            last = end
    return found, "".join([*rest, text[last:]])


@lru_cache(maxsize=1)
def _labs() -> tuple[tuple[Pattern, dict[str, object]], ...]:
    figure = (
        r")(?:\s*\([^)]{1,12}\))?(?: level| concentration| activity)?(?: is| of| was|:)?\s*(\d+\.?\d*)\s*([a-zμ/]*)"
    )
    rows = read_data("conditions_words.yaml")["labs"]
    return tuple((Pattern(r"(?<![a-z])(?:" + row["name"] + figure), row) for row in rows)


def _lab_words(text: str) -> list[tuple[int, int, str]]:
    """What the figures of an English note amount to ("hyponatremia" for Na 125)."""
    found: list[tuple[int, int, str]] = []
    for pattern, row in _labs():
        match = pattern.search(text)
        if match is None or (row.get("si") and str(row["si"]) in match.group(2)):
            continue
        value = float(match.group(1))
        value = value / 1000 if row.get("thousand") and value > 1000 else value
        meant = (
            row["below"] if value < float(str(row["low"])) else row["above"] if value > float(str(row["high"])) else ""
        )
        found += [(match.start(), match.end(), word) for word in _stems(str(meant))]
    return found


def _denied(text: str, ends: list[int]) -> list[tuple[int, int]]:
    """Stretches in the reach of a negating word: to the end of the sentence, or to a word such as "but"."""
    found = []
    for match in _DENIES.finditer(text):
        end = ends[min(bisect_right(ends, match.start()), len(ends) - 1)]
        stop = _DENIES_NO_MORE.search(text, match.end(), end)
        found.append((match.end(), stop.start() if stop else end))
    return found


def _split(text: str) -> list[tuple[int, int, str]]:
    """Words with their places; one with a hyphen or slash also by its parts."""
    found, rest = _known(text)
    for match in _TOKEN.finditer(rest):
        word = match.group()
        if word in _STOP:
            continue
        found.append((match.start(), match.end(), stem(word)))
        if "-" in word or "/" in word:
            parts = (part for part in _PARTS.split(word) if len(part) > 2 and part not in _STOP)
            found += [(match.start(), match.end(), stem(part)) for part in parts]
    found.sort()
    return found


def mentions(text: str, labs: bool = False) -> list[Mention]:
    """Every telling word of evened-out text in reading order; with `labs` also what its figures amount to."""
    ends = [*(match.end() for match in _END.finditer(text)), len(text)]
    denied = bytearray(len(text) + 1)
    for start, end in _denied(text, ends):
        denied[start:end] = b"\x01" * (end - start)
    plain = [(*place, False) for place in (_lab_words(text) if labs else ())]
    said = [(start, end, word, bool(denied[start])) for start, end, word in _split(text)]
    return [Mention(a, b, word, bisect_right(ends, a), no) for a, b, word, no in sorted(said + plain)]


def words_of_item(item: str) -> tuple[str, ...]:
    """The words of one item of the data ("chest pain radiating left arm"), each once."""
    text = item.strip()
    return tuple(dict.fromkeys([word for _, _, word in _split(text if text.isascii() else read(text).text)]))


def sentences_of(text: str) -> list[str]:
    """The sentences by the numbers that `Mention.sentence` uses."""
    ends = [0, *(match.end() for match in _END.finditer(text)), len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


def age_and_sex(text: str) -> tuple[float | None, str]:
    """Age in years and "f", "m" or "" from how a case begins."""
    start = text[:300]
    age: float | None = None
    if match := _AGE.search(start):
        age = float(match.group(1) or match.group(3)) * _YEARS[match.group(2) or "year"]
    elif _NEWBORN.search(start[:120]):
        age = 0.2
    female, male = _FEMALE.search(start), _MALE.search(start)
    if female and (not male or female.start() < male.start()):
        return age, "f"
    return age, "m" if male else ""
