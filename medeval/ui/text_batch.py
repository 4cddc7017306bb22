"""Words of the panel for a batch of images."""

TEXT: dict[str, tuple[str, str]] = {
    "images": ("一批图像，同一个问题", "A batch of images, one question"),
    "images_files": ("图像文件夹", "Folder of images"),
    "images_prompt": ("要问每张图像的问题", "Question about every image"),
    "images_start": ("让各版本作答", "Let the variants answer"),
    "images_intake": ("正在读入图像", "Taking images in"),
    "images_asking": ("正在作答", "Answering"),
    "images_done": (
        "完成：评测 {run}。在“评测”页看结果，在“盲评”页可据此建立盲评。",
        "Done: run {run}. See it in Evaluate, or make a blind review of it in Review.",
    ),
    "images_failed": ("没有完成：{why}", "Not done: {why}"),
    "images_busy": ("上一批还在进行。", "The batch before is still going on."),
    "images_none": ("请先放入图像。", "Add images first."),
    "images_skipped": ("注意：{why}", "Note: {why}"),
}
