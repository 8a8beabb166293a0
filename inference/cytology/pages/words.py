"""What dispositions, verdicts and stages are called on the pages, in English and Chinese."""

from unmissed.inference.reports.words import Word

DISPOSITIONS = {
    "review": Word("Review", "需复核", "A doctor reads this slide.", "须由医师阅片。"),
    "qc_review": Word(
        "Quality review",
        "质控复核",
        "Below the operating point, but selected for quality control.",
        "低于工作点，但被抽取作质量控制阅片。",
    ),
    "no_further_review": Word(
        "No further review",
        "无需进一步阅片",
        "Below the certified operating point.",
        "低于经认证的工作点。",
        "calm",
    ),
    "scant": Word(
        "Scant",
        "细胞量不足",
        "Too few cells to assess; a doctor decides.",
        "细胞太少，无法判断，由医师决定。",
        "warn",
    ),
    "rerun": Word(
        "Scan again", "重新扫描", "Image quality too low; scan the slide again.", "图像质量不足，请重新扫描。", "warn"
    ),
    "process_review": Word(
        "Check the process",
        "流程核查",
        "Could not be screened; find the cause, then read the slide by hand or run it again.",
        "未能完成筛查；请查明原因后人工阅片或重新处理。",
        "bad",
    ),
}

ADEQUACY = {
    "adequate": Word("Adequate", "满意", "Enough clearly visible cells.", "细胞量足够且清晰。", "calm"),
    "scant": Word("Scant", "细胞量不足", "Fewer cells than needed.", "细胞数少于要求。", "warn"),
    "obscured": Word("Obscured", "遮盖过多", "Too much is obscured.", "被遮盖的部分过多。", "warn"),
    "out_of_focus": Word("Out of focus", "失焦", "Too much is out of focus.", "失焦部分过多。", "warn"),
    "empty": Word("Empty", "空白", "Nothing to assess.", "无可判读内容。", "bad"),
}

# Measures of a run that are compared with the certified slides, and what became of it.
MEASURES = {
    "score": Word("Score", "评分"),
    "foreground": Word("Foreground, mm²", "前景面积"),
    "stain": Word("Stain and light", "染色与亮度"),
    "cells": Word("Cells", "细胞数"),
}
DRIFT = {
    "steady": Word("As certified", "与认证一致", "", "", "calm"),
    "warning": Word("Warning", "警告", "", "", "warn"),
    "suspended": Word("Exclusion suspended", "已暂停排除", "", "", "bad"),
}

# In what a slide looks unlike the training laboratories.
UNLIKE = {
    "colour": Word("stain or colour", "染色或色彩"),
    "light": Word("light", "亮度"),
    "sharpness": Word("sharpness or pixel size", "清晰度或像素尺寸"),
}

# Stages of a slide, what is counted of it, and work of its threads; one that is not here is shown as it is.
STAGES_ZH = {
    "open": "打开",
    "scan": "扫描",
    "regions": "区域",
    "sample": "抽样",
    "candidates": "候选",
    "judge": "判读",
    "aggregate": "汇总",
    "hash": "校验",
    "total": "总计",
    "tiles_read": "已读图块",
    "tiles_damaged": "损坏图块",
    "thumbnail_grey": "平均灰度",
    "canvases": "分析画幅",
    "canvases_empty": "空白画幅",
    "places_sampled": "抽样位置",
    "crops_judged": "已判读截图",
    "thread_s_read": "线程用时（秒）：读取",
    "thread_s_foreground": "线程用时（秒）：前景",
    "thread_s_finder": "线程用时（秒）：检出",
    "thread_s_read_sample": "线程用时（秒）：抽样读取",
    "thread_s_finder_sample": "线程用时（秒）：抽样检出",
    "thread_s_read_crops": "线程用时（秒）：读取截图",
    "thread_s_judge": "线程用时（秒）：判读",
}


def stage(name: str) -> Word:
    """The words of a stage, a count or, as ``thread_s_WORK``, the work of threads."""
    plain = name.replace("thread_s_", "thread seconds: ").replace("_", " ")
    return Word(plain, STAGES_ZH.get(name, plain))
