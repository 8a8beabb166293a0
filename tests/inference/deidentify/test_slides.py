"""A name planted in twelve places of a slide is in none of its copy, whose tiles are the same bytes."""

import json
import stat

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import ImageCms

from unmissed.cli.app import main
from unmissed.datasets.slides.opening import open_slide
from unmissed.inference.deidentify.run import check, deidentify
from unmissed.testing.readers import picture_levels

NAME = "Planted^Patient"
WORD = NAME.encode()


def picture(side=512, seed=0):
    return np.random.default_rng(seed).integers(150, 250, (side, side, 3), dtype=np.uint8)


@pytest.fixture
def svs(tmp_path):
    """A made slide with the name in descriptions, XMP, other and private tags, GUID, label, macro and slack."""
    path = tmp_path / f"{NAME}.svs"
    page = {"tile": (128, 128), "photometric": "ycbcr", "compression": "jpeg", "subsampling": (1, 1), "metadata": None}
    text = (
        f"Aperio Image Library v1\r\n512x512|AppMag = 20|MPP = 0.5|Patient = {NAME}|ScanScope ID = SS1|Date = 01/02/26"
    )
    tags = [
        (700, "B", None, b"<x:xmpmeta>" + WORD, True),  # XMP
        (315, "s", None, NAME, True),  # Artist
        (42016, "s", None, f"GUID {NAME}", True),
        (65000, "s", None, NAME, True),  # private
        (34675, "B", None, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + WORD, True),
        (33432, "s", None, f"(c) {NAME}", True),
    ]
    levels = picture_levels(512, 512, 2)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(levels[0], description=text, extratags=tags, datetime="2026:01:02 03:04:05", software=NAME, **page)
        tiff.write(levels[1], description="Aperio Image Library", **page)
        for kind in ("label", "macro"):
            small = picture(60, 5)
            small.reshape(-1)[: len(WORD)] = np.frombuffer(WORD, np.uint8)
            words = f"Aperio Image Library\r\n{kind} 60x60 {NAME}"
            tiff.write(small, description=words, metadata=None, subfiletype=1 if kind == "label" else 9)
    path.write_bytes(path.read_bytes() + b"slack " + WORD)
    return path


def tiles(path):
    with tifffile.TiffFile(path) as tiff, path.open("rb") as stream:
        page = tiff.pages.first
        for place, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            stream.seek(place)
            yield stream.read(count)


def test_the_name_is_in_no_byte_of_the_copy_and_the_tiles_are_the_same(svs, tmp_path):
    before = svs.read_bytes()
    assert before.count(WORD) >= 11
    (one,) = deidentify([svs], tmp_path / "out")
    assert not one.left and not one.error
    copy = tmp_path / "out" / one.copy
    assert WORD not in copy.read_bytes() and NAME not in one.copy
    assert list(tiles(copy)) == list(tiles(svs)) and len(list(tiles(copy))) == 16
    assert svs.read_bytes() == before
    words = " ".join(one.found)
    for kind in (
        "picture beside",
        "tag 700",
        "tag 306",
        "tag 65000",
        "tag 42016",
        "description",
        "no page",
        "file name",
    ):
        assert kind in words or kind == "file name", kind
    report = (tmp_path / "out" / "deidentified.json").read_text("utf-8")
    assert NAME not in report


def test_the_copy_is_the_same_slide(svs, tmp_path):
    (one,) = deidentify([svs], tmp_path / "out")
    with open_slide(svs) as source, open_slide(tmp_path / "out" / one.copy) as copy:
        assert [(x.width_px, x.height_px) for x in copy.levels] == [(x.width_px, x.height_px) for x in source.levels]
        assert copy.pixel_size.um_per_px == source.pixel_size.um_per_px == 0.5
        assert copy.objective_power == 20
        for level in range(2):
            assert np.array_equal(copy.read(level, 0, 0), source.read(level, 0, 0))


def test_each_planted_thing_alone_is_found(svs, tmp_path):
    (one,) = deidentify([svs], tmp_path / "out")
    clean = tmp_path / "out" / one.copy
    assert check([clean])[0].found == ()
    for plant in (b"slack " + WORD, b"\0" * 4096 + WORD):
        dirty = clean.with_name("slide-dirty.tif")
        dirty.write_bytes(clean.read_bytes() + plant)
        assert check([dirty])[0].found == ("bytes that belong to no page",)
    (named := clean.with_name("Wang.tif")).write_bytes(clean.read_bytes())
    assert check([named])[0].found == ("a file name that was given by somebody",)


@pytest.fixture
def dicom(tmp_path):
    """A DICOM level with the name in twelve places, and a label."""
    import simplejpeg
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    def write(name, kind):
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", f"1.2.3.{len(kind)}"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3.90", "1.2.3.91", "1.2.3.92"
        data.PatientName = data.ReferringPhysicianName = NAME
        for word in ("PatientID", "SeriesDescription", "StudyDescription", "AccessionNumber", "BarcodeValue",
                     "InstitutionName", "ContainerIdentifier", "LabelText", "DeviceSerialNumber"):  # fmt: skip
            setattr(data, word, NAME)
        data.StudyDate, data.AcquisitionDateTime = "20260101", "20260101101500"
        data.ImageType, data.Modality = ["ORIGINAL", "PRIMARY", kind, "NONE"], "SM"
        specimen = Dataset()
        specimen.SpecimenIdentifier = specimen.SpecimenShortDescription = NAME
        path_of_light = Dataset()
        path_of_light.OpticalPathIdentifier, path_of_light.OpticalPathDescription = "1", NAME
        path_of_light.ICCProfile = WORD + b"\0"
        data.SpecimenDescriptionSequence, data.OpticalPathSequence = [specimen], [path_of_light]
        data.private_block(0x0011, "SCANNER", create=True).add_new(1, "LO", NAME)
        data.Rows = data.Columns = data.TotalPixelMatrixColumns = data.TotalPixelMatrixRows = 128
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "YBR_FULL_422", 0
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation, data.NumberOfFrames = 7, 0, 1
        data.DimensionOrganizationType = "TILED_FULL"
        measures, shared = Dataset(), Dataset()
        measures.PixelSpacing = [0.00025, 0.00025]
        shared.PixelMeasuresSequence = [measures]
        data.SharedFunctionalGroupsSequence = [shared]
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        data.file_meta.SourceApplicationEntityTitle = "WANG"
        data.PixelData = encapsulate([simplejpeg.encode_jpeg(picture(128), 90, "RGB", "422")])
        data["PixelData"].is_undefined_length = True
        path = tmp_path / "in" / NAME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data.save_as(path, enforce_file_format=True)
        return path

    return write("level.dcm", "VOLUME"), write("label.dcm", "LABEL")


def test_dicom_keeps_the_picture_and_no_name(dicom, tmp_path):
    label, level = deidentify([dicom[0].parent], tmp_path / "out")
    assert "no level of a slide (LABEL)" in label.error and not label.copy
    assert not level.left and "PatientName" in level.found and any("private" in one for one in level.found)
    copy = tmp_path / "out" / level.copy
    assert WORD not in copy.read_bytes() and b"WANG" not in copy.read_bytes()
    ours, theirs = pydicom.dcmread(copy), pydicom.dcmread(dicom[0])
    assert ours.PixelData == theirs.PixelData
    assert ours.StudyInstanceUID != theirs.StudyInstanceUID and "1.2.3.9" not in str(ours)
    with open_slide(copy) as slide:
        assert slide.pixel_size.um_per_px == pytest.approx(0.25)


def test_the_key_leads_back_and_lies_apart(dicom, svs, tmp_path):
    first = deidentify([svs, dicom[0]], tmp_path / "out")
    key = tmp_path / "out-key.json"
    found = json.loads(key.read_text("utf-8"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and found["names"][str(svs)] + ".tif" == first[0].copy
    assert "1.2.3.91" in found["uids"]
    assert [one.copy for one in deidentify([svs, dicom[0]], tmp_path / "out")] == [one.copy for one in first]
    with pytest.raises(SystemExit) as left:
        main(["deidentify", str(svs), "-o", str(tmp_path / "out"), "--key", str(tmp_path / "out" / "key.json")])
    assert left.value.code == 2


def test_the_command_names_nobody(svs, tmp_path, capsys):
    (tmp_path / f"{NAME}.kfb").write_bytes(b"KFB" + bytes(100))
    damaged = tmp_path / f"{NAME} 2.tif"
    damaged.write_bytes(svs.read_bytes()[:400])
    inputs = [str(svs), str(tmp_path / f"{NAME}.kfb"), str(damaged)]
    with pytest.raises(SystemExit) as left:
        main(["deidentify", *inputs, "-o", str(tmp_path / "out")])
    said = "".join(capsys.readouterr())
    assert left.value.code == 3 and "Planted" not in said and "1 -> slide-" in said and "3: " in said
    with pytest.raises(SystemExit) as left:
        main(["deidentify", "--check", str(svs)])
    assert left.value.code == 3 and "a description" in capsys.readouterr().out
