"""`fuse_report.json` and a readable page beside the model: what was fused, what was counted, what the proof found."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from medeval.adapters.sidecar import write_json

JSON, HTML = "fuse_report.json", "fuse_report.html"
COLUMNS = (
    ("bits", "位宽", "bits"),
    ("verdict", "结论", "verdict"),
    ("megabytes", "大小 MB", "size MB"),
    ("effect_lost", "适配器效果损失", "adapter effect lost"),
    ("token_agreement", "逐词一致", "token agreement"),
    ("same_answers", "回答完全相同", "identical answers"),
    ("max_logit_change", "最大 |Δlogit|", "max |Δlogit|"),
    ("kl_mean", "平均 KL", "mean KL"),
    ("score_change", "得分变化", "score change"),
)
_STYLE = """
body{font:15px/1.6 system-ui,"PingFang SC","Noto Sans CJK SC",sans-serif;color:#1c2733;background:#fff;margin:0}
main{max-width:1120px;margin:0 auto;padding:32px 20px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 8px}
.ok{color:#17694a}.bad{color:#a32020}.quiet{color:#5d6b79}table{border-collapse:collapse;width:100%}
.wide{overflow-x:auto}th,td{text-align:right;padding:6px 12px;border-bottom:1px solid #e3e8ee;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td:nth-child(2){white-space:normal;min-width:3em}
th{font-weight:600;color:#5d6b79;font-size:13px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:0}
@media(max-width:600px){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}th,td{padding:6px 8px}}
dt{color:#5d6b79}dd{margin:0;overflow-wrap:anywhere}
"""


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Writes both files into the model's folder."""
    write_json(folder / JSON, report)
    (folder / HTML).write_text(report_page(report), "utf-8")


def table_rows(report: Mapping[str, Any]) -> list[list[str]]:
    """The parity table as texts in the order of COLUMNS, widest bit width first."""
    return [[_cell(name, row) for name, _, _ in COLUMNS] for row in report["rows"]]


def _cell(name: str, row: Mapping[str, Any]) -> str:
    value = row.get(name)
    if name == "verdict":
        return "✓" if row["ok"] else "✗ " + "；".join(row["why"])
    if name == "bits":
        return f"{value} · {row['engine']}"
    if name in ("effect_lost", "token_agreement"):
        return "—" if value is None else f"{100 * value:.2f} %"
    if name == "same_answers":
        return f"{value}/{row['answers']}"
    if name == "score_change":
        return "—" if value is None else f"{value:+.3f} (n={row['scored']})"
    if name == "megabytes":
        return f"{value:.1f}"
    return "—" if value is None else f"{value:.3g}"


def report_page(report: Mapping[str, Any]) -> str:
    """The page, Chinese and English side by side, whole in one file; every text is escaped."""
    head = "".join(f"<th>{escape(zh)}<br>{escape(en)}</th>" for _, zh, en in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table_rows(report)
    )
    verdict = (
        '<p class="ok">✓ 通过：融合模型的回答与“基础模型 + 适配器”一致（在容差内）'
        " / passed: the fused model answers as base + adapters, within tolerance</p>"
        if report["ok"]
        else '<p class="bad">✗ 未通过，请勿部署：超出容差 / failed, do not deploy: over tolerance</p>'
    )
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(report))
    return f"""<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>融合报告 / fuse report: {escape(report["variant"])}</title><style>{_STYLE}</style><main>
<h1>融合报告 / Fuse report: {escape(report["variant"])}</h1>{verdict}
<h2>与“基础模型 + 适配器”比较 / Compared with base + adapters</h2>
<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
<p class="quiet">效果损失 = 与目标的距离 ÷ 适配器本身带来的距离；0 % 为完全保留。
/ Effect lost = distance to the target ÷ distance that the adapters made; 0 % keeps all of it.</p>
<h2>来源与清点 / Provenance and counts</h2><dl>{facts}</dl>
<p class="quiet">研究软件，不是医疗器械。/ Research software, not a medical device.</p></main></html>
"""


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    written, reference = report["written"], report["reference"]
    stack = " + ".join(f"{a['name']} ({a['sha256'][:19]}…)" for a in report["stack"])
    packages = ", ".join(f"{name} {version}" for name, version in reference["packages"].items())
    return [
        ("基础模型 / base", f"{report['base']['name']} ({report['base']['fingerprint'][:19]}…)"),
        ("适配器 / adapters", stack),
        ("张量 / tensors", f"{written['tensors_before']} → {written['tensors_after']}"),
        ("视觉张量 / vision tensors", f"{written['vision_before']} → {written['vision_after']}"),
        ("改动的权重 / weights changed", str(written["changed"])),
        ("输出层另存 / head stored apart", "是 / yes" if written["untied"] else "否 / no"),
        ("核对病例 / proof cases", f"{len(report['cases'])}: {', '.join(report['cases'])}"),
        ("参照 / reference", f"{reference['engine']} {reference['dtype']} {reference['device']}; {packages}"),
        ("时间 / time", f"{report['created']}, {report['seconds']} s"),
    ]
