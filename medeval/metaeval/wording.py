"""Words of the terminal table and the page, in both languages."""

from medeval.cases.schema import Language

TEXT: dict[str, tuple[str, str]] = {
    "title": ("指标检验报告", "How far the metrics can be trusted"),
    "lead": (
        "把规则指标当作仪器来检验：改错的回答应降分，只改外观不应变分，投机回答不应胜出，判断应与医师一致。",
        "The rule metrics measured as an instrument: an answer made worse should lose, a change of look alone should"
        " not move a score, a gamed answer should not win, and physicians should agree.",
    ),
    "data": ("数据", "Data"),
    "answers": ("医师回答", "physicians' answers"),
    "claims": ("医师判定的陈述", "claims judged by physicians"),
    "notes": ("改正过的病历句", "corrected notes"),
    "shipped": (
        "这是自带的生成集：题目与规则出自同一作者，只用于防止退步，不能代表真实表现。",
        "This is the shipped set: its authors also wrote the rules, so it guards against regressions and says nothing"
        " about other people's answers.",
    ),
    "unused": ("未能使用的行", "lines not used"),
    "rows": ("检验项", "Rows"),
    "row": ("检验项", "row"),
    "measured": ("实测", "measured"),
    "interval": ("95% 区间", "95 % interval"),
    "n": ("对数 / 题数", "pairs / questions"),
    "ties": ("平局", "ties"),
    "bar": ("标准", "bar"),
    "lexical": ("词面基线", "naive baseline"),
    "best_here": ("本次最好基线", "best baseline here"),
    "status": ("结论", "status"),
    "met": ("达标", "met"),
    "not met": ("未达标", "not met"),
    "not enough data": ("数据不足", "not enough data"),
    "reported": ("仅报告", "reported"),
    "metrics": ("各指标的地位", "Status of each metric"),
    "metric": ("指标", "metric"),
    "rated": ("计分", "rated"),
    "descriptive": ("仅描述", "descriptive"),
    "unmeasured": ("未检验", "unmeasured"),
    "metrics_lead": (
        "任一相关检验项未达标的指标只作描述，不应计入总分。",
        "A metric that misses the bar of any row that judges it is descriptive and should not count in a total.",
    ),
    "severity": ("错误越重，扣分越多？", "Does a graver error cost more?"),
    "severity_lead": (
        "同一处数值改动由轻到重的平均降分，以及从不回落的比例（毫无反应的也算在内，另列）。",
        "Mean drop at the same place from mild to grave, and the share that never falls back (those that never move"
        " are among them, and shown).",
    ),
    "monotone": ("不回落", "never falls back"),
    "flat": ("毫无反应", "never moves"),
    "drop": ("平均降分", "mean drop"),
    "anywhere": ("任一处", "anywhere"),
    "named": ("要点写明处", "named by the checklist"),
    "locality": ("哪种改动牵动哪个指标", "Which edit moves which metric"),
    "locality_lead": (
        "格中为分数变动的回答比例（%）；颜色越深变动越多。空格：没有可评分的回答。",
        "Share of answers whose score moved, in per cent; the darker the more. Empty: nothing scored.",
    ),
    "levels": ("医师回答自己的得分", "What physicians' own answers get"),
    "levels_lead": (
        "以上各行比较同一回答的两种写法；这里是原答本身的平均分（未评分的不计）。偏低说明指标要求了题目没有要求的内容。",
        "The rows above compare two forms of an answer; these are means of the answers as given, unscored ones aside. "
        "A low mean says that a metric asks for what the question does not.",
    ),
    "mean": ("平均分", "mean"),
    "below_half": ("低于 0.5", "below 0.5"),
    "correlation": ("指标之间是否重复", "Are the metrics one and the same?"),
    "correlation_lead": (
        "医师回答得分的 Spearman 相关；悬停可见固定长度后的值。首列为与长度的相关。",
        "Spearman's rho over physicians' answers; hover for the value at equal length. First column: with length.",
    ),
    "length": ("长度", "length"),
    "examples": ("未通过的例子", "Examples that fail"),
    "operator": ("改动", "edit"),
    "before": ("原文", "before"),
    "after": ("改后", "after"),
    "by_measure": ("各分数单独的结果", "each score alone"),
    "score": ("分数", "score"),
    "by_name": ("按改动", "by edit"),
    "limits": (
        "研究软件，不是医疗器械。区间按题目自助抽样；p 值经 Holm 校正。",
        "Research software, not a medical device. Intervals by bootstrap over questions; p-values adjusted by Holm.",
    ),
    "more": ("其余从略", "more left out"),
}


def word(key: str, lang: Language) -> str:
    """The text of `key` in `lang`."""
    return TEXT[key][0 if lang == "zh" else 1]
