"""What a policy excludes and what proves it, for people: English, then Chinese."""

from collections.abc import Iterator
from datetime import date

from unmissed.inference.cytology.certification.proof import percent
from unmissed.inference.cytology.policy.bounds import sensitivity_lower_bound
from unmissed.inference.cytology.policy.certificates import Certificate, read_certificate, scanner_in_words
from unmissed.inference.cytology.policy.policy import Exclusion, Policy

_EVENTS_ZH = {"suspended": "已暂停", "resumed": "已恢复", "revoked": "已撤销"}


def describe(policy: Policy, today: date | None = None) -> list[str]:
    """Lines of text; each fact in English, and below it in Chinese."""
    return list(_lines(policy, today))


def _lines(policy: Policy, today: date | None) -> Iterator[str]:
    exclusion = Exclusion.under(policy, today)
    if exclusion.refusal:
        yield f"Policy {policy.name}: NO SLIDE IS EXCLUDED, because {exclusion.refusal}."
        yield f"策略 {policy.name}：不排除任何玻片（原因见上）。"
    else:
        yield f"Policy {policy.name}: slides that score below {exclusion.threshold:g} need no further review."
        yield f"策略 {policy.name}：评分低于 {exclusion.threshold:g} 的玻片无需进一步阅片。"
    point = policy.operating_point
    certificate = read_certificate(point.certificate) if point is not None else ""
    if isinstance(certificate, Certificate):
        yield from _certificate(certificate)
    for event in policy.life:
        yield f"{event.day}: {event.event}: {event.reason}"
        yield f"{event.day}：{_EVENTS_ZH[event.event]}：{event.reason}"
    if policy.ledger:
        yield f"Ledger: {len(policy.ledger)} uses of data"
        yield f"数据使用记录：{len(policy.ledger)} 次"
        for use in policy.ledger:
            yield (
                f"  {use.day} {use.role}, {use.positives:,} positive patients ({use.cases_sha256[:12]}), "
                f"{percent(use.sensitivity)}: {use.outcome}"
            )


def _certificate(certificate: Certificate) -> Iterator[str]:
    claim = percent(certificate.sensitivity_bound), percent(certificate.confidence)
    counts = f"{certificate.missed:,}", f"{certificate.positives:,}"
    yield (
        f"Proved: sensitivity at least {claim[0]} with {claim[1]} confidence; {counts[0]} of {counts[1]} positive "
        f"patients ({certificate.truth}) missed at {certificate.threshold:g}."
    )
    yield (
        f"已证明：以 {claim[1]} 置信度，敏感度不低于 {claim[0]}；{counts[1]} 例阳性患者（{certificate.truth}）"
        f"在阈值 {certificate.threshold:g} 下漏诊 {counts[0]} 例。"
    )
    yield f"In force from {certificate.issued} to {certificate.expires}."
    yield f"有效期：{certificate.issued} 至 {certificate.expires}。"
    for part in certificate.beside:
        is_covered = part.threshold >= certificate.threshold
        best = sensitivity_lower_bound(part.positives, 0, certificate.confidence) if part.positives else 0.0
        what = f"  {part.of}: {part.missed:,} of {part.positives:,} missed; "
        if is_covered:
            yield f"{what}the claim is proved for it alone, up to {part.threshold:g}."
        elif part.threshold:
            yield f"{what}proved for it alone only up to {part.threshold:g}."
        else:
            yield f"{what}not proved for it alone (without a miss so many prove {percent(best)})."
        verdict = "单独成立" if is_covered else "单独不成立"
        yield f"  {part.of}：{part.positives:,} 例，漏诊 {part.missed:,} 例；{verdict}。"
    if check := certificate.check:
        yield f"Checked on {check.positives:,} other positive patients: {check.missed:,} missed."
        yield f"另以 {check.positives:,} 例阳性患者验证：漏诊 {check.missed:,} 例。"
    scanners = ", ".join(map(scanner_in_words, certificate.scanners))
    yield f"Covers {certificate.preparation} preparations of {scanners}" + _sites(certificate, "; sites: ") + "."
    kind = {"liquid": "液基", "conventional": "传统涂片"}.get(certificate.preparation, certificate.preparation)
    yield f"适用范围：{kind}；扫描仪：{'、'.join(name or '文件未注明' for name in certificate.scanners)}" + (
        _sites(certificate, "；机构：") + "。"
    )
    models = ", ".join(f"{role} {sha256[:12]}" for role, sha256 in certificate.models.items())
    yield f"Models: {models}; runtime {certificate.runtime}; preset {certificate.preset.get('name', '')}."
    yield f"模型：{models}；运行环境 {certificate.runtime}；预设 {certificate.preset.get('name', '')}。"
    yield "Void with any other model, preset, runtime, preparation or scanner, or where known answers differ."
    yield "更换模型、预设、运行环境、制片方式或扫描仪，或已知答案不一致时，证书无效。"
    if certificate.reference:
        slides = max(part.slides for part in certificate.reference.values())
        yield f"Watched for drift: {', '.join(certificate.reference)}, against {slides:,.0f} slides."
        yield f"偏移监测：{'、'.join(certificate.reference)}，参照 {slides:,.0f} 张玻片。"
    for note in certificate.notes:
        yield f"Note: {note}."


def _sites(certificate: Certificate, before: str) -> str:
    names = ", ".join(name for name in certificate.sites if name)
    return before + names if names else ""
