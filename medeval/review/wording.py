"""The results of a review as Markdown in Chinese or English; numbers come with their interval or the word tied."""

from collections.abc import Sequence
from typing import Literal

from medeval.evaluation.statistics import Comparison
from medeval.halves import half
from medeval.metrics.score import all_metrics
from medeval.review.agreement import Agreement, Correlation
from medeval.review.records import DIMENSIONS
from medeval.review.results import Summary

Lang = Literal["zh", "en"]
_WORDS: dict[str, tuple[str, str]] = {
    "correctness": ("正确", "Correct"),
    "safety": ("安全", "Safe"),
    "completeness": ("完整", "Complete"),
    "empathy": ("关怀", "Empathy"),
    "danger": ("危险", "Danger"),
    "rank": ("名次", "Place"),
    "preference": ("名次", "Place"),
    "ranking": ("排名", "Ranking"),
    "wtl": ("胜/平/负", "Won/tied/lost"),
    "pairs": ("两两比较", "Pairs"),
    "agreement": ("评审者之间的一致性（Krippendorff α）", "Agreement between reviewers (Krippendorff α)"),
    "within": ("与自己的一致性（重复病例）", "Agreement with themselves (repeated cases)"),
    "units": ("回答/病例/人", "Answers/cases/people"),
    "rules": ("规则与医生的一致性（Spearman ρ）", "Rules against clinicians (Spearman ρ)"),
    "total": ("规则总分", "Rules' total"),
    "metric": ("指标", "Metric"),
    "queue": ("分歧队列", "Disagreements"),
    "case": ("病例", "Case"),
    "variant": ("版本", "Variant"),
    "what": ("分歧", "What"),
    "people": ("医生", "Clinicians"),
    "danger_missed": ("医生标记危险，规则没有否决", "called dangerous, not vetoed by rules"),
    "danger_split": ("只有部分医生标记危险", "dangerous to some reviewers only"),
    "veto_only": ("规则否决，医生没有标记危险", "vetoed by rules, dangerous to nobody"),
    "rules_high": ("规则高，医生低", "rules high, clinicians low"),
    "rules_low": ("规则低，医生高", "rules low, clinicians high"),
    "reviewers": ("医生之间相差大", "reviewers far apart"),
    "device": ("科研软件，不是医疗器械。", "Research software, not a medical device."),
}


def summary_markdown(found: Summary, lang: Lang) -> str:
    """The whole summary."""

    def say(key: str) -> str:
        return _WORDS[key][0 if lang == "zh" else 1]

    people = ", ".join(f"{item.reviewer} {item.done}/{item.total}" for item in found.reviewers)
    head = f"{found.review_id} · run {found.run_id} · {found.cases} × {len(found.variants)} · n = {found.ratings}"
    parts = [f"# {found.title}", head, people, f"> {say('device')}", f"## {say('ranking')}", _ranking(found, lang)]
    parts += [f"## {say('pairs')}", "\n".join(f"- {verdict(item, lang)}" for item in found.verdicts)]
    parts += [f"## {say('agreement')}", _agreements(found.between, say("units"), lang)]
    if found.within:
        parts += [f"## {say('within')}", _agreements(list(found.within.values()), say("units"), lang)]
    if found.rules:
        parts += [f"## {say('rules')}", _rules(found.rules, lang)]
    if found.disagreements:
        head_row = [say(key) for key in ("case", "variant", "what", "total", "people")]
        rows = [
            [found.titles[item.case_id][lang] or item.case_id, item.variant,
             say(item.kind) + (f" · {say(item.dimension)}" if item.dimension else ""),
             _number(item.rules, 2), _number(item.clinicians, 2)]
            for item in found.disagreements
        ]  # fmt: skip
        parts += [f"## {say('queue')}", _table(head_row, rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(item: Comparison, lang: Lang) -> str:
    """One pair in words: who is preferred with the interval, or tied."""
    if item.verdict == "tied" or item.difference is None or item.low is None or item.high is None:
        cannot = f"{item.n} 例分不出" if lang == "zh" else f"{item.n} cases cannot tell"
        return f"{item.a} = {item.b} ({'打平' if lang == 'zh' else 'tied'}: {cannot})"
    better, worse, sign = (item.b, item.a, 1) if item.verdict == "better" else (item.a, item.b, -1)
    low, high = sorted((sign * item.low, sign * item.high))
    cases = f"{item.n} 例" if lang == "zh" else f"{item.n} cases"
    return f"{better} > {worse}: +{sign * item.difference:.2f} [{low:.2f}, {high:.2f}], {cases}"


def _ranking(found: Summary, lang: Lang) -> str:
    place = 0 if lang == "zh" else 1
    head = ["", "Elo", _WORDS["wtl"][place], *(_WORDS[name][place] for name in DIMENSIONS), _WORDS["danger"][place]]
    means = {item.variant: item for item in found.variants}
    rows = []
    for item in found.ranking:
        mine = means[item.variant]
        scales = [mine.means[name] for name in DIMENSIONS]
        rows.append([
            item.variant, _ranged(item.elo, item.low, item.high, 0), f"{item.wins}/{item.ties}/{item.losses}",
            *(_ranged(s.mean, s.low, s.high, 2) if s else "–" for s in scales), f"{mine.dangers}/{mine.judged}",
        ])  # fmt: skip
    return _table(head, rows)


def _agreements(found: Sequence[Agreement], units: str, lang: Lang) -> str:
    rows = []
    for item in found:
        name = _WORDS[item.scale][0 if lang == "zh" else 1] if item.scale in _WORDS else item.scale
        value = _ranged(item.alpha, item.low, item.high, 2)
        rows.append([name, f"{value} {half(item.note, lang)}".strip(), f"{item.units}/{item.cases}/{item.raters}"])
    return _table(["", "α", units], rows)


def _rules(found: Sequence[Correlation], lang: Lang) -> str:
    place = 0 if lang == "zh" else 1
    labels = {name: item.zh if lang == "zh" else item.en for name, item in all_metrics().items()}
    against = list(dict.fromkeys(item.against for item in found))
    table: dict[str, dict[str, Correlation]] = {}
    for item in found:
        table.setdefault(item.metric, {})[item.against] = item
    rows = []
    for metric, mine in table.items():
        name = _WORDS["total"][place] if metric.startswith("profile:") else labels.get(metric, metric)
        first = next(iter(mine.values()))
        cells = [_ranged(mine[key].rho, mine[key].low, mine[key].high, 2) for key in against]
        rows.append([name, *cells, f"{first.n}/{first.cases}"])
    return _table([_WORDS["metric"][place], *(_WORDS[key][place] for key in against), "n"], rows)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _ranged(value: float | None, low: float | None, high: float | None, digits: int) -> str:
    if value is None or low is None or high is None:
        return _number(value, digits)
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("<", "&lt;").replace("\n", " ")
