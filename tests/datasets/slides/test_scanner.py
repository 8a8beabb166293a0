"""The scanner as files name it."""

import numpy as np
import pytest
import tifffile

from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.scanner import scanner_in, scanner_name


def slide(tmp_path, **options):
    path = tmp_path / "slide.tif"
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="deflate", **options)
    return path


def of(path):
    with open_slide(path, um_per_px=0.25) as opened:
        return opened.scanner


def test_make_and_model_of_a_tiff(tmp_path):
    tags = [(271, "s", 0, "Acme", True), (272, "s", 0, "S1\x07  plus", True)]
    assert of(slide(tmp_path, extratags=tags)) == "Acme S1 plus"


def test_the_number_in_a_description_of_aperio(tmp_path):
    text = "Aperio Image Library v1|AppMag = 40|MPP = 0.25|ScanScope ID = SS1302"
    assert of(slide(tmp_path, description=text, metadata=None)) == "SS1302"


def test_a_file_that_names_none(tmp_path):
    assert of(slide(tmp_path)) == ""


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"openslide.vendor": "mirax"}, "mirax"),
        ({"openslide.vendor": "hamamatsu", "tiff.Make": "Hamamatsu", "tiff.Model": "C9600-12"}, "Hamamatsu C9600-12"),
        ({"dicom.Manufacturer": "Acme", "dicom.DeviceSerialNumber": "7"}, "Acme 7"),
        ({}, ""),
    ],
)
def test_properties_of_openslide(properties, name):
    assert scanner_in(properties) == name


def test_a_name_is_short_and_each_word_is_there_once():
    assert scanner_name(["Acme", None, 3, " Acme ", "x" * 200]) == ("Acme " + "x" * 200)[:100]
