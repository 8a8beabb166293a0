"""How the classes of the Bethesda system are named and coloured for the reader."""

from dataclasses import dataclass

from unmissed.datasets.public.bethesda import NAMES


@dataclass(frozen=True, slots=True)
class BethesdaClass:
    """A class as pages and exported boxes show it.

    Attributes:
        name, name_zh: in words.
        colour: RGB, dark enough for white text on it.
    """

    name: str
    name_zh: str
    colour: tuple[int, int, int]


# Squamous classes run from blue over amber to red as they get worse; glandular ones are purple. No pair differs by
# red against green alone.
_COLOURS = {
    **{"NILM": (44, 122, 140), "ASC-US": (146, 114, 20), "LSIL": (184, 96, 0), "ASC-H": (201, 66, 22)},
    **{"HSIL": (178, 24, 43), "SCC": (106, 0, 30), "AGC": (138, 90, 170), "AIS": (115, 50, 150), "ADC": (80, 15, 115)},
    "UNSAT": (91, 104, 117),
}
_NAMES = NAMES | {
    "AGC": ("Atypical glandular cells", "非典型腺细胞"),
    "AIS": ("Endocervical adenocarcinoma in situ", "宫颈管原位腺癌"),
    "ADC": ("Adenocarcinoma", "腺癌"),
    "UNSAT": ("Unsatisfactory for evaluation", "标本不满意"),
}
BETHESDA = {name: BethesdaClass(*_NAMES[name], colour) for name, colour in _COLOURS.items()}
_OTHER = (91, 104, 117)


def colour_of(class_id: str) -> tuple[int, int, int]:
    """RGB of a class; grey for one that is not of the Bethesda system."""
    known = BETHESDA.get(class_id)
    return known.colour if known else _OTHER
