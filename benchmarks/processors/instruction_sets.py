"""Instruction sets that kernels are chosen by, where CPUID reports them, and which ones a class of processors has."""

import ctypes
from dataclasses import dataclass

import numpy as np

ANY = 0xFFFFFFFF
_EAX, _EBX, _ECX, _EDX = range(4)
# Name -> leaf, subleaf, register, bit (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E). Names as in numpy,
# which has none for those in lower case.
BITS = {
    "FMA3": (1, ANY, _ECX, 12),
    "MOVBE": (1, ANY, _ECX, 22),
    "xsave": (1, ANY, _ECX, 26),
    "osxsave": (1, ANY, _ECX, 27),
    "AVX": (1, ANY, _ECX, 28),
    "F16C": (1, ANY, _ECX, 29),
    "BMI": (7, 0, _EBX, 3),
    "AVX2": (7, 0, _EBX, 5),
    "BMI2": (7, 0, _EBX, 8),
    "AVX512F": (7, 0, _EBX, 16),
    "AVX512DQ": (7, 0, _EBX, 17),
    "AVX512IFMA": (7, 0, _EBX, 21),
    "AVX512PF": (7, 0, _EBX, 26),
    "AVX512ER": (7, 0, _EBX, 27),
    "AVX512CD": (7, 0, _EBX, 28),
    "AVX512BW": (7, 0, _EBX, 30),
    "AVX512VL": (7, 0, _EBX, 31),
    "AVX512VBMI": (7, 0, _ECX, 1),
    "AVX512VBMI2": (7, 0, _ECX, 6),
    "GFNI": (7, 0, _ECX, 8),
    "VAES": (7, 0, _ECX, 9),
    "VPCLMULQDQ": (7, 0, _ECX, 10),
    "AVX512VNNI": (7, 0, _ECX, 11),
    "AVX512BITALG": (7, 0, _ECX, 12),
    "AVX512VPOPCNTDQ": (7, 0, _ECX, 14),
    "AVX5124VNNIW": (7, 0, _EDX, 2),
    "AVX5124FMAPS": (7, 0, _EDX, 3),
    "avx512_vp2intersect": (7, 0, _EDX, 8),
    "amx_bf16": (7, 0, _EDX, 22),
    "AVX512FP16": (7, 0, _EDX, 23),
    "amx_tile": (7, 0, _EDX, 24),
    "amx_int8": (7, 0, _EDX, 25),
    "avx_vnni": (7, 1, _EAX, 4),
    "AVX512BF16": (7, 1, _EAX, 5),
    "amx_fp16": (7, 1, _EAX, 21),
    "avx_ifma": (7, 1, _EAX, 23),
    "avx_vnni_int8": (7, 1, _EDX, 4),
    "avx_ne_convert": (7, 1, _EDX, 5),
    "amx_complex": (7, 1, _EDX, 8),
    "avx_vnni_int16": (7, 1, _EDX, 10),
    "avx10": (7, 1, _EDX, 19),
    "LZCNT": (0x80000001, ANY, _ECX, 5),
}


@dataclass(frozen=True, slots=True)
class ProcessorKind:
    """A class of processors, defined by what its kernels need.

    Attributes:
        name: as a column is called.
        like: processors of this class.
        has, lacks: instruction sets.
    """

    name: str
    like: str
    has: frozenset[str]
    lacks: frozenset[str]


_AVX512 = frozenset(name for name in BITS if name.lower().startswith("avx512"))
_AMX = frozenset(name for name in BITS if name.startswith("amx"))
_SKYLAKE = frozenset({"AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"})
_AFTER_AVX2 = _AVX512 | _AMX | {name for name in BITS if name.startswith("avx")} | {"GFNI", "VAES", "VPCLMULQDQ"}
_AVX2 = frozenset({"AVX", "AVX2", "FMA3", "F16C", "BMI", "BMI2"})
# A class for each way that ONNX Runtime's matrix kernels go on x86 (core/mlas/lib/platform.cpp), the oldest first.
SSE4 = ProcessorKind("SSE4", "Nehalem, Atom to Tremont", frozenset({"SSE42"}), frozenset(BITS))
AVX2 = ProcessorKind("AVX2", "Haswell to Comet Lake, Zen 1 to 3", _AVX2, _AFTER_AVX2)
AVX_VNNI = ProcessorKind("AVX-VNNI", "Alder Lake and later", _AVX2 | {"avx_vnni"}, _AFTER_AVX2 - {"avx_vnni"})
AVX512 = ProcessorKind("AVX-512", "Skylake-X", _AVX2 | _SKYLAKE, _AFTER_AVX2 - _SKYLAKE)
VNNI = ProcessorKind(
    "AVX-512 VNNI",
    "Cascade Lake, Ice Lake, Zen 4",
    _AVX2 | _SKYLAKE | {"AVX512VNNI"},
    _AMX | {"avx_vnni", "avx_vnni_int8", "avx_vnni_int16"},
)
KINDS = (SSE4, AVX2, AVX_VNNI, AVX512, VNNI)


def visible() -> frozenset[str]:
    """Instruction sets that are visible to programs in this very process; those in lower case only under the mask."""
    features: dict[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    found = {name for name, there in features.items() if there}
    try:
        ask = ctypes.CDLL(None).unmissed_cpuid
    except (AttributeError, TypeError):  # no mask is loaded; Windows
        return frozenset(found)
    for name, (leaf, subleaf, register, bit) in BITS.items():
        answer = (ctypes.c_uint * 4)()
        ask(ctypes.c_uint(leaf), ctypes.c_uint(0 if subleaf == ANY else subleaf), answer)
        if answer[register] >> bit & 1:
            found.add(name)
    return frozenset(found)
