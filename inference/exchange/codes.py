"""The codes that leave: one table of concepts, with those of SNOMED CT and LOINC where the site may use them."""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator

from unmissed.datasets.basis.configs import Configs

LOCAL = "99UNMISSED"
"""Coding scheme of our own codes, in DICOM and HL7."""
LOCAL_URL = "urn:unmissed:codes"
_MOST = 16  # characters of a code value in DICOM (PS3.3, 8.1)


class Code(NamedTuple):
    """A code for a receiver: its value, its scheme as HL7 and DICOM name it, the scheme's address, its meaning."""

    value: str
    scheme: str
    url: str
    meaning: str


class _System(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    hl7: str


class CodeTable(BaseModel):
    """What a YAML file of codes holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    licensed: tuple[str, ...]
    systems: Mapping[str, _System]
    concepts: Mapping[str, Mapping[str, str]]

    @model_validator(mode="after")
    def _fits(self) -> "CodeTable":
        if unknown := set(self.licensed) - set(self.systems):
            raise ValueError(f"licensed: no system is called {sorted(unknown)[0]}")
        for name, codes in self.concepts.items():
            if len(name) > _MOST or not {"en", "zh"} <= set(codes) <= {"en", "zh", *self.systems}:
                raise ValueError(f"{name}: at most {_MOST} characters, with en, zh and codes of {[*self.systems]}")
        return self

    def local(self, concept: str) -> Code:
        """Our own code; a class that is not in the table is its own meaning."""
        return Code(concept[:_MOST], LOCAL, LOCAL_URL, self.concepts.get(concept, {}).get("en", concept))

    def codes(self, concept: str) -> tuple[Code, ...]:
        """The codes that the site may write, best first; our own is the last."""
        own, known = self.local(concept), self.concepts.get(concept, {})
        return (
            *(
                Code(known[name], self.systems[name].hl7, self.systems[name].url, own.meaning)
                for name in self.licensed
                if name in known
            ),
            own,
        )

    def best(self, concept: str) -> Code:
        """The first of ``codes``, where a format has room for one."""
        return self.codes(concept)[0]


CODES = Configs("codes", "table of codes", CodeTable, "docs/how-to/convert.md")
