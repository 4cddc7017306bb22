"""Words of the reports in both languages: labels, numbers, and the verdict as a sentence."""

from pathlib import PurePath
from typing import Literal

from medeval.evaluation.records import RunRecord
from medeval.evaluation.statistics import SMALLEST_N, Comparison, Interval
from medeval.evaluation.tables import Mark

Lang = Literal["zh", "en"]

WORDS: dict[str, tuple[str, str]] = {
    "title": ("评测报告", "Evaluation report"),
    "suite": ("测试集", "Suite"),
    "cases": ("个病例", "cases"),
    "case": ("病例", "Case"),
    "variants": ("版本", "Variants"),
    "base": ("基础模型", "Base"),
    "engine": ("引擎", "Engine"),
    "decoding": ("解码", "Decoding"),
    "greedy": ("贪心", "greedy"),
    "sampling": ("采样", "sampling"),
    "repeats": ("重复", "Repeats"),
    "begun": ("开始", "Begun"),
    "finished": ("结束", "Finished"),
    "status": ("状态", "Status"),
    "code": ("代码", "Code"),
    "running": ("进行中", "running"),
    "interrupted": ("已中断，可续跑", "interrupted, can be resumed"),
    "done": ("已完成", "done"),
    "answers": ("个回答", "answers"),
    "all_answers": ("回答", "Answers"),
    "failed": ("失败", "failed"),
    "missing": ("未提问", "not asked"),
    "verdicts": ("结论", "Verdicts"),
    "scores": ("得分", "Scores"),
    "profile": ("评分方案", "profile"),
    "mean": ("平均", "Mean"),
    "metric": ("指标", "Metric"),
    "metrics": ("各指标平均", "Means by metric"),
    "speed": ("速度（词元/秒）", "Speed (tokens/s)"),
    "errors": ("错误", "Errors"),
    "error": ("错误", "error"),
    "veto": ("否决", "veto"),
    "question": ("问题", "Question"),
    "images": ("图像", "Images"),
    "unscored": ("未评分", "unscored"),
    "against": ("与另一次评测比较", "Against another run"),
    "one_variant": ("只有一个版本，没有可比较的对象。", "Only one variant: nothing to compare."),
    "changed": ("内容已变、未比较的病例", "Cases left out because they changed"),
    "other_profiles": (
        "两次评测的评分方案不同，差异可能来自方案。",
        "The two runs were scored by different profiles: a difference may come from them.",
    ),
    "demo": ("演示模型：展示流程的小模型，不代表真实医学能力", "demo model: shows the workflow, knows no medicine"),
    "intervals": (
        "方括号为 95% 区间（按病例重抽样 2000 次）；“–”为未评分，不是零分；失败的回答不计分。",
        "Brackets: 95% intervals (2000 resamples of cases); “–” is unscored, not zero; failed answers do not count.",
    ),
    "notice": (
        "medeval 是研究软件，不是医疗器械。",
        "medeval is research software, not a medical device.",
    ),
}


def word(key: str, lang: Lang) -> str:
    """The label `key` in `lang`."""
    return WORDS[key][0 if lang == "zh" else 1]


def number(value: float | None) -> str:
    """A score with two decimals, or an en dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


def interval(found: Interval | None) -> str:
    """`0.61 [0.52, 0.70] n=10`; an en dash where nothing was scored."""
    if found is None:
        return "–"
    bounds = "" if found.low is None or found.high is None else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.mean:.2f}{bounds} n={found.n}"


def mark(found: Mark, lang: Lang) -> str:
    """One place of the table: the score, with errors and vetoes said in words."""
    if found.is_missing:
        return word("missing", lang)
    if found.failed == found.asked:
        return f"⚠ {word('error', lang)}"
    parts = [number(found.value)]
    if found.vetoed:
        parts.append(f"⚠ {word('veto', lang)}")
    if found.failed:
        parts.append(f"⚠ {word('error', lang)} {found.failed}/{found.asked}")
    return " ".join(parts)


def verdict(found: Comparison, lang: Lang) -> str:
    """The comparison as one sentence, with its interval, n and p-values."""
    zh = lang == "zh"
    if found.n == 0:
        return (
            f"{found.b} 与 {found.a}：没有共同评分的病例，无法比较（tied）"
            if zh
            else f"{found.b} and {found.a}: no case scored for both, cannot be compared (tied)"
        )
    head = {
        "better": (f"{found.b} 优于 {found.a}", f"{found.b} is better than {found.a}"),
        "worse": (f"{found.b} 不如 {found.a}", f"{found.b} is worse than {found.a}"),
        "tied": (f"{found.b} 与 {found.a} 持平（tied）", f"{found.b} and {found.a} are tied"),
    }[found.verdict][0 if zh else 1]
    few = ""
    if found.n < SMALLEST_N:
        few = f"；病例少于 {SMALLEST_N} 个，无法分辨" if zh else f"; fewer than {SMALLEST_N} cases tell too little"
    bounds = "" if found.low is None or found.high is None else f" [{found.low:+.2f}, {found.high:+.2f}]"
    return f"{head}{'：' if zh else ': '}{found.difference:+.2f}{bounds} ({_tests(found, zh)}){few}"


def _tests(found: Comparison, zh: bool) -> str:
    if found.p_sign is None:
        return f"n={found.n}"
    name = "符号检验" if zh else "sign test"
    adjusted = "" if found.p_holm is None else f", Holm p={found.p_holm:.3f}"
    return f"n={found.n}, {name} p={found.p_sign:.3f}{adjusted}"


def facts(run: RunRecord, lang: Lang) -> list[tuple[str, str]]:
    """What a reader must know of a run, as (label, text) lines."""
    spec, receipt, decoding = run.spec, run.spec.receipt, run.spec.decoding
    how = (
        word("greedy", lang)
        if decoding.temperature == 0
        else (f"{word('sampling', lang)} temperature {decoding.temperature:g}, top_p {decoding.top_p:g}")
    )
    short = spec.commit[:12] + ("+dirty" if spec.commit.endswith("+dirty") else "")
    counts = f"{run.answered}/{spec.total} {word('answers', lang)}"
    if run.failed:
        counts += f", {run.failed} {word('failed', lang)}"
    lines = [
        ("suite", f"{spec.suite} ({len(spec.cases)} {word('cases', lang)})"),
        ("variants", ", ".join(spec.variants)),
        ("base", f"{base_name(spec.base)} {receipt.base_fingerprint[:19]}".strip()),
        ("engine", f"{receipt.engine}, {receipt.dtype}, {receipt.device}"),
        ("decoding", f"{how}, max_tokens {decoding.max_tokens}, seed {decoding.seed}"),
        ("repeats", str(spec.repeats)),
        ("begun", run.created),
        ("finished", run.finished or "–"),
        ("status", f"{word(run.status, lang)}: {counts}"),
        ("code", f"medeval {spec.packages.get('medeval', '')} {short}".strip()),
    ]
    if spec.demo:
        lines.insert(3, ("base", word("demo", lang)))
    return [(word(key, lang), text) for key, text in lines]


def base_name(base: str) -> str:
    """A repo id as it is; of a folder only its name, as a report is passed on and a path tells whose machine it was."""
    return PurePath(base).name if PurePath(base).is_absolute() else base
