"""Words of the panel that shows what an image says."""

TEXT: dict[str, tuple[str, str]] = {
    "says_title": ("图上写着（OCR，{n} 行）", "What the image says (OCR, {n} rows)"),
    "says_reading": ("正在读图上的文字…", "Reading the text of the image…"),
    "says_none": ("OCR：图中没有读到化验单", "OCR: no lab report in this image"),
    "says_doubtful": ("{n} 行需核对", "{n} to check"),
    "says_unsure": ("看不清，请对照原图", "Hard to read, compare with the image"),
    "says_note": (
        "机器读取，未改动任何数值；矛盾之处只提示。上传图中的姓名、编号已遮住。",
        "Read by machine; no figure was changed, contradictions are only pointed out. Names and numbers of uploads are "
        "blurred.",
    ),
    "says_scored": (
        "化验单字段按 OCR 读准的 {n} 行评分。",
        "Report fields are scored by the {n} rows that OCR read surely.",
    ),
    "says_name": ("项目", "Test"),
    "says_value": ("结果", "Result"),
    "says_flag": ("提示", "Flag"),
    "says_unit": ("单位", "Unit"),
    "says_range": ("参考范围", "Range"),
}
