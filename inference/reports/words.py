"""A term in English and Chinese."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A term for doctors.

    Attributes:
        en, zh: the term.
        en_help, zh_help: one sentence that says what it means.
        tone: "calm", "look", "warn" or "bad"; names the colour.
    """

    en: str
    zh: str
    en_help: str = ""
    zh_help: str = ""
    tone: str = "look"


def word_for(name: str, words: Mapping[str, Word]) -> Word:
    """The words of a name; an unknown one is shown as it is."""
    return words.get(name) or Word(name.replace("_", " "), name.replace("_", " "))
