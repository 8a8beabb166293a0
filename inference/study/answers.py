"""What the program can answer of the checklist after a study of slides; nothing is guessed."""

from unmissed.inference.study.checklist import Item, filled
from unmissed.inference.study.exams.values import ExamStudy
from unmissed.inference.study.values import Study


def checklist_of(study: Study) -> tuple[Item, ...]:
    """The checklist of a study of triage."""
    unit = ("patient", "患者") if study.knows_patients else ("slide", "玻片")
    main, main_zh = study.rules[0]
    run = "; ".join(f"{name}: {text}" for name, text in study.facts.items())
    flow = {step.station: step.positive + step.negative for step in study.flow}
    failed = flow["no_result"] + flow["unprocessable"] + flow["scant"]
    first = study.accuracy[0]
    left = study.left_out
    known = {
        "Title or abstract names a study of diagnostic accuracy and a measure of it": (
            "Sensitivity, specificity, predictive value of a negative, area under the ROC curve",
            "灵敏度、特异度、阴性预测值、ROC 曲线下面积",
        ),
        "Thresholds of the index test, and whether they were fixed before": (
            f"Main rule: {main}. Whether it was fixed before the study is for the authors to say",
            f"主要规则：{main_zh}。是否预先确定由作者说明",
        ),
        "Categories of the reference standard": (
            f"Column {study.truth!r}: positive or negative", f"列“{study.truth}”：阳性或阴性",
        ),
        "How accuracy is estimated and compared": (
            f"The trial is the {unit[0]}; exact intervals (Clopper-Pearson), others by resampling {unit[0]}s; 95 %",
            f"以{unit[1]}为单位；精确区间（Clopper-Pearson），其余按{unit[1]}自助抽样；95%",
        ),
        "How failed and indeterminate results are handled": (
            f"{failed:,} slides could not be judged: they are reviewed, never screened out, and are no trials of the "
            "sensitivity; it is given with them as well",
            f"{failed:,} 张玻片无法判读：均须人工复核，不被排除，不计入灵敏度主分析；另给出包含它们的结果",
        ),
        "How missing data are handled": (
            f"{flow['no_result']:,} slides without a result are counted in the flow",
            f"流程图中列出 {flow['no_result']:,} 张无结果玻片",
        ),
        "Flow of patients, as a diagram": ("In this report, by slides", "见本报告，按玻片计"),
        "Index test against truth, as a table": ("In this report", "见本报告"),
        "Accuracy with its precision": ("In this report", "见本报告"),
        "Failures and missed cases, one by one": (
            "Missed cases are listed in this report; their analysis is for the authors",
            "本报告列出漏诊病例；分析由作者完成",
        ),
        "Intended size, and why": (
            f"{first.sensitivity.n:,} positive {unit[0]}s; what they prove is in this report. The size intended is for "
            "the authors to say",
            f"{first.sensitivity.n:,} 例阳性{unit[1]}；可证明的灵敏度见本报告。计划样本量由作者说明",
        ),
    }  # fmt: skip
    if run:
        known["Version of the machine: models, hashes, settings, hardware"] = (run, run)
    if study.grades:
        known["How severe the positive ones are"] = ("By grade, in this report", "按级别，见本报告")
    if parts := [name for name, of in (("site", study.sites), ("scanner", study.scanners)) if of]:
        known["Fairness: accuracy by site, scanner, age, ethnicity"] = (
            f"By {' and '.join(parts)}, in this report; age and ethnicity are not known to the program",
            "按中心和扫描仪见本报告；程序不掌握年龄与民族",
        )
    if left:
        known["Data that chose, calibrated and checked the machine, and how they are kept apart"] = (
            f"{left:,} slides that chose or calibrated have no part in the study (column role); no patient has two",
            f"{left:,} 张用于选择或校准的玻片不参与本研究（role 列），同一患者只属一种角色",
        )
    known["Access to code, models and data"] = (
        "Unmissed and its models are open (Apache-2.0); access to the data is for the authors to say",
        "Unmissed 及其模型开源（Apache-2.0）；数据获取由作者说明",
    )
    return filled(known)


def checklist_of_exams(study: ExamStudy) -> tuple[Item, ...]:
    """The checklist of a study of examinations."""
    unit = ("patients", "患者") if study.knows_patients else ("examinations", "检查")
    lost = len(study.no_result)
    run = "; ".join(f"{name}: {text}" for name, text in study.facts.items())
    return filled(
        {
            "How accuracy is estimated and compared": (
                f"Intervals of 95 % by resampling {unit[0]}; exact ones (Clopper-Pearson) by site",
                f"按{unit[1]}自助抽样的 95% 区间；各部位为精确区间（Clopper-Pearson）",
            ),
            "How failed and indeterminate results are handled": (
                "Sites not assessed count for no figure of sites; clocks not found are counted apart",
                "未评估的部位不计入部位指标；未识别的计时单独计数",
            ),
            "How missing data are handled": (
                f"{lost:,} examinations of the table without a finished record are named in the flow",
                f"流程图中列出 {lost:,} 次无完整记录的检查",
            ),
            "Flow of patients, as a diagram": ("In this report, by examinations", "见本报告，按检查计"),
            "Index test against truth, as a table": (
                "In this report, by site and by examination",
                "见本报告，按部位与检查",
            ),
            "Accuracy with its precision": ("In this report", "见本报告"),
            "Version of the machine: models, hashes, settings, hardware": (run, run),
        }
    )
