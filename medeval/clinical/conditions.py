"""Which conditions a case text supports, and whether what an answer names fits them (`data/conditions*.yaml`).

A finding weighs by how few conditions it points to (inverse document frequency); a denied one counts against. What an
answer names (diagnosis, organism, test, drug, procedure) is compared with the conditions that the case supports best.
"""

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.clinical.conditions_text import age_and_sex, condition_files, mentions, sentences_of, words_of_item
from medeval.clinical.data_files import read_data
from medeval.clinical.reading import in_chinese

Role = Literal["name", "germ", "test", "give", "avoid"]
_ROLES: tuple[Role, ...] = ("germ", "test", "give", "avoid")
ENOUGH, ENOUGH_ZH = 7.0, 12.0
"""Support below which a case says too little: less than two telling findings (in Chinese fewer words are known)."""
_AS_ONE, _ALONE = 0.5, 3.0
"""How much a finding counts as one, and how much each of its words wherever it stands."""
_FULL = 2.5
"""Power by which a finding named in part counts less: half of its words by weight are a sixth of the finding."""
_DENIED, _WORD_DENIED = 0.7, 0.3
"""What a denied word takes away, as a part of what it would give: within a finding, and alone."""
_TOGETHER = 0.25
"""Part of a finding's worth that is lost where its words are scattered over sentences."""
_BEST = 4
"""Findings that count for one condition: a long list of weak ones is no diagnosis."""
_AGAIN = 0.3
"""What each further finding with the same word adds to the word's weight for the condition."""
_LONG_LIST = 0.4
"""Power of a condition's list of words by which each of them weighs less."""
_PART = 0.35
"""Share of a finding's words, by weight, below which it tells so little that its places are not looked at."""
_SAID, _NAMED, _WEIGHT = 9.0, 3.0, {"germ": 5.0, "give": 1.5, "test": 0.8}
"""Support for a condition that the case states, or only names; that it gives by organism, treatment and test."""
_NARROW, _WIDE = 5.0, 8.0
"""Points of support by which the belief in a condition falls to 1/e."""
_SAYING = re.compile(
    r"diagnos|confirm|consistent with|suspect|suggest|due to|shows?\b|reveal|indicat|with (?:a )?(?:suspected|likely)"
    r"|诊断|考虑|提示|符合"
)
_PAST = re.compile(
    r"history of (?!present)|father|mother|brother|sister|family|years? ago|medications include|既往|(?<!现)病史|家族"
)


@dataclass(frozen=True)
class Entity:
    """Something named in a text: the words of an item, where, and for which conditions in which role it is listed."""

    words: frozenset[str]
    start: int
    end: int
    sentence: int
    denied: bool
    listed: tuple[tuple[str, Role], ...]

    def of(self, role: Role) -> frozenset[str]:
        """Conditions for which it is listed in that role."""
        return frozenset(key for key, listed in self.listed if listed == role)


@dataclass(frozen=True)
class _Index:
    """Findings as (condition, words); what a word weighs; which findings and conditions hold it; entities by a word.

    `who` has a condition, by its key.
    """

    findings: tuple[tuple[str, tuple[str, ...]], ...]
    idf: dict[str, float]
    in_finding: dict[str, tuple[int, ...]]
    in_condition: dict[str, tuple[tuple[str, float], ...]]
    whole: tuple[float, ...]
    entities: dict[frozenset[str], tuple[tuple[str, Role], ...]]
    entities_by: dict[str, list[frozenset[str]]]
    who: dict[str, str]


def _small(word: str) -> bool:
    """Whether it is a figure that any text may hold."""
    return word.isdigit() and len(word) < 3


def _items(fields: dict[str, str], field: str) -> list[tuple[str, ...]]:
    return [words for item in str(fields.get(field, "")).split(";") if (words := words_of_item(item))]


def _entities() -> dict[frozenset[str], tuple[tuple[str, Role], ...]]:
    lists = read_data("conditions_words.yaml")
    general = frozenset(words_of_item(lists["general"]))
    classes = {
        frozenset(words_of_item(name)): [frozenset(words_of_item(member)) for member in members.split(";")]
        for name, members in lists["classes"].items()
    }
    found: dict[frozenset[str], set[tuple[str, Role]]] = defaultdict(set)
    for key, fields in condition_files().items():
        names = [words_of_item(key), ("@" + key,), *_items(fields, "en")]
        for words in names:
            found[frozenset(words)].add((key, "name"))
        listed = {frozenset(words): role for role in reversed(_ROLES) for words in _items(fields, role)}
        for group, members in classes.items():
            if role_of_class := listed.get(group):
                listed = {**dict.fromkeys(members, role_of_class), **listed}
        for item, role in listed.items():
            if len(item) > 1 or not item <= general:
                found[item].add((key, role))
    return {words: tuple(sorted(listed)) for words, listed in found.items()}


@lru_cache(maxsize=1)
def _index() -> _Index:
    plain = frozenset(words_of_item(read_data("conditions_words.yaml")["plain"]))
    findings = tuple(
        (key, words)
        for key, fields in condition_files().items()
        for item in _items(fields, "has")
        if (words := tuple(word for word in item if word not in plain and not _small(word)))
    )
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    in_finding: dict[str, list[int]] = defaultdict(list)
    for number, (key, words) in enumerate(findings):
        for word in words:
            counts[word][key] += 1
            in_finding[word].append(number)
    idf = {word: math.log(1 + len(condition_files()) / len(keys)) for word, keys in counts.items()}
    size: dict[str, float] = defaultdict(float)
    for word, keys in counts.items():
        for key, n in keys.items():
            size[key] += idf[word] * (1 - _AGAIN + _AGAIN * n)
    # A condition with many findings listed is not thereby likelier: its words weigh less.
    in_condition = {
        word: tuple(
            (key, _ALONE * idf[word] * (1 - _AGAIN + _AGAIN * n) / size[key] ** _LONG_LIST) for key, n in keys.items()
        )
        for word, keys in counts.items()
    }
    entities = _entities()
    common: dict[str, int] = defaultdict(int)
    for item in entities:
        for word in item:
            common[word] += 1
    by: dict[str, list[frozenset[str]]] = defaultdict(list)
    for item in entities:
        by[min(item, key=lambda w: (common[w], w))].append(item)
    whole = tuple(sum(idf[word] for word in words) for _, words in findings)
    who = {key: str(fields.get("who", "")) for key, fields in condition_files().items()}
    holding = {word: tuple(numbers) for word, numbers in in_finding.items()}  # tuples: the collector passes them by
    return _Index(findings, idf, holding, in_condition, whole, entities, dict(by), who)


@lru_cache(maxsize=1024)
def entities_of(text: str) -> tuple[Entity, ...]:
    """What evened-out text names, sentence by sentence; an item inside a longer one of the sentence is left out."""
    index = _index()
    sentences: dict[int, dict[str, tuple[int, int, bool]]] = defaultdict(dict)
    for mention in mentions(text):
        sentences[mention.sentence].setdefault(mention.word, (mention.start, mention.end, mention.denied))
    found: list[Entity] = []
    for number, words in sentences.items():
        here: list[frozenset[str]] = []
        for word in words:
            for item in index.entities_by.get(word, ()):
                if all(other in words for other in item):
                    places = [words[other] for other in item]
                    if max(p[1] for p in places) - min(p[0] for p in places) < 25 + 18 * len(item):
                        here.append(item)
        for item in here:
            if not any(item < other for other in here):
                places = [words[other] for other in item]
                start, end = min(p[0] for p in places), max(p[1] for p in places)
                denied = any(p[2] for p in places)
                found.append(Entity(item, start, end, number, denied, index.entities[item]))
    return tuple(sorted(found, key=lambda e: (e.start, e.end, sorted(e.words))))


def _finding_scores(yes: dict[str, set[int]], no: set[str]) -> dict[str, float]:
    """Support by findings taken as wholes; the words of one count more together, most within one sentence."""
    index = _index()
    got: dict[int, float] = defaultdict(float)
    signed = {**dict.fromkeys(yes, 1.0), **dict.fromkeys(no, -_DENIED)}
    for word, sign in signed.items():
        if word in index.in_finding:
            said = sign * index.idf[word]
            for number in index.in_finding[word]:
                got[number] += said
    found: dict[str, list[float]] = defaultdict(list)
    for number, weight in got.items():
        key, words = index.findings[number]
        if weight <= 0:
            found[key].append(max(weight, -3.0) * 0.5)
            continue
        share = weight / index.whole[number]
        value = index.whole[number] * share**_FULL
        if share < _PART:
            value *= 1 - _TOGETHER / 2
        elif len(words) > 1:
            near: dict[int, float] = defaultdict(float)
            for word in words:
                for sentence in yes.get(word, ()):
                    near[sentence] += index.idf[word]
            value *= 1 - _TOGETHER + _TOGETHER * max(near.values()) / index.whole[number]
        found[key].append(value)
    return {key: values[0] if len(values) == 1 else _best_of(values) for key, values in found.items()}


def _best_of(values: list[float]) -> float:
    """The best findings of a condition together, and all that speak against it."""
    return sum(sorted([v for v in values if v > 0], reverse=True)[:_BEST]) + sum([v for v in values if v < 0])


@lru_cache(maxsize=8192)
def _suits(who: str, age: float | None, sex: str) -> float:
    """How far age and sex fit those who have the condition."""
    fit = 1.0
    if who[:1] in ("f", "m"):
        fit = 0.3 if sex and sex != who[0] else 1.0
        who = who[1:].strip()
    if who and age is not None:
        low, high = map(float, who.split("-"))
        if not low <= age <= high:
            fit *= 0.5 if min(abs(age - low), abs(age - high)) > 0.15 * max(age, 10.0) else 0.8
    return fit


def _add_named(text: str, found: dict[str, float]) -> None:
    """Adds what the case itself names: most a stated diagnosis, little what lies in the past."""
    sentences = sentences_of(text)
    pasts: dict[int, bool] = {}
    for entity in entities_of(text):
        sentence = sentences[min(entity.sentence, len(sentences) - 1)]
        if entity.sentence not in pasts:
            pasts[entity.sentence] = bool(_PAST.search(sentence))
        past = pasts[entity.sentence]
        shared: dict[str, int] = defaultdict(int)
        for _, role in entity.listed:
            shared[role] += 1
        for key, role in entity.listed:
            if role == "avoid":
                continue
            if role == "name":
                weight = _NAMED * 0.5 if past else _SAID if _SAYING.search(sentence) else _NAMED
            else:
                weight = _WEIGHT[role] / math.sqrt(shared[role]) * (0.3 if past else 1.0)
            if entity.denied:
                weight = -weight if role in ("name", "germ") else 0.0
            found[key] += weight


@lru_cache(maxsize=512)
def support(text: str) -> dict[str, float]:
    """How strongly evened-out case text supports each condition (greater than 0); empty where it says too little."""
    index = _index()
    yes: dict[str, set[int]] = defaultdict(set)
    no: set[str] = set()
    for mention in mentions(text, labs=True):
        if mention.denied:
            no.add(mention.word)
        else:
            yes[mention.word].add(mention.sentence)
    no -= yes.keys()
    found = defaultdict(float, {key: _AS_ONE * value for key, value in _finding_scores(yes, no).items()})
    for words, sign in ((yes, 1.0), (no, -_WORD_DENIED)):
        for word in words:
            for key, weight in index.in_condition.get(word, ()):
                found[key] += sign * weight
    _add_named(text, found)
    age, sex = age_and_sex(text)
    suiting = {who: _suits(who, age, sex) for who in {index.who[key] for key in found}}
    suited = {key: v * suiting[index.who[key]] for key, v in found.items() if v > 0}
    enough = ENOUGH_ZH if in_chinese(text) else ENOUGH
    return suited if max(suited.values(), default=0.0) >= enough else {}


def likelihood(scores: dict[str, float], wide: bool = False) -> dict[str, float]:
    """Shares of belief among the best-supported conditions: 8, or 20 spread more evenly where a choice is `wide`."""
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[: 20 if wide else 8]
    if not best:
        return {}
    weights = {key: math.exp((score - best[0][1]) / (_WIDE if wide else _NARROW)) for key, score in best}
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items()}
