"""The name of the scanner, from what a file says of it."""

from collections.abc import Iterable, Mapping

from unmissed.datasets.basis.names import printable, readable

_MOST_CHARACTERS = 100
_PROPERTIES = (  # OpenSlide's names
    *("tiff.Make", "tiff.Model", "aperio.ScanScope ID", "hamamatsu.Product", "hamamatsu.NDP.S/N", "leica.device-model"),
    *("dicom.Manufacturer", "dicom.ManufacturerModelName", "dicom.DeviceSerialNumber", "ventana.ScannerModel"),
    *("mirax.GENERAL.SLIDE_CREATIONTOOL", "trestle.Manufacturer", "philips.DICOM_MANUFACTURER"),
)


def scanner_name(words: Iterable[object]) -> str:
    """Make, model and number in one line, each once; empty when the file gives none."""
    parts = (" ".join(printable(readable(word)).split()) for word in words if isinstance(word, str))
    return " ".join(dict.fromkeys(part for part in parts if part))[:_MOST_CHARACTERS]


def scanner_in(properties: Mapping[str, str]) -> str:
    """The scanner that the properties of OpenSlide name, or at least the vendor of the format."""
    named = scanner_name(properties.get(name) for name in _PROPERTIES)
    return named or scanner_name([properties.get("openslide.vendor")])
