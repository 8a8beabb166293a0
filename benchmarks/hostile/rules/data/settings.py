"""Policies, protocols and recipes in YAML: bombs, tags, nesting, repeated keys, numbers out of all range."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule
from unmissed.inference.cytology.policy.policy import policy_names
from unmissed.inference.endoscopy.protocol import protocol_names

_LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
_TEXTS: dict[str, bytes] = {
    "laughs": _LAUGHS.encode(),
    "alias": b"a: &a {b: 1}\nc: *a\n",
    "merge": b"base: &b {name: x}\n<<: *b\n",
    "self": b"a: &a [*a]\n",
    "python-object": b"name: !!python/object/apply:os.system ['touch stray']\n",
    "python-name": b"name: !!python/name:os.system\n",
    "python-module": b"!!python/module:antigravity\n",
    "binary": b"name: !!binary aGVsbG8=\n",
    "set": b"name: !!set {a, b}\n",
    "omap": b"name: !!omap [a: 1]\n",
    "unknown-tag": b"name: !secret x\n",
    "deep-list": b"[" * 90_000,
    "deep-map": b"{a: " * 40_000,
    "deep-blocks": b"".join(b" " * n + b"a:\n" for n in range(600)),
    "deep-dashes": b"- " * 60_000,
    "huge-number": b"name: " + b"9" * 100_000 + b"\n",
    "huge-hex": b"name: 0x" + b"f" * 150_000 + b"\n",
    "sexagesimal": b"name: " + b"9:" * 50_000 + b"9\n",
    "huge-exponent": b"name: 1e999999999\n",
    "nan": b"name: .nan\nminimum_s: .nan\n",
    "repeated-key": b"name: a\nname: b\n",
    "keys-alike": b"1: a\n1.0: b\ntrue: c\n",
    "list-as-key": b"? [a, b]\n: c\n",
    "map-as-key": b"? {a: b}\n: c\n",
    "null-key": b"null: 1\n~: 2\n",
    "two-documents": b"a: 1\n---\nb: 2\n",
    "list": b"- a\n- b\n",
    "scalar": b"name\n",
    "empty": b"",
    "comment": b"# nothing\n",
    "nul": b"name: a\0b\n",
    "utf-16": "name: 你好\n".encode("utf-16"),
    "latin-1": "name: caf\u00e9\n".encode("latin-1"),
    "surrogate": b'name: "\\ud800"\n',
    "escape": b'name: "\\e[2J\\a"\n',
    "bidi": "name: \u202egnp.exe\n".encode(),
    "binary-file": bytes(range(256)) * 40,
    "too-large": b"#" * 300_000 + b"\nname: x\n",
    "tab": b"a:\n\tb: 1\n",
    "unclosed": b"name: 'x\n",
    "directive": b"%YAML 9.9\n---\nname: x\n",
    "date": b"name: 2026-13-45\n",
    "interpolation": b"name: ${oc.env:HOME}\ntitle: ${name}\n",
    "interpolation-loop": b"name: ${title}\ntitle: ${name}\n",
    "unknown-field": b"name: x\nnamme: y\n",
}


_ODD = [
    *("-1", "1e308", ".nan", "null", "[]", "{a: 1}", "''", "yes"),
    *("9" * 400, "../../etc/passwd", "'=cmd()'", "x" * 5000),
]
_KINDS = (Kind.POLICY, Kind.PROTOCOL, Kind.RECIPE)


def _texts_of(kind: Kind) -> Callable[[Place, bytes], Path]:
    def write(place: Place, text: bytes) -> Path:
        return place.write(".yaml", text)

    write.__name__ = f"{kind}_text"
    return write


for _kind in _KINDS:
    rule(_kind, _TEXTS, Expect.REFUSED)(_texts_of(_kind))


def _shipped(kind: Kind) -> str:
    folder, name = {
        Kind.POLICY: ("policies", policy_names()[0]),
        Kind.PROTOCOL: ("protocols", protocol_names()[0]),
        Kind.RECIPE: ("train", "sipakmed"),
    }[kind]
    return files("unmissed.configs").joinpath(folder, f"{name}.yaml").read_text("utf-8")


def _lines_changed(place: Place, kind: Kind, number: int) -> Path:
    """One value of a sound file replaced by something that is not meant there."""
    lines = _shipped(kind).split("\n")
    values = [index for index, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    index = values[place.rng.randrange(len(values))]
    key = lines[index].partition(": ")[0]
    lines[index] = f"{key}: {_ODD[number % len(_ODD)]}"
    return place.write(".yaml", "\n".join(lines).encode())


def _changer(kind: Kind) -> Callable[[Place, int], Path]:
    def write(place: Place, number: int) -> Path:
        return _lines_changed(place, kind, number)

    write.__name__ = f"{kind}_with_a_strange_value"
    return write


for _kind in _KINDS:
    rule(_kind, 24)(_changer(_kind))


@rule(
    Kind.POLICY,
    {
        "nothing-proved": "{}",
        "list": "[]",
        "huge": "{sensitivity_bound: 0.9999, positives: 99999999999}",
        "text": "proved",
        "numbers": "{sensitivity_bound: 2}",
    },
)
def policy_certificate(place: Place, certificate: str) -> Path:
    """A certificate that proves nothing must exclude nothing."""
    point = f"operating_point: {{name: x, threshold: 1.0, certificate: {certificate}}}"
    text = _shipped(Kind.POLICY).replace("operating_point: null", point)
    return place.write(".yaml", text.encode())


@rule(
    Kind.RECIPE,
    {
        "etc": "../../../../etc",
        "absolute": "/etc/passwd",
        "hub": "hf-hub:evil/model",
        "url": "http://127.0.0.1:18423/w.pth",
        "missing": "no-such-model",
    },
)
def recipe_backbone(place: Place, name: str) -> Path:
    return place.write(".yaml", _shipped(Kind.RECIPE).replace("tf_efficientnet_lite0", name).encode())
