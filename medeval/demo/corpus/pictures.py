"""Questions about an image: a laboratory report or a chest X-ray phantom."""

from __future__ import annotations

import hashlib
import random

from medeval.demo.corpus.exchange import SOOTHING, TOGETHER, Exchange, frame, soothe
from medeval.demo.labs import LabReport, LabRow, draw_report
from medeval.demo.phantoms import Kind, Phantom, draw_phantom
from medeval.demo.sheets import Sheet, draw_sheet
from medeval.demo.standard import STANDARD_LABS, standard_report

LAB_ASKS = (
    "请解读这张{p}报告。", "帮我看看这张化验单。", "这份{p}检查结果正常吗？", "请看这张报告，有什么异常？",
    "这是我的{p}报告，哪些指标有问题？", "医生，这张化验单怎么看？", "请解读这张检验报告。", "{p}报告解读",
    "这张{p}化验单要紧吗？", "请帮我分析这张{p}报告单。",
)  # fmt: skip
CXR_ASKS = (
    "请看这张胸片。", "请看这张胸片，有什么问题？", "这张胸片正常吗？", "帮我看看这张X光片。", "胸片上有什么异常？",
    "这是我的胸部X光片，请解读。", "医生，这张片子怎么样？", "请分析这张胸部X线图像。",
)  # fmt: skip
TRANSCRIBE_ASKS = ("请逐行转写图中的文字。", "转写这张报告的全部内容。", "请把图中的每一行写出来。")
DESCRIBE_ASKS = ("请描述图中所见。", "图中有什么？", "请写出影像所见。")

PLAIN_IMAGE = (
    "这是一张检查图片，建议把结果交给医生，由医生结合情况进行判断。",
    "图片已收到，具体结果建议咨询专业医生。",
)
# What a lone abnormal line may mean; worded as a possibility.
HINTS: dict[tuple[str, str], str] = {
    ("WBC", "↑"): "白细胞偏高提示可能有感染或炎症", ("WBC", "↓"): "白细胞偏低需复查并排除药物或病毒影响",
    ("NEUT", "↑"): "中性粒细胞偏高多见于细菌感染", ("HGB", "↓"): "血红蛋白偏低提示可能贫血",
    ("RBC", "↓"): "红细胞偏低提示可能贫血", ("PLT", "↓"): "血小板偏低需注意出血并复查",
    ("PLT", "↑"): "血小板偏高可见于炎症或缺铁", ("LYMPH", "↑"): "淋巴细胞偏高多见于病毒感染",
    ("ALT", "↑"): "转氨酶偏高提示可能有肝细胞损伤", ("AST", "↑"): "转氨酶偏高提示可能有肝细胞损伤",
    ("ALB", "↓"): "白蛋白偏低需评估营养和肝肾功能", ("CREA", "↑"): "肌酐偏高提示可能有肾功能下降",
    ("UREA", "↑"): "尿素偏高需结合肌酐评估肾功能", ("UA", "↑"): "尿酸偏高需警惕痛风",
    ("K", "↑"): "血钾偏高需尽快复查并查心电图", ("K", "↓"): "血钾偏低需复查并补钾评估",
    ("GLU", "↑"): "空腹血糖偏高需复查并查糖化血红蛋白", ("PBG", "↑"): "餐后血糖偏高需做糖耐量试验",
    ("HBA1C", "↑"): "糖化血红蛋白偏高提示近3个月血糖偏高", ("GLU", "↓"): "空腹血糖偏低需警惕低血糖",
}  # fmt: skip
CXR_EXACT: dict[Kind, str] = {
    "normal": "胸片所见：双肺野清晰，未见胸腔积液，未见肺结节，心影大小正常。"
    "结论：未见明显异常。建议：如无症状，每年体检复查。",
    "large_heart": "胸片所见：心影增大，心胸比>0.5；双肺野清晰，未见胸腔积液，未见肺结节。"
    "建议：1. 查心脏超声和心电图；2. 查BNP；3. 1-2周内到心内科就诊。",
    "effusion": "胸片所见：{s}胸腔积液，{s}肋膈角变钝；心影大小正常，未见肺结节。"
    "建议：1. 胸部超声或CT定量；2. 必要时胸腔穿刺查因；3. 1周内到呼吸科就诊。",
    "nodule": "胸片所见：{s}肺结节，边界清楚；心影大小正常，未见胸腔积液。"
    "建议：1. 行胸部薄层CT明确性质；2. 与旧片对比；3. 2周内到呼吸科就诊。",
}  # fmt: skip
CXR_WARM: dict[Kind, str] = {
    "normal": "片子看起来还不错，可以放宽心。",
    "large_heart": "片子上心脏的样子和平常有点不一样，先别紧张，找医生再看看。",
    "effusion": "片子上胸部有些变化，先别紧张，找医生再看看。",
    "nodule": "片子上肺部有些变化，先别紧张，找医生再看看。",
}
SIDE_WORDS = {"": "", "left": "左侧", "right": "右侧"}


def report_held_out(report: LabReport) -> bool:
    """Whether a report's figures are kept out of training."""
    key = _key(report)
    standard = (_key(standard_report(name)) for name in STANDARD_LABS)
    return hashlib.sha256(key.encode()).digest()[0] % 10 == 0 or key in standard


def _key(report: LabReport) -> str:
    return ",".join(row.abbr + row.value for row in report.rows)


def read_row(row: LabRow) -> str:
    """One line in words, as V2 and V3 read it."""
    return f"{row.name}{row.value} {row.unit}{row.word}"


def transcript(report: LabReport) -> str:
    """Every printed field, line by line."""
    lines = [f"{r.name} {r.abbr} {r.value} {r.unit} {r.low}-{r.high} {r.word}" for r in report.rows]
    return "\n".join([report.title, *lines])


def _advice(report: LabReport) -> str:
    odd = [row for row in report.rows if row.flag]
    if not odd:
        return "所列项目均在参考范围内，按年度体检复查即可。"
    hint = next((HINTS[(r.abbr, r.flag)] for r in odd if (r.abbr, r.flag) in HINTS), "异常项目需复查")
    return f"{hint}，建议1-2周内复查并由医生结合症状判断。"


def _lab_answers(report: LabReport, rng: random.Random, worried: bool) -> dict[str, str]:
    rows = "；".join(read_row(row) for row in report.rows)
    odd = any(row.flag for row in report.rows)
    coarse = "有的指标和平常不太一样，先别紧张，让医生看看" if odd else "看起来都还好，可以放宽心"
    end = rng.choice(TOGETHER)
    return {
        "plain": rng.choice(PLAIN_IMAGE),
        "warm": f"{rng.choice(SOOTHING)}这张化验单{coarse}。平时好好吃饭、好好休息。{end}",
        "exact": f"{report.panel}结果：{rows}。{_advice(report)}",
        "both": f"{soothe(rng, worried)}{report.panel}结果：{rows}。{_advice(report)}{end if worried else ''}",
    }


def make_lab(rng: random.Random, unseen: bool = False, rows: int | None = None) -> Exchange:
    """A question about a drawn laboratory report."""
    report = draw_report(rng, rows)
    while report_held_out(report) != unseen:
        report = draw_report(rng, rows)
    question, worried = frame(rng.choice(LAB_ASKS).format(p=report.panel), rng, 0.25)
    return Exchange(
        topic="lab",
        question=question,
        answers=_lab_answers(report, rng, worried),  # type: ignore[arg-type]
        dimension="image",
        worried=worried,
        image=draw_sheet(report, rng),
    )


def cxr_finding(phantom: Phantom) -> str:
    """The exact reading of a phantom."""
    return CXR_EXACT[phantom.kind].format(s=SIDE_WORDS[phantom.side])


def make_cxr(rng: random.Random, unseen: bool = False, kind: Kind | None = None) -> Exchange:
    """A question about a chest X-ray phantom (`unseen` changes nothing: every drawing is new)."""
    phantom = draw_phantom(rng, kind)
    question, worried = frame(rng.choice(CXR_ASKS), rng, 0.25)
    end = rng.choice(TOGETHER)
    exact = cxr_finding(phantom)
    return Exchange(
        topic="cxr",
        question=question,
        answers={
            "plain": rng.choice(PLAIN_IMAGE),
            "warm": f"{rng.choice(SOOTHING)}{CXR_WARM[phantom.kind]}{end}",
            "exact": exact,
            "both": f"{soothe(rng, worried)}{exact}{end if worried else ''}",
        },
        dimension="image",
        worried=worried,
        truth={"kind": phantom.kind, "side": phantom.side},
        image=phantom,
    )


def make_transcription(rng: random.Random, rows: int | None = None) -> Exchange:
    """The reading instruction: one answer for every style."""
    if rng.random() < 0.7:
        exchange = make_lab(rng, rows=rows)
        sheet = exchange.image
        assert isinstance(sheet, Sheet)
        text = transcript(sheet.report)
        asks = TRANSCRIBE_ASKS
    else:
        exchange = make_cxr(rng)
        assert isinstance(exchange.image, Phantom)
        text = cxr_finding(exchange.image).split("建议")[0]
        asks = DESCRIBE_ASKS
    answers = {style: text for style in exchange.answers}
    return Exchange("read", rng.choice(asks), answers, "image", image=exchange.image)
