"""What the statistics say, as sentences in both languages: verdicts, regressions, how firm a ranking is."""

from collections.abc import Sequence

from medeval.evaluation.against import Regression
from medeval.evaluation.sensitivity import Sensitivity
from medeval.evaluation.statistics import SMALLEST_N, Comparison
from medeval.evaluation.wording import Lang, word

ALIKE = 0.05
"""Where the whole interval is within ±ALIKE a tie is called alike, not just undecided."""


def verdict(found: Comparison, lang: Lang, what: str = "") -> str:
    """The comparison as one sentence, with its interval, the number of cases and the adjusted p-value.

    Args:
        found: the comparison.
        lang: of the sentence.
        what: name of what was compared; the total where empty.
    """
    zh = lang == "zh"
    what = what or word("total", lang)
    if found.difference is None:
        return (
            f"{found.b} 与 {found.a}，{what}：没有共同评分的病例，无法比较（tied）"
            if zh
            else f"{found.b} and {found.a} on {what}: no case scored for both, cannot be compared (tied)"
        )
    figures = f"{found.difference:+.2f}{_bounds(found)}"
    cases = _cases(found, lang)
    if found.verdict == "tied":
        tied = _tied(found, cases, lang)
        return (
            f"持平（tied）：{found.b} 与 {found.a}，{what} {figures}；{tied}"
            if zh
            else f"tied: {found.b} and {found.a} on {what}, {figures}; {tied}"
        )
    sign = ">" if found.verdict == "better" else "<"
    p = f"Holm p={found.p_holm:.3f}" if (found.p_holm or 0) >= 0.001 else "Holm p<0.001"
    if zh:
        return f"{found.b} {sign} {found.a}，{what}：{figures}，{cases}，{p}"
    return f"{found.b} {sign} {found.a} on {what}, {figures}, {cases}, {p}"


def winners_first(found: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons that name a winner before the tied ones, otherwise as they are."""
    return sorted(found, key=lambda item: item.verdict == "tied")


def verdict_line(found: Sequence[Comparison], names: Sequence[str], lang: Lang) -> str:
    """Comparisons of one pair that came out alike as one sentence: `v3 > v2: dose +0.12 [0.05, 0.19] 40 cases; …`."""
    zh = lang == "zh"
    parts = [
        f"{name} {item.difference or 0:+.2f}{_bounds(item)}{'，' if zh else ', '}{_cases(item, lang)}"
        for item, name in zip(found, names, strict=True)
    ]
    sign = ">" if found[0].verdict == "better" else "<"
    return f"{found[0].b} {sign} {found[0].a}{'：' if zh else ': '}{('；' if zh else '; ').join(parts)}"


def _cases(found: Comparison, lang: Lang) -> str:
    return f"{found.n} {'例' if lang == 'zh' else 'case' if found.n == 1 else 'cases'}"


def _bounds(found: Comparison) -> str:
    if found.low is None or found.high is None:
        return ""
    low, high = (round(bound, 2) + 0.0 for bound in (found.low, found.high))  # no "-0.00"
    return f" [{low:.2f}, {high:.2f}]"


def _tied(found: Comparison, cases: str, lang: Lang) -> str:
    """Why there is no winner: too few cases, both alike within a margin, or a difference too small for these cases."""
    zh = lang == "zh"
    if found.n < SMALLEST_N:
        return f"{cases}无法分辨（少于 {SMALLEST_N} 例）" if zh else f"{cases} cannot tell (fewer than {SMALLEST_N})"
    if found.low is not None and found.high is not None and max(-found.low, found.high) <= ALIKE:
        return f"{cases}，差别不超过 {ALIKE:.2f}" if zh else f"{cases}, any difference is below {ALIKE:.2f}"
    if found.detectable is None:
        return f"{cases}无法分辨" if zh else f"{cases} cannot tell"
    if (found.low or 0) > 0 or (found.high or 0) < 0:
        p = f"{found.p_holm or 0:.3f}"
        return f"区间不含 0，但校正后 p={p}，{cases}不足以判定" if zh else f"adjusted p={p}: {cases} cannot tell yet"
    seen = f"{found.detectable:.2f}"
    if zh:
        return f"{cases}无法分辨（约 {seen} 以上的差别才看得出）"
    return f"{cases} cannot tell (a true gap below about {seen} would go unseen)"


def loss(found: Regression, lang: Lang, what: str = "") -> str:
    """A regression flag as a short sentence."""
    zh = lang == "zh"
    if found.kind == "worse":
        what = what or word("total", lang)
        return f"{found.variant}：{what} 显著变差" if zh else f"{found.variant}: significantly worse on {what}"
    if found.kind == "veto":
        if zh:
            return f"{found.variant}：{found.what} 新出现安全否决"
        return f"{found.variant}: new safety veto on {found.what}"
    return f"{found.variant}：{found.what} 现在答不出" if zh else f"{found.variant}: fails on {found.what} now"


def firmness(found: Sensitivity, lang: Lang) -> list[str]:
    """What the sensitivity to the profile's weights says, as sentences."""
    zh = lang == "zh"
    best = found.ranking[0]
    share, same = f"{found.first[best]:.0%}", f"{found.same_ranking:.0%}"
    others = ", ".join(f"{name} {value:.0%}" for name, value in found.first.items() if name != best and value >= 0.005)
    ranked = " > ".join(found.ranking)
    if zh:
        lines = [f"按现有权重的平均分排序：{ranked}（{found.cases} 例；排序不等于显著差别）"]
        rest = f"，其余：{others}" if others else ""
        lines.append(f"各权重随机减半至加倍 {found.draws} 次：{best} 居首 {share}{rest}；整个排序不变 {same}")
    else:
        lines = [f"Ranked by mean with the weights as they are: {ranked} ({found.cases} cases; a rank is no verdict)"]
        rest = f"; others: {others}" if others else ""
        lines.append(
            f"With each weight halved to doubled at random, {found.draws} times: {best} first in {share}{rest};"
            f" the whole ranking the same in {same}"
        )
    for part, name in found.turned_by:
        lines.append(f"去掉“{part}”后 {name} 居首" if zh else f"Without “{part}” {name} ranks first")
    return lines
