"""Every word of the pages in Chinese and English: one table, so that a test can see what is missing."""

from typing import Literal

from medeval.ui import text_adapters, text_batch, text_data, text_evaluate, text_review, text_says, text_train

Lang = Literal["zh", "en"]

TEXT: dict[str, tuple[str, str]] = {
    "title": ("medeval · 医学模型并排对比", "medeval · medical models side by side"),
    "tagline": ("同一个问题，所有版本并排作答", "One question, every variant side by side"),
    "not_a_device": (
        "科研软件，不是医疗器械；回答不能代替医生的诊断和治疗。",
        "Research software, not a medical device; no answer replaces a doctor.",
    ),
    "tab_compare": ("对比", "Compare"),
    "tab_about": ("关于", "About"),
    # the model
    "demo_pill": ("演示模型", "Demo model"),
    "demo_note": (
        "演示模型是本项目自制的小模型，用来展示流程，不代表真实医学能力。",
        "The demo model is a small one made by this project; it shows the workflow, not medical skill, and answers in "
        "Chinese only.",
    ),
    "real_image": ("演示模型从未见过真实影像", "The demo model never saw real images"),
    "loading": ("正在加载模型… {seconds} 秒", "Loading the model… {seconds} s"),
    "loading_hint": (
        "页面已可使用：先选病例或写问题，模型就绪后会自动作答。",
        "The page is ready: pick a case or write; answers start by themselves once the model is loaded.",
    ),
    "ready": ("模型就绪", "Model ready"),
    "failed": ("模型未能加载", "The model could not be loaded"),
    "failed_hint": (
        "改正原因后点“重试”，不用重新启动；终端里的 medeval doctor 会检查环境。",
        "Mend the cause, then press Try again, no restart needed; medeval doctor in a terminal checks the set-up.",
    ),
    "retry": ("重试", "Try again"),
    # left rail
    "cases": ("标准病例", "Standard cases"),
    "topic_bp": ("血压", "BP"),
    "topic_glucose": ("血糖", "Glucose"),
    "topic_fever": ("发热", "Fever"),
    "topic_drug": ("用药", "Medicines"),
    "topic_symptom": ("症状", "Symptoms"),
    "topic_support": ("情绪", "Support"),
    "topic_imaging": ("影像", "Imaging"),
    "topic_lab": ("化验单", "Lab"),
    "topic_redteam": ("红队", "Red team"),
    "topic_saved": ("我的病例", "My cases"),
    "topic_other": ("其他", "Other"),
    "no_cases": ("没有可用的病例文件。", "No readable case files."),
    "bad_cases": ("{n} 处病例文件有误，见“关于”。", "{n} faults in case files, see About."),
    "question": ("问题", "Question"),
    "question_hint": (
        "写下问题；可拖入、粘贴或上传影像",
        "Write a question; drop, paste or upload images",
    ),
    "variants": ("版本", "Variants"),
    "settings": ("生成设置", "Settings"),
    "max_tokens": ("最多生成词元", "Max tokens"),
    "temperature": ("温度（0 = 确定性）", "Temperature (0 = greedy)"),
    "seed": ("随机种子", "Seed"),
    "profile": ("评分方案", "Profile"),
    "ask": ("提问", "Ask"),
    "stop": ("停止", "Stop"),
    "keys": ("Ctrl+Enter 提问 · Esc 停止", "Ctrl+Enter asks · Esc stops"),
    # centre
    "startup_note": ("启动时由演示模型生成", "Answered by the demo model at start-up"),
    "startup_note_real": ("启动时由已加载的模型生成", "Answered by the loaded model at start-up"),
    "free_note": (
        "自由提问没有标准答案，需要病例事实的指标不评分（–）。",
        "A free question has no expected answer; metrics that need case facts stay unscored (–).",
    ),
    "follow_note": (
        "追问：沿用病例事实；要点清单、化验单各项和图像所见不再检查。",
        "Follow-up: case facts stay; key points, report rows and image findings are no longer checked.",
    ),
    "waiting": ("等待模型…", "Waiting for the model…"),
    "streaming": ("生成中", "Answering"),
    "stopped": ("已停止", "Stopped"),
    "cut": ("已达长度上限", "Length limit reached"),
    "answer_failed": ("未能作答", "No answer"),
    "empty_answer": ("（空回答）", "(empty answer)"),
    "lost": ("这次问答在完成前随程序退出中断了。", "This exchange was cut off when the program ended."),
    "no_adapter": ("无适配器", "no adapter"),
    "thinking": ("思考过程", "Reasoning"),
    "danger": ("危险", "Danger"),
    "danger_note": ("触发安全否决：总分不计。", "Vetoed for safety: the total does not count."),
    "against_base": ("较基础 {delta}", "{delta} vs base"),
    "same_as_base": ("与基础持平", "same as base"),
    "not_scored": ("未评分", "unscored"),
    "off_topic": ("答非所问：总分只留两成", "answers another question: a fifth of the total is left"),
    "tokens_s": ("{n} 词元 · {speed} 词元/秒", "{n} tokens · {speed} tokens/s"),
    "tokens_s_about": ("约 {n} 词元 · {speed} 词元/秒", "about {n} tokens · {speed} tokens/s"),
    "recorded": ("录制的回答", "recorded answer"),
    "full_marks": ("✓ {n} 项满分", "✓ {n} at full marks"),
    "round": ("第 {n} 轮", "Round {n}"),
    "metric": ("指标", "Metric"),
    "total": ("总分 · {profile}", "Total · {profile}"),
    "table": ("指标 × 版本（0–100；– 表示未评分，不等于 0）", "Metric × variant (0–100; – is unscored, not zero)"),
    "table_unscored": ("本题未评", "Not scored here"),
    "table_export": ("导出得分 CSV", "Export the scores as CSV"),
    "receipt": ("凭据：加载了什么、怎样生成", "Receipt: what is loaded and how it was generated"),
    "receipt_none": ("模型就绪后显示。", "Shown once the model is loaded."),
    "r_engine": ("引擎", "Engine"),
    "r_base": ("基础模型", "Base"),
    "r_print": ("基础指纹", "Base fingerprint"),
    "r_device": ("设备 · 精度", "Device · dtype"),
    "r_template": ("对话模板", "Chat template"),
    "r_decoding": ("解码", "Decoding"),
    "r_decoding_value": (
        "所有版本相同：最多 {max_tokens} 词元，温度 {temperature}，top-p {top_p}，种子 {seed}",
        "The same for all: at most {max_tokens} tokens, temperature {temperature}, top-p {top_p}, seed {seed}",
    ),
    "r_packages": ("软件包", "Packages"),
    "r_variant": ("版本", "Variant"),
    "r_mode": ("方式", "Mode"),
    "r_tensors": ("张量 匹配/应有", "Tensors matched/expected"),
    "r_rank": ("秩", "Rank"),
    "r_scale": ("缩放", "Scale"),
    "r_change": ("logit 最大变化", "Largest logit change"),
    "r_dialect": ("格式", "Dialect"),
    "mode_base": ("基础", "base"),
    "mode_batched": ("同批", "batched"),
    "mode_switched": ("切换", "switched"),
    "mode_served": ("服务器", "served"),
    "r_unknown": ("未知（服务器不说明）", "unknown (a server does not tell)"),
    "plain_pill": ("未加密", "Unencrypted"),
    "goes_to": ("提问时，问题和影像会发送到 {host}。", "When you ask, questions and images go to {host}."),
    "goes_plain": (
        "提问时，问题和影像会不加密地发送到 {host}；请改用 https。",
        "When you ask, questions and images go to {host} unencrypted; use https.",
    ),
    "refused": ("未通过检查，未加载：{name}", "Refused by the gate, not loaded: {name}"),
    "follow_up_hint": ("继续追问；每一列保留各自的对话", "Ask on; every column keeps its own conversation"),
    "send": ("追问", "Send"),
    "save_title": ("存为病例", "Save as case"),
    "save_name": ("病例名称", "Name of the case"),
    "save_info": (
        "存入病例文件夹；请勿写入能认出患者的信息",
        "Goes into the case folder; leave out anything that identifies a patient",
    ),
    "save_must_have": ("必须提到（每行一条，可留空）", "Must mention (one a line, may be empty)"),
    "save_must_not": ("不得出现（每行一条，可留空）", "Must not say (one a line, may be empty)"),
    "save": ("保存", "Save"),
    "saved": ("已保存：{path}", "Saved: {path}"),
    "export": ("导出本次问答：", "Export this exchange:"),
    "exp_md": ("Markdown", "Markdown"),
    "exp_json": ("JSON", "JSON"),
    "exp_html": ("网页", "HTML"),
    "export_wait": ("回答完成后可导出。", "Export once the answers are complete."),
    # messages
    "toast_warning": ("请注意", "Please note"),
    "toast_info": ("已完成", "Done"),
    "m_no_question": ("请先写下问题，或放入一张影像。", "Write a question or add an image first."),
    "m_no_variant": ("请至少勾选一个版本。", "Tick at least one variant."),
    "m_no_case": ("没有这个病例，请重新选择。", "No such case; pick again."),
    "m_too_many": ("一次最多 {n} 张影像，其余未使用。", "At most {n} images at once; the rest were left out."),
    "m_no_exchange": ("还没有可保存的问答。", "There is no exchange to save yet."),
    "m_wait": ("请等当前回答完成或先停止。", "Wait for the current answers or stop them first."),
    "m_internal": (
        "程序内部出错，本次问答未完成；详情见终端。",
        "Something went wrong inside; this exchange is not complete, see the terminal.",
    ),
    "m_name": ("请给病例起个名字。", "Give the case a name."),
    "image_only": ("请看这张影像，说明你看到了什么。", "Look at this image and say what you see."),
    "zoom": ("点击放大", "Click to enlarge"),
    # about
    "about_what": ("这是什么", "What this is"),
    "about_text": (
        "medeval 让微调医学视觉语言模型的人和身边的医生一起看清：新版本是否更好、好在哪里、有多确定、是否安全。"
        "同一个基础模型只加载一次，各版本是同一批次里的行；每一分都能追溯到回答里高亮的词，不需要另一个语言模型来打分。",
        "medeval lets people who fine-tune medical vision-language models, and the clinicians beside them, see whether "
        "a new variant is better, at what, how surely, and whether it is safe. The base is loaded once and variants "
        "are rows of one batch; every point traces to highlighted words of the answer, with no judging model.",
    ),
    "about_privacy": ("数据去向", "Where data goes"),
    "about_privacy_text": (
        "一切都在本机完成，页面不向外发送任何内容。问题、回答和清洗后的影像保存在：{home}",
        "Everything stays on this machine; the page sends nothing out. Questions, answers and cleaned images are in: "
        "{home}",
    ),
    "about_privacy_server": (
        "问题和影像（只有像素）发送到您给出的服务器 {host}，此外不向外发送任何内容。"
        "问题、回答和清洗后的影像保存在：{home}",
        "Questions and images (pixels only) go to the server that you named, {host}; nothing else is sent out. "
        "Questions, answers and cleaned images are in: {home}",
    ),
    "about_metrics": ("指标", "Metrics"),
    "about_metric_name": ("名称", "Name"),
    "about_metric_seed": ("看什么", "What it looks at"),
    "about_metric_status": ("检验结果", "How far to trust it"),
    "descriptive": ("描述性", "descriptive"),
    "status_rated": ("已检验。", "Rated."),
    "status_descriptive": ("描述性，不计入总分。", "Descriptive, not in the total."),
    "status_unmeasured": ("尚未用外部数据检验。", "Not yet validated on outside data."),
    "about_variants": ("版本", "Variants"),
    "about_problems": ("需要修正的文件", "Files to correct"),
    "about_version": ("版本号 {version} · MIT 许可", "Version {version} · MIT licence"),
}

PARTS: tuple[dict[str, tuple[str, str]], ...] = (
    text_evaluate.TEXT,
    text_review.TEXT,
    text_says.TEXT,
    text_batch.TEXT,
    text_train.TEXT,
    text_data.TEXT,
    text_adapters.TEXT,
)
"""Words of the further tabs, each in its own `text_<tab>.py`."""
for part in PARTS:
    TEXT.update(part)


def say(key: str, lang: Lang, **values: object) -> str:
    """The text `key` in `lang`, with `{name}` places filled from `values`.

    Raises:
        KeyError: an unknown key.
    """
    text = TEXT[key][0 if lang == "zh" else 1]
    return text.format(**values) if values else text
