"""How the classes of the Bethesda system are named and coloured for the reader."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BethesdaClass:
    """A class as pages and exported boxes show it.

    Attributes
    ----------
    name, name_zh : in words.
    colour : RGB, dark enough for white text on it.
    """

    name: str
    name_zh: str
    colour: tuple[int, int, int]


# Squamous classes run from blue over amber to red as they get worse; glandular ones are purple. No pair is told apart
# by red against green alone.
BETHESDA = {
    "NILM": BethesdaClass(
        "Negative for intraepithelial lesion or malignancy", "未见上皮内病变或恶性病变", (44, 122, 140)
    ),
    "ASC-US": BethesdaClass(
        "Atypical squamous cells of undetermined significance", "意义不明确的非典型鳞状细胞", (146, 114, 20)
    ),
    "LSIL": BethesdaClass("Low-grade squamous intraepithelial lesion", "低级别鳞状上皮内病变", (184, 96, 0)),
    "ASC-H": BethesdaClass(
        "Atypical squamous cells, cannot exclude HSIL", "非典型鳞状细胞，不除外高级别鳞状上皮内病变", (201, 66, 22)
    ),
    "HSIL": BethesdaClass("High-grade squamous intraepithelial lesion", "高级别鳞状上皮内病变", (178, 24, 43)),
    "SCC": BethesdaClass("Squamous cell carcinoma", "鳞状细胞癌", (106, 0, 30)),
    "AGC": BethesdaClass("Atypical glandular cells", "非典型腺细胞", (138, 90, 170)),
    "AIS": BethesdaClass("Endocervical adenocarcinoma in situ", "宫颈管原位腺癌", (115, 50, 150)),
    "ADC": BethesdaClass("Adenocarcinoma", "腺癌", (80, 15, 115)),
    "UNSAT": BethesdaClass("Unsatisfactory for evaluation", "标本不满意", (91, 104, 117)),
}
_OTHER = (91, 104, 117)


def colour_of(class_id: str) -> tuple[int, int, int]:
    """RGB of a class; grey for one that is not of the Bethesda system."""
    known = BETHESDA.get(class_id)
    return known.colour if known else _OTHER
