"""The reasons for a disposition, and for no exclusion, in Chinese; in English they are made where they are found."""

import re
from functools import lru_cache

from unmissed.inference.cytology.pages.words import MEASURES, UNLIKE

_NUMBER = r"[\d.,]+"
_SHARE = r"[\d.]+ ?%"
# What a pattern leaves over stays as it is: names, and what people wrote. Longer ones come before their parts.
_PATTERNS = (
    # The policy and its certificate.
    (r"the policy (.+?) has no operating point \((.*)\)", r"策略 \1 无工作点（\2）"),
    (r"the policy (.+?) has no operating point", r"策略 \1 无工作点"),
    (r"the operating point (.+?) has no certificate", r"工作点 \1 无证书"),
    (
        r"the policy (.+?) was changed after it was sealed; only `unmissed certify` writes one that excludes",
        r"策略 \1 在封存后被改动；只有 `unmissed certify` 写出的策略可以排除玻片",
    ),
    (
        r"the policy (.+?) has no seal; only `unmissed certify` writes one that excludes",
        r"策略 \1 未封存；只有 `unmissed certify` 写出的策略可以排除玻片",
    ),
    (
        r"the certificate is suspended for this run: its slides have drifted from the certified ones \((.*?)\)",
        lambda found: f"证书在本次运行中暂停：本次玻片已偏离认证玻片（{_measures(found[1])}）",
    ),
    (r"the certificate is malformed", r"证书格式有误"),
    (r"the certificate was suspended on ([\d-]+): ", r"证书已于 \1 暂停："),
    (r"the certificate was revoked on ([\d-]+): ", r"证书已于 \1 撤销："),
    (
        r"the certificate was issued on ([\d-]+), which is in the future: check this machine's date",
        r"证书签发日期 \1 晚于今天：请检查本机日期",
    ),
    (r"the certificate expired on ([\d-]+)", r"证书已于 \1 到期"),
    (rf"the certificate counts ({_NUMBER}) missed of ({_NUMBER}) positives", r"证书记 \2 例阳性中漏诊 \1 例"),
    (
        rf"the certificate states a sensitivity of at least ({_NUMBER}), but ({_NUMBER}) missed of ({_NUMBER}) "
        rf"positives prove only ({_NUMBER}) at a confidence of ({_NUMBER})",
        r"证书称敏感度不低于 \1，但 \3 例阳性中漏诊 \2 例，在 \5 置信度下仅证明 \4",
    ),
    (rf"the certificate has a confidence of ({_NUMBER}); the policy demands ", r"证书置信度为 \1，策略要求 "),
    (rf"the certificate proves a sensitivity of ({_NUMBER}); the policy demands ", r"证书证明的敏感度为 \1，策略要求 "),
    (
        rf"the threshold ({_NUMBER}) is above ({_NUMBER}), for which the certificate was issued",
        r"阈值 \1 高于证书所证明的 \2",
    ),
    # A slide that was screened otherwise.
    (r"the certificate was issued for other models \(", r"证书适用于其他模型 ("),
    (r"the certificate was issued for other preset values \(", r"证书适用于其他预设值 ("),
    (r"the known answers of the (.+?) were not computed on this machine", r"本机未计算 \1 的已知答案"),
    (
        rf"this machine or release gives different results: the known answers of the (.+?) differ by ([\d.e-]+), "
        rf"the certificate allows ({_NUMBER})",
        r"本机或本版本结果不同：\1 的已知答案相差 \2，证书允许 \3",
    ),
    (
        r"the certificate was issued for runtime (.+?), this slide was screened with ",
        r"证书适用于运行环境 \1，本玻片所用为 ",
    ),
    (
        r"the certificate was issued for preparation (.+?), this slide was screened with ",
        r"证书适用于制片方式 \1，本玻片所用为 ",
    ),
    (r"the certificate was issued for (.+?), this slide is from ", r"证书适用于 \1，本玻片来自 "),
    (r"files that name no scanner", r"未注明扫描仪的文件"),
    (r"the scanner ", r"扫描仪 "),
    # What the data prove.
    (
        r"no positive patient has a slide with a score that could be excluded, so nothing is proved",
        r"没有任何阳性患者的玻片具有可据以排除的评分，因此未能证明",
    ),
    (
        rf"({_NUMBER}) of ({_NUMBER}) positive patients? have a slide of score 0, and ({_SHARE}) allows ({_NUMBER}) to "
        r"be missed: no threshold above 0 is proved",
        r"\2 例阳性患者中 \1 例有评分为 0 的玻片，\3 仅允许漏诊 \4 例：未能证明高于 0 的阈值",
    ),
    (
        rf"({_NUMBER}) positive patients?, none missed, prove ({_SHARE}) at a confidence of ({_SHARE}); ({_SHARE}) "
        rf"needs ({_NUMBER}) without a miss, ({_NUMBER}) more",
        r"\1 例阳性患者无漏诊，以 \3 置信度证明 \2；\4 需 \5 例无漏诊，尚缺 \6 例",
    ),
    (
        rf"the check misses ({_NUMBER}) of ({_NUMBER}) positive patients, too many for a sensitivity of ({_SHARE}): "
        r"they are not like those that proved the threshold",
        r"验证中 \2 例阳性患者漏诊 \1 例，与 \3 的敏感度不符：其与证明阈值的患者不同",
    ),
    (
        r"the scores are tied to no models: name the triage run that made them with --run",
        r"评分未对应任何模型：请以 --run 指明产生评分的运行",
    ),
    (
        rf"sensitivity ({_SHARE}): threshold ({_NUMBER}), sensitivity at least ({_SHARE}) with ({_SHARE}) confidence",
        r"阈值 \2，以 \4 置信度敏感度不低于 \3",
    ),
    # The rules of a policy.
    (r"there is no result", r"无结果"),
    (r"the picture is entirely black: the scan failed", r"图像全黑：扫描失败"),
    (rf"({_SHARE}) of the tiles could not be read; the policy allows ({_SHARE})", r"\1 的图块无法读取；策略允许 \2"),
    (r"there is only empty glass: no cell was found", r"仅有空白玻璃：未发现细胞"),
    (
        rf"about ({_NUMBER}) cells \(({_NUMBER}) needed\), ({_SHARE}) out of focus \(at most ({_SHARE})\), ({_SHARE}) "
        rf"obscured \(at most ({_SHARE})\)",
        r"约 \1 个细胞（需 \2 个），失焦 \3（至多 \4），遮盖 \5（至多 \6）",
    ),
    (r"findings support (\S+), so the slide is reviewed although ", r"所见支持 \1，故仍须阅片，尽管"),
    (r"findings support (\S+), which is never excluded", r"所见支持 \1，此级别从不排除"),
    (r"nothing may be excluded: ", r"不可排除任何玻片："),
    (r"may not be excluded: ", r"不可排除："),
    (rf"score ({_NUMBER}) reaches the threshold ({_NUMBER})", r"评分 \1 达到阈值 \2"),
    (rf"score ({_NUMBER}) is below the certified threshold ({_NUMBER})", r"评分 \1 低于经认证的阈值 \2"),
    (rf"among the ({_SHARE}) highest-ranked negatives", r"属于排名最高的 \1 阴性玻片"),
    (rf"drawn at random \(({_SHARE}) of the other negatives\)", r"随机抽取（其余阴性玻片的 \1）"),
    (r"in doubt: ", r"存疑："),
    (
        rf"it looks unlike the training laboratories \((\w+), ({_NUMBER}) times the limit\)",
        lambda found: f"与训练实验室差异较大（{UNLIKE[found[1]].zh}，为界限的 {found[2]} 倍）",
    ),
    (r"it was not compared with the training laboratories", r"未与训练实验室比较"),
    (r"the pixel size was guessed from the objective power", r"像素尺寸由物镜倍数推测"),
    (rf"({_NUMBER}) of ({_NUMBER}) tiles could not be read", r"\2 个图块中 \1 个无法读取"),
)


@lru_cache(maxsize=4096)  # most name a score, so that all of a long run would only fill the memory
def in_chinese(reason: str) -> str:
    """A reason in Chinese; a part that has no Chinese stays in English."""
    for pattern, chinese in _PATTERNS:
        reason = re.sub(pattern, chinese, reason)
    return reason.replace("; ", "；")


def _measures(names: str) -> str:
    return "、".join(MEASURES[name].zh if name in MEASURES else name for name in names.split(", "))
