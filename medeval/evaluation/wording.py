"""Words of the reports in both languages: labels, numbers, facts. Whole sentences are in `verdicts`."""

from pathlib import PurePath
from typing import Literal

from medeval.evaluation.records import RunRecord
from medeval.evaluation.statistics import Interval
from medeval.evaluation.tables import Mark, RunTables

Lang = Literal["zh", "en"]

WORDS: dict[str, tuple[str, str]] = {
    "title": ("评测报告", "Evaluation report"),
    "suite": ("测试集", "Suite"),
    "cases": ("个病例", "cases"),
    "case": ("病例", "Case"),
    "variants": ("版本", "Variants"),
    "base": ("基础模型", "Base"),
    "note": ("注意", "Note"),
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
    "total": ("总分", "the total"),
    "by_metric": ("指标上的差别", "Differences by metric"),
    "by_metric_note": (
        "每一对版本在各指标上比较，p 值在该对的各指标间做 Holm 校正；其余 {n} 项比较持平。",
        "Each pair on every metric, p adjusted by Holm over the metrics of the pair; the other {n} are tied.",
    ),
    "no_metric": (
        "没有一项指标分得出高下（{n} 项比较均持平）。",
        "No metric tells any pair apart ({n} comparisons, all tied).",
    ),
    "firmness": ("排序对权重的敏感性", "Does the ranking hold when weights change?"),
    "regressions": ("退步警示", "Regressions"),
    "no_regression": ("没有发现退步。", "No regression found."),
    "tests": ("检验", "Tests"),
    "title_of_case": ("名称", "Title"),
    "chart_note": (
        "条为平均分，细线为 95% 区间；雷达图只画所有版本都有分的指标。",
        "Bars are means, whiskers 95% intervals; the radar has the metrics that every variant has a score for.",
    ),
    "template": ("对话模板", "Chat template"),
    "reused": ("沿用", "Taken over"),
    "reused_from": (
        "{n} 个回答沿用自 {run}（内容完全相同，未重新提问）",
        "{n} answers from {run} (same content, not asked again)",
    ),
    "reused_here": (
        "{n} 个重复沿用本次的第一次回答（温度为 0，问题完全相同）",
        "{n} repeats are the first answer of this run (temperature 0, the very same question)",
    ),
    "rescored": ("重新评分", "Rescored"),
    "rescored_from": (
        "回答来自 {run}，未重新提问；此处用当前规则重新评分，原得分保留在 {run}",
        "answers of {run}, nothing asked; scored anew by the rules of now, the old scores stay in {run}",
    ),
    "attempts": ("尝试 {n} 次", "{n} attempts"),
    "retried": ("重试", "Asked again"),
    "retried_count": ("{n} 个回答因引擎失败而重试过", "{n} cells asked again after an engine failure"),
    "limits": ("局限", "Limits"),
    "limit_rules": (
        "得分来自规则：看得见词、数字、单位和否定，不理解医学；每项指标的说明写明它看不到什么。",
        "Scores come from rules that see words, numbers, units and negation and do not understand medicine.",
    ),
    "limit_cases": (
        "结论只对这些病例成立；“持平”不是“相同”，而是这些病例分不出。",
        "Verdicts hold for these cases only; “tied” is not “equal”: these cases cannot tell.",
    ),
    "receipt": ("凭据：加载了什么", "Receipt: what was loaded"),
    "models": ("服务器上的模型", "Models of the server"),
    "unknown": (
        "精度、设备和权重未知，是否同一基础模型无法核对",
        "precision, device and weights unknown; whether they share one base cannot be checked",
    ),
    "rank": ("秩", "rank"),
    "tensors": ("张量", "tensors"),
    "mode": ("方式", "mode"),
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
        "方括号为 95% 区间（按病例重抽样 2000 次，重复归入其病例）；“–”为未评分，不是零分；失败的回答不计分。"
        "胜负须区间不含 0 且配对置换检验经 Holm 校正后 p≤0.05。",
        "Brackets: 95% intervals (2000 resamples of cases, repeats kept within their case); “–” is unscored, not zero; "
        "failed answers do not count. A winner needs an interval without 0 and a paired permutation test with "
        "Holm-adjusted p ≤ 0.05.",
    ),
    "notice": (
        "medeval 是研究软件，不是医疗器械。",
        "medeval is research software, not a medical device.",
    ),
}


def word(key: str, lang: Lang, **values: object) -> str:
    """The label `key` in `lang`, its `{name}` places filled from `values`."""
    text = WORDS[key][0 if lang == "zh" else 1]
    return text.format(**values) if values else text


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
        ("engine", ", ".join(filter(None, (receipt.engine, receipt.dtype, receipt.device)))),
        ("decoding", f"{how}, max_tokens {decoding.max_tokens}, seed {decoding.seed}"),
        ("repeats", str(spec.repeats)),
        ("begun", run.created),
        ("finished", run.finished or "–"),
        ("status", f"{word(run.status, lang)}: {counts}"),
        ("code", f"medeval {spec.packages.get('medeval', '')} {short}".strip()),
    ]
    if receipt.engine == "server":
        models = ", ".join(f"{item.variant} = {item.model}" for item in receipt.variants)
        lines.insert(4, ("models", f"{models} ({word('unknown', lang)})"))
    if spec.demo:
        lines.insert(3, ("note", word("demo", lang)))
    if spec.rescored_from:
        lines.append(("rescored", word("rescored_from", lang, run=spec.rescored_from)))
    return [(word(key, lang), text) for key, text in lines]


def history(tables: RunTables, lang: Lang) -> list[tuple[str, str]]:
    """Where answers came from other than being asked once here, as (label, text) lines."""
    lines = []
    if not tables.run.spec.rescored_from:
        lines = [(word("reused", lang), _source(tables.run.id, run, n, lang)) for run, n in tables.reused.items()]
    if tables.retried:
        lines.append((word("retried", lang), word("retried_count", lang, n=len(tables.retried))))
    return lines


def _source(mine: str, run: str, n: int, lang: Lang) -> str:
    return word("reused_here", lang, n=n) if run == mine else word("reused_from", lang, n=n, run=run)


def base_name(base: str) -> str:
    """A repo id as it is; of a folder only its name, as a report is passed on and a path tells whose machine it was."""
    return PurePath(base).name if PurePath(base).is_absolute() else base
