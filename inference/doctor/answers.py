"""Every shipped model in every runtime that is here, against the known answers of its card."""

from collections.abc import Iterator
from itertools import product

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.doctor.row import Check, CheckStatus
from unmissed.inference.runtimes import registry as runtime_registry
from unmissed.inference.runtimes.answers import Agreement, Verdict, verdict_of
from unmissed.inference.runtimes.variants import candidates
from unmissed.models import zoo
from unmissed.models.cards import load_card

BASE_RUNTIME = "onnx-cpu"
ANSWERS = "answers "  # how the names of these checks begin


def examine_answers() -> Iterator[Check]:
    """Every file of every shipped model in every runtime that is here, against the known answers of its card."""
    for runtime, name in product(runtime_registry.names(), zoo.names()):
        engine = runtime_registry.select(runtime)
        if not engine.is_available().ok:
            continue
        try:
            card = load_card(zoo.find_card(name))
            verdicts = [verdict_of(zoo.resolve(name, variant), runtime, anew=True) for variant in card.files]
        except UnmissedError as error:
            yield Check(f"{ANSWERS}{name}, -, {runtime}", CheckStatus.FAIL, error.found, error.fix)
            continue
        offered = candidates(card, fast_int8=engine.fast_int8)
        any_right = any(v.agreement is Agreement.RIGHT and v.variant in offered for v in verdicts)
        for verdict in verdicts:
            yield _answer(name, verdict, runtime, any_right)


def _answer(name: str, verdict: Verdict, runtime: str, any_right: bool) -> Check:
    title = f"{ANSWERS}{name}, {verdict.variant}, {runtime}"
    if verdict.agreement is Agreement.RIGHT:
        return Check(title, CheckStatus.PASS, f"{verdict.apart:.2g} of {verdict.allowed:.2g}, {verdict.ms:.1f} ms")
    if any_right:
        return Check(title, CheckStatus.WARN, str(verdict), "nothing: another variant is used instead")
    status = CheckStatus.FAIL if runtime == BASE_RUNTIME else CheckStatus.WARN
    return Check(title, status, str(verdict), f"update {runtime}'s package and driver, or take another --runtime")
