"""The composite: all metrics of one answer, and each profile's number over what could be scored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

import medeval.metrics  # noqa: F401  registers the metrics
from medeval.cases.schema import Case
from medeval.halves import NEXT
from medeval.metrics.profiles import Profile, load_profiles
from medeval.metrics.score import Score, all_metrics
from medeval.metrics.status import descriptive

VETO_CAP = 0.2


@dataclass(frozen=True)
class ProfileScore:
    """`value` in [0, 1] or None; `parts` by name, `missing` the parts without a score, `note` for people."""

    value: float | None
    parts: dict[str, float]
    missing: tuple[str, ...]
    vetoed: bool
    note: str


@dataclass(frozen=True)
class ScoreSheet:
    """Every metric's score and every profile's, by name."""

    scores: dict[str, Score]
    profiles: dict[str, ProfileScore]


@dataclass(frozen=True)
class _Counted:
    """What every profile takes from an answer's scores: values of metrics that met their bars, vetoes, reductions."""

    values: dict[str, float]
    vetoes: tuple[str, ...]
    reduced: dict[str, float]
    kept: float


def _counted(scores: Mapping[str, Score]) -> _Counted:
    left_out = descriptive()
    values = {n: score.value for n, score in scores.items() if score.value is not None and n not in left_out}
    reduced = {name: score.keeps for name, score in scores.items() if score.keeps < 1}
    vetoes = tuple(name for name, score in scores.items() if score.veto)
    return _Counted(values, vetoes, reduced, prod(reduced.values()))


def _mean(weights: Mapping[str, float], values: Mapping[str, float]) -> float | None:
    """Weighted mean of the metrics that have a value; None where none has."""
    got = total = 0.0
    for name, weight in weights.items():
        value = values.get(name)
        if value is not None:
            got += weight * value
            total += weight
    return got / total if total else None


def _named(metrics: Iterable[str]) -> tuple[str, str]:
    """The labels of metrics in Chinese and in English; scores made elsewhere have only their name."""
    known = all_metrics()
    labels = [(known[name].zh, known[name].en) if name in known else (name, name) for name in metrics]
    return "、".join(zh for zh, _ in labels), ", ".join(en for _, en in labels)


def profile_score(profile: Profile, scores: Mapping[str, Score], profiles: Mapping[str, Profile]) -> ProfileScore:
    """The profile's weighted mean over the parts that have a score; a veto caps it at 0.2.

    Args:
        profile: what to work out.
        scores: every metric's score of the answer.
        profiles: all profiles, since a part can be another profile.
    """
    return _known_score(profile, _counted(scores), profiles, {})


def _known_score(
    profile: Profile, counted: _Counted, profiles: Mapping[str, Profile], known: dict[str, ProfileScore]
) -> ProfileScore:
    """The profile's score, from `known` where it was worked out before; else it joins them."""
    if profile.name not in known:
        known[profile.name] = _profile_score(profile, counted, profiles, known)
    return known[profile.name]


def _profile_score(
    profile: Profile, counted: _Counted, profiles: Mapping[str, Profile], known: dict[str, ProfileScore]
) -> ProfileScore:
    parts: dict[str, float] = {}
    missing: list[str] = []
    got = total = 0.0
    vetoes, values, kept = counted.vetoes, counted.values, counted.kept
    for part in profile.parts:
        if part.profile:
            value = _known_score(profiles[part.profile], counted, profiles, known).value
        else:
            value = _mean(part.metrics, values)
        if value is None:
            missing.append(part.name)
            continue
        value *= 1.0 if part.profile else kept  # a profile in a profile is reduced already
        parts[part.name] = round(value, 4)
        got += part.weight * value
        total += part.weight
    lacking = [part for part in profile.parts if part.name in missing]
    zh, en = "、".join(part.zh for part in lacking), ", ".join(part.en for part in lacking)
    notes = [f"缺少：{zh} / missing: {en}"] if missing else []
    if not total or (profile.requires_all and missing):
        return ProfileScore(
            None, parts, tuple(missing), bool(vetoes), NEXT.join(notes) or "没有可评分项 / nothing scored"
        )
    value = got / total
    for name, share in counted.reduced.items():
        zh, en = _named([name])
        notes.append(f"扣减 ×{share:g}（{zh}） / reduced ×{share:g} ({en})")
    if vetoes:
        value = min(value, VETO_CAP)
        zh, en = _named(vetoes)
        notes.insert(0, f"安全否决（{zh}），总分不超过 {VETO_CAP} / safety veto ({en}), capped at {VETO_CAP}")
    return ProfileScore(round(value, 4), parts, tuple(missing), bool(vetoes), NEXT.join(notes))


def score_answer(case: Case, text: str, extra: Mapping[str, Score] | None = None) -> ScoreSheet:
    """Scores `text` by every metric and profile; `extra` holds scores made elsewhere, such as "teacher"."""
    scores = {name: metric.function(case, text) for name, metric in all_metrics().items()}
    scores |= dict(extra or {})
    profiles = load_profiles()
    counted = _counted(scores)
    known: dict[str, ProfileScore] = {}
    return ScoreSheet(scores, {name: _known_score(p, counted, profiles, known) for name, p in profiles.items()})
