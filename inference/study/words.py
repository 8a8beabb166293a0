"""What stations and claims are called in the report, in English and Chinese."""

from unmissed.inference.reports.words import Word

STATIONS = {
    "no_result": Word("No result", "无结果", "Not in the run, or failed.", "不在运行中或处理失败。", "bad"),
    "unprocessable": Word(
        "Scan again or check", "重新扫描或核查", "Out of focus, obscured, damaged.", "失焦、遮盖或损坏。", "warn"
    ),
    "scant": Word("Too few cells", "细胞量不足", "A doctor decides.", "由医师决定。", "warn"),
    "unlike": Word(
        "Unlike the training laboratories",
        "与训练实验室不相似",
        "Screened, always reviewed.",
        "已筛查，均须复核。",
        "look",
    ),
    "review": Word("Review", "须复核", "At or above the operating point, or in doubt.", "达到工作点或存疑。", "look"),
    "qc_review": Word(
        "Quality review", "质控复核", "Below it, drawn for quality control.", "低于工作点，抽取作质控。", "look"
    ),
    "no_further_review": Word("Screened out", "已排除", "No person looks at them.", "无人阅片。", "calm"),
}

CLAIMS = {
    "sensitivity": Word("Sensitivity", "灵敏度"),
    "excluded": Word("Screened out, of processable slides", "排除比例（可处理玻片）"),
    "npv": Word("Negative predictive value (ours at 5 %)", "阴性预测值（本研究按 5% 患病率）"),
    "cases": Word("Cases", "病例数"),
    "seconds": Word("Machine, seconds a slide (median)", "机器每片用时（秒，中位数）"),
    "by_hand": Word("Person, minutes a slide (ours assumed)", "人工每片用时（分钟，本研究为假定值）"),
}

CLOCK_WORDS = {
    "caecum_s": Word("Caecum reached", "到达盲肠"),
    "withdrawal_s": Word("Withdrawal", "退镜时间"),
    "examination_s": Word("Examination", "检查时间"),
    "effective_s": Word("Effective observation", "有效观察时间"),
    "therapy_s": Word("Therapy", "治疗时间"),
    "frozen_s": Word("Frozen", "画面冻结"),
    "illegible_s": Word("No clear view", "视野不清"),
}
