"""Looking for slides: what counts as one, and which files and folders together are one."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from unmissed.datasets.basis.folders import with_name_of_its_own
from unmissed.datasets.basis.paths import FileSearch, by_suffix, suffix_of
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats import dicom
from unmissed.datasets.slides.formats.deep_zoom_folder import FOLDER, dzi_of, not_by_itself
from unmissed.datasets.slides.formats.dicom_header import is_dicom
from unmissed.datasets.slides.formats.dicom_levels import is_level_of
from unmissed.datasets.slides.formats.tile_names import TILE_SUFFIXES, named_tiles

SUFFIXES = frozenset(
    ".svs .tif .tiff .btf .tf8 .qptiff .ndpi .mrxs .vms .vmu .scn .bif .svslide .kfb .dzi".split()  # noqa: SIM905 - reads better
)
"""What counts as a slide in folders and patterns, beside DICOM; a file that is named is taken whatever its suffix."""

OTHER_SLIDES = {
    **{
        ".czi": "a slide of Zeiss",
        ".zvi": "a slide of Zeiss",
        ".vsi": "a slide of Olympus",
        ".lif": "a slide of Leica",
    },
    **{
        ".isyntax": "a slide of Philips (iSyntax)",
        ".i2syntax": "a slide of Philips (iSyntax)",
        ".nd2": "a slide of Nikon",
    },
    **{".sdpc": "a slide of Sqray", ".kfbf": "a slide of KFBio with focal planes", ".mds": "a slide of Motic"},
    **{".mdsx": "a slide of Motic", ".tmap": "a slide of Unic", ".tron": "a slide of InteMedic"},
    **dict.fromkeys((".jp2", ".jpx", ".j2k"), "a JPEG 2000 picture"),
}
"""Slides that are not read, and what they are: each becomes a problem, because a missing slide hides disease."""

_ZARR = ".zarr"  # a folder


class SlideSearch(FileSearch):
    """Also finds folders of tiles, and puts together the files of which a slide is made.

    Attributes:
        names: as in ``SlideInputs``.
        parts: files and folders that were named -> the slide that they belong to.
        taken: slides that were named or found themselves.
    """

    what = "slide"
    remedy = "export it as a pyramidal TIFF or as DICOM"

    def __init__(self) -> None:
        super().__init__(SUFFIXES, OTHER_SLIDES)
        self.names: dict[Path, str] = {}
        self.parts: dict[Path, Path] = {}
        self.taken: set[Path] = set()
        self._folders: dict[Path, dicom.DicomFolder] = {}

    def visit(self, base: Path, folders: list[str], names: list[str]) -> None:
        """See ``FileSearch.visit``."""
        if self._is_part(with_name_of_its_own(base), folders, names):
            folders.clear()
            return
        files = by_suffix(names)
        of_dicom = dicom.dicom_among(base, files)
        if of_dicom:
            self._add_dicom(base, is_alone=files.keys().isdisjoint(SUFFIXES))
        elif files.keys().isdisjoint(SUFFIXES):
            self._add_tiles(base, files)
        self._sort_others(base, files, of_dicom)

    def sort_in(self, base: Path, names: Mapping[str, Sequence[str]]) -> None:
        """See ``FileSearch.sort_in``."""
        of_dicom = dicom.dicom_among(base, names)
        for name in of_dicom:
            self.take_named(base / name)
        self._sort_others(base, names, of_dicom)

    def _sort_others(self, base: Path, names: Mapping[str, Sequence[str]], of_dicom: Set[str]) -> None:
        super().sort_in(
            base,
            {suffix: [name for name in several if name not in of_dicom] for suffix, several in names.items()},
        )

    def take(self, path: Path) -> None:
        """See ``FileSearch.take``."""
        super().take(path)
        self.taken.add(path)

    def take_named(self, path: Path) -> None:
        """See ``FileSearch.take_named``; a file of a DICOM series is taken for the whole slide."""
        if not path.is_file():
            self.trouble(path, "it is no regular file, but a pipe or a device")
        elif not is_dicom(path):
            self.take(path)
        else:
            folder = self._dicom_in(path.parent)
            for series in folder.series:
                if path in series.paths:
                    self._add_series(series, folder, is_alone=len(series.files) > 1)
                    if series.finest and series.finest.path == path:
                        self.taken.add(path)
                    elif series.finest:
                        self.parts[path] = series.finest.path
                    return
            no_picture = str(SlideError(f"{path} holds no picture", fix="name the files of the slide"))
            self.problems.append((path, folder.damaged.get(path, no_picture)))

    def join_series(self) -> dict[Path, Path]:
        """Take a DICOM series once whose levels lie in several folders; copies and other pictures stay slides.

        Returns:
            Files that are not taken -> the file of the slide that is.
        """
        taken, parts = set(self.paths), {}
        found: dict[str, list[dicom.DicomSeries]] = {}
        for folder in self._folders.values():
            for series in folder.series:
                if series.finest and series.finest.path in taken:
                    found.setdefault(series.files[0].series, []).append(series)
        for several in found.values():
            whole, *others = sorted(several, key=lambda one: -one.area_px)
            for series in others:
                if (
                    series.finest
                    and whole.finest
                    and series.finest.width_px < whole.finest.width_px
                    and is_level_of(series.finest, whole.finest)
                    and series.instances.isdisjoint(whole.instances)
                ):
                    parts[series.finest.path] = whole.finest.path
        self.paths[:] = [path for path in self.paths if path not in parts]
        return parts

    def _is_part(self, base: Path, folders: list[str], names: list[str]) -> bool:
        """Whether a folder belongs to a slide beside it, which is then taken; or is a slide that is not read."""
        if not base.name:  # the root of the disk
            return False
        vsi = base.with_name(f"{base.name[1:-1]}.vsi")
        if suffix_of(base.name) == _ZARR:
            self.refuse(base, f"{base} is an OME-Zarr slide, which is not read")
            return True
        if base.name == f"_{vsi.stem}_" and vsi.is_file():
            return True  # it is a problem of its own
        if "Slidedat.ini" in names:
            whole = base.with_name(f"{base.name}.mrxs")
            missing = SlideError(
                f"{base} holds the data of a MIRAX slide, and {whole.name} is missing beside it",
                expected="the .mrxs file and its folder of the same name, side by side",
                fix="copy the file, too",
            )
        elif base.name.endswith(FOLDER) or base.name.isdigit() or "0" in folders:
            dzi = dzi_of(base)
            if dzi is None:
                return False
            whole, missing = dzi, not_by_itself(base, dzi)
        else:
            return False
        if whole.is_file():
            self.paths.append(whole)
            self.parts[base] = whole
        else:
            self.problems.append((base, str(missing)))
        return True

    def _add_tiles(self, base: Path, files: dict[str, list[str]]) -> None:
        """Take a folder of tiles as a slide, or as a problem when only most of its pictures are tiles."""
        try:
            if named_tiles(name for suffix in TILE_SUFFIXES for name in files.get(suffix, ())) is None:
                return
            self.take(base)
            if base.name in ("", ".."):
                self.names[base] = with_name_of_its_own(base).name
        except SlideError as error:
            self.problems.append((base, f"{base}: {error}"))
        for suffix in TILE_SUFFIXES & files.keys():
            del files[suffix]

    def _dicom_in(self, folder: Path) -> dicom.DicomFolder:
        if folder not in self._folders:
            try:
                self._folders[folder] = dicom.read_folder(folder)
            except SlideError as error:
                self._folders[folder] = dicom.DicomFolder()
                self.problems.append((folder, str(error)))
        return self._folders[folder]

    def _add_dicom(self, base: Path, *, is_alone: bool) -> None:
        folder = self._dicom_in(base)
        self.problems += folder.damaged.items()
        self.others |= {str(path): ".dcm without a picture" for path in folder.without_picture}
        for series in folder.series:
            self._add_series(series, folder, is_alone=is_alone)
            self.taken |= {series.finest.path} if series.finest else set()

    def _add_series(self, series: dicom.DicomSeries, folder: dicom.DicomFolder, *, is_alone: bool) -> None:
        """Take the finest file of a series, under a name that says more than "level0"."""
        path = series.files[0].path
        if series.finest is None:
            fix = "copy all files of the slide" if series.is_of_slide else "take it out of the folder"
            error = SlideError(f"the DICOM series of {path} {series.why_no_slide}", expected="a whole slide", fix=fix)
            self.problems.append((path, str(error)))
            return
        path = series.finest.path
        self.paths.append(path)
        name = path.stem if suffix_of(path.name) in dicom.SUFFIXES else path.name
        folder_name = with_name_of_its_own(path.parent).name or name
        if is_alone and sum(one.finest is not None for one in folder.series) == 1:
            name = folder_name
        elif len(series.files) > 1:
            name = f"{folder_name}-{series.files[0].series.rpartition('.')[2]}"
        self.names[path] = name
