"""Stored results, a run with a signature, and DICOM slides of a scanner that fills every field."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from unmissed.inference.cytology.results.writing import write_slide_result

sys.path.append(str(Path(__file__).parent))

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
TILE = 128
SIGNED_AT = "2026-11-27T09:30:00+00:00"


def item(**fields):
    data = Dataset()
    for name, value in fields.items():
        setattr(data, name, value)
    return data


def code(value, scheme, meaning):
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def write_level(path, image, number, um, *, patient="Wang^Xiao"):
    """One level of a whole slide, TILED_FULL, with what the standard asks of it."""
    import simplejpeg

    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % TILE), (0, -width % TILE), (0, 0)), mode="edge")
    frames = [
        simplejpeg.encode_jpeg(np.ascontiguousarray(padded[y : y + TILE, x : x + TILE]), 90, "RGB", "422")
        for y in range(0, height, TILE)
        for x in range(0, width, TILE)
    ]
    mm = um / 1000
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[mm, mm], SliceThickness=0.001, SpacingBetweenSlices=0.001)],
        WholeSlideMicroscopyImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])],
        OpticalPathIdentificationSequence=[item(OpticalPathIdentifier="1")],
    )
    data = item(
        SOPClassUID=WHOLE_SLIDE,
        SOPInstanceUID=f"1.2.826.0.1.3680043.10.{number}",
        StudyInstanceUID="1.2.826.0.1.3680043.10.1000",
        SeriesInstanceUID="1.2.826.0.1.3680043.10.2000",
        FrameOfReferenceUID="1.2.826.0.1.3680043.10.3000",
        PositionReferenceIndicator="SLIDE_CORNER",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        Modality="SM",
        PatientName=patient,
        PatientID="P7",
        PatientBirthDate="19700101",
        PatientSex="F",
        StudyDate="20261101",
        StudyTime="101500",
        StudyID="S1",
        AccessionNumber="A12",
        ReferringPhysicianName="",
        ContentDate="20261101",
        ContentTime="101500",
        AcquisitionDateTime="20261101101500",
        Manufacturer="Scanners",
        ManufacturerModelName="One",
        DeviceSerialNumber="7",
        SoftwareVersions="1",
        SeriesNumber=1,
        InstanceNumber=number,
        VolumetricProperties="VOLUME",
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        NumberOfFrames=len(frames),
        Rows=TILE,
        Columns=TILE,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        BurnedInAnnotation="NO",
        LossyImageCompression="01",
        LossyImageCompressionRatio=10,
        LossyImageCompressionMethod="ISO_10918_1",
        SpecimenLabelInImage="NO",
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        ImagedVolumeWidth=width * mm,
        ImagedVolumeHeight=height * mm,
        ImagedVolumeDepth=0.001,
        TotalPixelMatrixColumns=width,
        TotalPixelMatrixRows=height,
        TotalPixelMatrixOriginSequence=[item(XOffsetInSlideCoordinateSystem=20, YOffsetInSlideCoordinateSystem=40)],
        ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
        DimensionOrganizationType="TILED_FULL",
        DimensionOrganizationSequence=[item(DimensionOrganizationUID="1.2.826.0.1.3680043.10.4000")],
        TotalPixelMatrixFocalPlanes=1,
        NumberOfOpticalPaths=1,
        SharedFunctionalGroupsSequence=[shared],
        AcquisitionContextSequence=[],
        ContainerIdentifier="A12",
        IssuerOfTheContainerIdentifierSequence=[],
        ContainerTypeCodeSequence=[code("433466003", "SCT", "Microscope slide")],
        SpecimenDescriptionSequence=[
            item(
                SpecimenIdentifier="A12",
                SpecimenUID="1.2.826.0.1.3680043.10.5000",
                IssuerOfTheSpecimenIdentifierSequence=[],
                SpecimenPreparationSequence=[],
            )
        ],
        OpticalPathSequence=[
            item(
                OpticalPathIdentifier="1",
                ICCProfile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
                IlluminationTypeCodeSequence=[code("111744", "DCM", "Brightfield illumination")],
                IlluminationColorCodeSequence=[code("414298005", "SCT", "Full Spectrum")],
            )
        ],
    )
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def dicom_slide(tmp_path):
    """Write the levels of a slide: ``dicom_slide(folder, size_px=1024)``; gives the path of its finest level."""

    def make(folder=None, size_px=1024, levels=3, **fields):
        folder = folder or tmp_path / "dicom slide"
        image = np.random.default_rng(0).integers(150, 250, (size_px, size_px, 3), dtype=np.uint8)
        for level in range(levels):
            write_level(
                folder / f"level{level}.dcm", image[:: 2**level, :: 2**level], level + 1, 0.25 * 2**level, **fields
            )
        return folder / "level0.dcm"

    return make


@pytest.fixture
def make_run(tmp_path, make_slide_result):
    """A run with one stored slide: ``make_run("A-12", path=..., size_px=1024)``; gives the run's folder."""

    def make(slide="A-12", run=None, **fields):
        run = run or tmp_path / "run"
        folder = run / "slides" / slide
        folder.mkdir(parents=True)
        write_slide_result(folder, make_slide_result(slide, **fields))
        return run

    return make


def sign(run, sha256="ab" * 32, reader="李医生", grade="LSIL", status="signed"):
    """Put a signature where the review desk keeps them."""
    desk = run / "review" / "desk.sqlite"
    desk.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(desk)) as connection, connection:
        connection.execute(
            "create table if not exists reading (slide text, round text, name text, status text, revision integer, "
            "reader text, grade text, ai_grade text, signed_at text, primary key (slide, round))"
        )
        connection.execute(
            "insert or replace into reading values (?, 'first', '', ?, 1, ?, ?, 'HSIL', ?)",
            (sha256, status, reader, grade, SIGNED_AT),
        )


@pytest.fixture(name="sign")
def _sign():
    return sign
