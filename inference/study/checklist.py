"""The checklist of a report: what STARD 2015 and its AI extension ask, in our words, and what the program knows of it.

Bossuyt et al., BMJ 351:h5527 (2015), whose numbers the items bear; those marked AI are what STARD-AI (2025) adds or
stresses for a machine: the version of the index test, data and their partitions, failures, fairness, access.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.basis.names import table_cell


@dataclass(frozen=True)
class Item:
    """An item: what it asks, and the answer; empty where only the authors know it.

    Attributes:
        number: of STARD 2015, with "AI" where the extension adds to it.
        en, zh: what is asked.
        answer, answer_zh: what the program knows.
    """

    number: str
    en: str
    zh: str
    answer: str = ""
    answer_zh: str = ""


_ITEMS = (
    (
        "1",
        "Title or abstract names a study of diagnostic accuracy and a measure of it",
        "题目或摘要说明为诊断准确性研究及其指标",
    ),
    ("2", "Structured abstract", "结构式摘要"),
    ("3", "Background, intended use and clinical role of the machine", "背景、预期用途与临床角色"),
    ("4", "Aims and hypotheses", "目的与假设"),
    ("5", "Planned before or after the tests were done (prospective, retrospective)", "前瞻性或回顾性"),
    ("6", "Who was eligible", "纳入与排除标准"),
    ("7", "How eligible patients were found", "如何识别合格患者"),
    ("8", "Where and when", "地点与时间"),
    ("9", "Consecutive, random or convenience series", "连续、随机或便利样本"),
    ("10a", "Index test, so that it can be repeated", "待评价试验，足以重复"),
    ("10a AI", "Version of the machine: models, hashes, settings, hardware", "算法版本：模型、哈希值、设置、硬件"),
    ("10b", "Reference standard, so that it can be repeated", "参考标准，足以重复"),
    ("11", "Why this reference standard", "选择该参考标准的理由"),
    ("12a", "Thresholds of the index test, and whether they were fixed before", "待评价试验的阈值，是否预先确定"),
    ("12b", "Categories of the reference standard", "参考标准的分类"),
    ("13a", "Whether readers of the index test knew the truth", "待评价试验判读者是否知晓参考标准"),
    ("13b", "Whether those who set the truth knew the machine's result", "参考标准判定者是否知晓待评价试验结果"),
    ("14", "How accuracy is estimated and compared", "准确性的估计与比较方法"),
    ("15", "How failed and indeterminate results are handled", "失败及不确定结果的处理"),
    ("16", "How missing data are handled", "缺失数据的处理"),
    ("17", "Analyses of parts, and which were planned", "亚组分析，哪些为预先计划"),
    ("18", "Intended size, and why", "样本量及其依据"),
    (
        "AI",
        "Data that chose, calibrated and checked the machine, and how they are kept apart",
        "选择、校准与检验数据及其隔离方式",
    ),
    (
        "AI",
        "Where training data come from, and whether patients of the study are in them",
        "训练数据来源，是否与本研究患者重叠",
    ),
    ("AI", "How a person uses the machine's result", "医师如何使用机器结果"),
    ("19", "Flow of patients, as a diagram", "患者流程图"),
    ("20", "Who the patients are: age, screening history", "患者基线特征：年龄、筛查史"),
    ("21a", "How severe the positive ones are", "阳性患者的严重程度分布"),
    ("21b", "Other diagnoses of the negative ones", "阴性患者的其他诊断"),
    ("22", "Time and treatment between machine and truth", "待评价试验与参考标准之间的时间与干预"),
    ("23", "Index test against truth, as a table", "待评价试验与参考标准的交叉表"),
    ("24", "Accuracy with its precision", "准确性估计值及其精度"),
    ("25", "Harms", "不良事件"),
    ("AI", "Failures and missed cases, one by one", "失败与漏诊病例的逐例分析"),
    ("AI", "Fairness: accuracy by site, scanner, age, ethnicity", "公平性：按中心、扫描仪、年龄、民族"),
    ("26", "Limits: bias, uncertainty, how far it carries", "局限性：偏倚、不确定性、可推广性"),
    ("27", "What it means for practice", "对临床实践的意义"),
    ("28", "Registration number and registry", "注册号与注册机构"),
    ("29", "Where the protocol is", "研究方案获取途径"),
    ("30", "Funding and role of the funders", "资金来源及其作用"),
    ("AI", "Access to code, models and data", "代码、模型与数据的获取"),
    ("AI", "Ethics approval, consent, privacy", "伦理审批、知情同意与隐私"),
)  # fmt: skip


def filled(known: Mapping[str, tuple[str, str]]) -> tuple[Item, ...]:
    """The checklist with what is known of it.

    Args:
        known: what an item asks, in English -> the answer in English and Chinese.
    """
    return tuple(Item(number, en, zh, *known.get(en, ("", ""))) for number, en, zh in _ITEMS)


def write_checklist(path: Path, items: Iterable[Item]) -> None:
    """Write the checklist as CSV with its answers; "open" is for the authors.

    Raises:
        OutputError: When the file cannot be written.
    """
    with write_whole(path) as stream:
        table = csv.writer(stream)
        table.writerow(("item", "asks", "问题", "state", "answer", "答案"))
        for item in items:
            state = "answered by the program, to be checked" if item.answer else "open"
            table.writerow([item.number, item.en, item.zh, state, table_cell(item.answer), table_cell(item.answer_zh)])
