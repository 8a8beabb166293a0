"""What all our DICOM objects share: names derived from the content, times of the result, who made them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmissed.datasets.basis.files import write_whole
from unmissed.datasets.basis.versions import version_of
from unmissed.inference.exchange.codes import Code, CodeTable
from unmissed.inference.exchange.dicom.twin import Twin
from unmissed.inference.exchange.identity import digest_of, uid_of
from unmissed.inference.exchange.report import ExchangeError, SlideReport

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.sr import CodedConcept
    from pydicom import Dataset

_SERIES = 20_000  # numbers of our series; those of scanners are small


@dataclass(frozen=True)
class Source:
    """A report, the slide that it refers to, and the codes that may be used."""

    report: SlideReport
    twin: Twin
    table: CodeTable

    @property
    def digest(self) -> str:
        """Of everything that goes into an object: other content gets other UIDs, the same content the same."""
        finest = str(self.twin.levels[0].SOPInstanceUID)
        return digest_of([self.report.digest, finest, self.table.model_dump(mode="json"), version_of()])

    def uid(self, part: str) -> str:
        """The UID of a part."""
        return uid_of(self.digest, part)

    def identity(self, part: str, number: int) -> dict[str, Any]:
        """What every constructor of highdicom asks for."""
        return {
            "series_instance_uid": self.uid(f"series {part}"),
            "series_number": _SERIES + number,
            "sop_instance_uid": self.uid(part),
            "instance_number": 1,
            "manufacturer": "Unmissed",
        }

    def device(self) -> dict[str, Any]:
        """What made it, as most constructors ask for it."""
        return {
            "manufacturer_model_name": "unmissed",
            "software_versions": version_of(),
            "device_serial_number": self.models[0][:64],
        }

    @property
    def models(self) -> list[str]:
        """The models in words, each with its hash.

        Raises:
            ExchangeError: When the result does not name them: nobody could say what made the object.
        """
        if not self.report.models:
            raise ExchangeError(
                f"the result of {self.report.result.slide} names no models: a DICOM object has to say what made it",
                fix="triage this slide again with this version",
            )
        return [f"{one.role}: {one.name} {one.version} sha256 {one.sha256}" for one in self.report.models]

    def concept(self, name: str) -> "CodedConcept":
        """The best code of a concept."""
        return coded(self.table.best(name))

    def algorithm(self) -> "AlgorithmIdentificationSequence":
        """The program and its models."""
        from highdicom import AlgorithmIdentificationSequence
        from pydicom.sr.codedict import codes

        return AlgorithmIdentificationSequence(
            "unmissed", codes.DCM.ArtificialIntelligence, version_of(), "Unmissed", {"models": "; ".join(self.models)}
        )


def coded(code: Code) -> "CodedConcept":
    """A code as DICOM writes it: at most 64 characters of meaning."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning[:64])


def stamp(data: "Dataset", source: Source) -> "Dataset":
    """Put the time of the result, and UIDs of ours, where highdicom puts the present and chance."""
    made = source.report.made
    for kind in ("Content", "InstanceCreation", "Series", "Acquisition"):
        for part, text in (("Date", made.strftime("%Y%m%d")), ("Time", made.strftime("%H%M%S"))):
            if f"{kind}{part}" in data:
                setattr(data, f"{kind}{part}", text)
    for one in data.get("ContributingEquipmentSequence", ()):
        one.ContributionDateTime = made.strftime("%Y%m%d%H%M%S+0000")
    for name in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for one in data.get(name, ()):
            one.DimensionOrganizationUID = source.uid("dimensions")
    data.SpecificCharacterSet = "ISO_IR 192"  # UTF-8: names may be in any script
    data.TimezoneOffsetFromUTC = "+0000"
    return data


def person(name: str) -> str:
    """A reader's name as a person name: a lone word is a family name."""
    return name if "^" in name else f"{name}^"


def patient_and_study(data: "Dataset", source: "Dataset") -> None:
    """Copy whose slide it is, and of which study, from the slide."""
    for name in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime"),
        *("StudyID", "AccessionNumber", "ReferringPhysicianName"),
    ):
        setattr(data, name, source.get(name, "") or "")


def blank(
    like: "Dataset", sop_class: str, modality: str, *, uid: str, series: tuple[str, int], number: int = 1
) -> "Dataset":
    """An object without content: whose it is, of which series, what made it.

    Args:
        like: of the same patient and study.
        uid: of the object.
        series: UID and number of its series.
        number: of the object in it.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    data = Dataset()
    patient_and_study(data, like)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, uid
    data.SeriesInstanceUID, data.SeriesNumber = series
    data.Modality, data.InstanceNumber = modality, number
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = "Unmissed", "unmissed", version_of()
    data.BurnedInAnnotation = "YES"  # scanners and processors write names into pictures, and nobody has looked
    data.Laterality = data.PatientOrientation = ""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def enclose(data: "Dataset", pdf: bytes, title: str) -> None:
    """Put a printed page into an Encapsulated PDF."""
    data.DocumentTitle, data.MIMETypeOfEncapsulatedDocument = title, "application/pdf"
    data.EncapsulatedDocumentLength, data.EncapsulatedDocument = len(pdf), pdf + b"\0" * (len(pdf) % 2)


def save(path: Path, data: "Dataset") -> None:
    """Write an object as a DICOM file, whole or not at all.

    Raises:
        OutputError: When it cannot be written.
    """
    with write_whole(path, "wb") as stream:
        data.save_as(stream, enforce_file_format=True)
