"""What signals, events, figures and stages of an examination are called on its page, in English and Chinese."""

from functools import partial

from unmissed.inference.endoscopy.values import EventKind, Reason, Scene, SpeedState
from unmissed.inference.reports.words import Word, word_for

REASONS = {
    Reason.DARK: Word("Too dark", "过暗"),
    Reason.OVEREXPOSED: Word("Over-exposed", "过曝"),
    Reason.BLUR: Word("Blurred", "模糊"),
    Reason.WALL: Word("Wall contact", "贴壁"),
    Reason.WATER: Word("Water, foam", "冲洗、泡沫"),
    Reason.SMOKE: Word("Smoke, veil", "烟雾"),
    Reason.OUTSIDE: Word("Outside", "体外"),
    Reason.GAP: Word("No picture", "无图像"),
}

SCENES = {
    Scene.OUTSIDE: Word("Outside", "体外"),
    Scene.CAECUM: Word("Caecum", "盲肠"),
    Scene.INSTRUMENT: Word("Instrument", "器械操作"),
}

STATES = {
    SpeedState.GREEN: Word("Safe", "安全", tone="calm"),
    SpeedState.AMBER: Word("Fast", "偏快", tone="warn"),
    SpeedState.RED: Word("Too fast", "过快", tone="bad"),
    SpeedState.NOT_ASSESSED: Word("Not assessed", "未评估"),
    SpeedState.GREY: Word("Not measurable", "无法测量"),
}

EVENTS = {
    EventKind.STARTED: Word("Start", "开始", tone="look"),
    EventKind.ENTERED: Word("In the body", "进镜", tone="look"),
    EventKind.CAECUM: Word("Caecum", "到达盲肠", tone="look"),
    EventKind.LEFT: Word("Out of the body", "出镜", tone="look"),
    EventKind.SITE: Word("Site seen", "部位已观察", tone="calm"),
    EventKind.SPEED: Word("Speed", "退镜速度", tone="warn"),
    EventKind.SLIP: Word("Slip", "滑镜", tone="warn"),
    EventKind.LESION: Word("Suspicious area", "可疑区域", tone="bad"),
    EventKind.FROZEN: Word("Frozen", "画面冻结", tone="look"),
    EventKind.ILLEGIBLE: Word("No clear view", "视野不清", tone="warn"),
    EventKind.THERAPY: Word("Instrument", "器械操作", tone="look"),
    EventKind.GAP: Word("No picture", "无图像", tone="warn"),
    EventKind.CHANGED: Word("Picture changed", "图像改变", tone="look"),
    EventKind.COLOUR: Word("No plausible colour", "颜色不可信", tone="warn"),
    EventKind.UNLIKE: Word("Unlike training", "与训练图像不同", tone="warn"),
    EventKind.SHORT: Word("Too short", "退镜时间不足", tone="bad"),
    EventKind.ENDED: Word("End", "结束", tone="look"),
}

SIGNS = {
    EventKind.ENTERED: "▸",
    EventKind.CAECUM: "C",
    EventKind.LEFT: "◂",
    EventKind.SLIP: "S",
    EventKind.LESION: "!",
    EventKind.GAP: "⌀",
    EventKind.SHORT: "✗",
    EventKind.THERAPY: "T",
}
"""How events are shown on the time line."""

KPIS = {
    "withdrawal_s": Word(
        "Withdrawal time",
        "退镜时间",
        "From the caecum to the exit, excluding therapy, frozen pictures and gaps.",
        "自盲肠至出镜，不计治疗、冻结及无图像时间。",
    ),
    "examination_s": Word(
        "Examination time",
        "检查时间",
        "Inside the body, excluding frozen pictures and gaps.",
        "体内时间，不计冻结及无图像时间。",
    ),
    "effective": Word(
        "Clear observation", "有效观察占比", "Share of that time with a legible picture.", "该时间内画面清晰的比例。"
    ),
    "caecum": Word("Caecum recognised", "识别到盲肠", "Time of the recording.", "录像时间。"),
    "preparation": Word(
        "Bowel preparation",
        "肠道准备",
        "Thirds of the withdrawal, by time and not by place, with 2 or 3 (Boston scale).",
        "退镜时间三等分（按时间，非肠段）中达到 2–3 分（波士顿量表）者。",
    ),
    "coverage": Word("Sites seen", "已观察部位", "Of the sites in the protocol.", "按检查方案。"),
    "speed_red": Word("Too fast", "过快占比", "Share of the withdrawal.", "占退镜时间。"),
    "speed_amber": Word("Fast", "偏快占比", "Share of the withdrawal.", "占退镜时间。"),
    "speed_grey": Word("Speed not measurable", "速度无法测量", "Share of the withdrawal.", "占退镜时间。"),
    "speed_alarms": Word("Speed alarms", "速度报警次数", "Withdrawal too fast.", "退镜过快。"),
    "slips": Word("Slips", "滑镜次数", "The picture jumped.", "画面突变。"),
    "lesion_alerts": Word(
        "Alerts", "可疑区域提示", "Suspicious areas marked by the detector.", "检测模型提示的可疑区域。"
    ),
    "longest_illegible": Word(
        "Longest unclear stretch", "最长不清晰时段", "No clear view inside the body.", "体内视野不清。"
    ),
}

STAGES_ZH = {
    "content": "视野定位",
    "clarity": "清晰度",
    "similarity": "相似度",
    "motion": "运动",
    "speed": "退镜速度",
    "site": "部位识别",
    "lesion": "病灶检测",
    "trackers": "累计",
    "latency": "延迟",
    "total": "总计",
}

PARTS = {
    "coverage": Word("sites seen", "已观察部位"),
    "legible": Word("clear picture", "画面清晰"),
    "time": Word("time", "时间"),
    "speed": Word("speed", "速度"),
    "preparation": Word("preparation", "肠道准备"),
}
"""Parts of the score."""

ROLES = {
    "site": Word("Site model", "部位模型"),
    "preparation": Word("Preparation model", "肠道准备模型"),
    "lesion": Word("Lesion model", "病灶模型"),
}

role = partial(word_for, words=ROLES)
kpi = partial(word_for, words=KPIS)
part = partial(word_for, words=PARTS)


def states(is_assessed: bool) -> dict[SpeedState, Word]:
    """The states that the gauge can show: with limits all but "not assessed", without them no colour."""
    bands = (SpeedState.GREEN, SpeedState.AMBER, SpeedState.RED)
    hidden = (SpeedState.NOT_ASSESSED,) if is_assessed else bands
    return {state: word for state, word in STATES.items() if state not in hidden}


def stage(name: str) -> Word:
    """The words of a stage."""
    return Word(name, STAGES_ZH.get(name, name))
