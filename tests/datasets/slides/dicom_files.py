"""Small DICOM slides for tests: a series with levels and a label, and a level as a concatenation of files."""

import numpy as np
import pydicom
import simplejpeg
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGBaseline8Bit, generate_uid

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
TILE = 64


def write(path, image=None, series="1.2.3", kind="VOLUME", sop_class=WHOLE_SLIDE, um=0.25, **more):
    """A DICOM file with one frame for each tile; without an image it holds no picture."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID = sop_class, generate_uid(), series
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    if image is not None:
        height, width = image.shape[:2]
        data.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
        data.Rows = data.Columns = TILE
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "YBR_FULL_422", 0
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation = 7, 0
        data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
        data.DimensionOrganizationType = "TILED_FULL"
        measures, shared = Dataset(), Dataset()
        measures.PixelSpacing = [um / 1000, um / 1000]
        shared.PixelMeasuresSequence = [measures]
        data.SharedFunctionalGroupsSequence = [shared]
        padded = np.pad(image, ((0, -height % TILE), (0, -width % TILE), (0, 0)), mode="edge")
        frames = [
            simplejpeg.encode_jpeg(np.ascontiguousarray(padded[y : y + TILE, x : x + TILE]), 95, "RGB", "422")
            for y in range(0, height, TILE)
            for x in range(0, width, TILE)
        ]
        put_frames(data, frames)
    for name, value in more.items():
        setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_slide(folder, levels, series, names=("level{}.dcm", "label.dcm")):
    for number, image in enumerate(levels):
        write(folder / names[0].format(number), image, series, um=0.25 * 2**number)
    write(folder / names[1], levels[0][:TILE, :TILE], series, "LABEL")
    return folder


def put_frames(data, frames):
    """The pixel data of a file."""
    data.NumberOfFrames, data.PixelData = len(frames), encapsulate(frames)
    data["PixelData"].is_undefined_length = True


def spread(source, folder, parts, order=None, layout="TILED_FULL"):
    """The level in ``source`` as a concatenation of some files, its frames in another order where one is given."""
    data = pydicom.dcmread(source)
    frames = list(generate_frames(data.PixelData, number_of_frames=data.NumberOfFrames))
    order = list(range(len(frames))) if order is None else order
    data.DimensionOrganizationType, concatenation = layout, generate_uid()
    paths, first, columns = [], 0, -(-data.TotalPixelMatrixColumns // TILE)
    for number, part in enumerate(np.array_split(order, parts)):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        if parts > 1:
            data.ConcatenationUID, data.InConcatenationNumber = concatenation, number + 1
            data.ConcatenationFrameOffsetNumber = first
        if layout == "TILED_SPARSE":
            data.PerFrameFunctionalGroupsSequence = [place(int(at) % columns, int(at) // columns) for at in part]
        put_frames(data, [frames[at] for at in part])
        paths.append(folder / f"{source.stem}-{number}.dcm")
        folder.mkdir(exist_ok=True)
        data.save_as(paths[-1])
        first += len(part)
    return paths


def place(column, row):
    """Where a frame belongs."""
    item, position = Dataset(), Dataset()
    position.ColumnPositionInTotalImagePixelMatrix = column * TILE + 1
    position.RowPositionInTotalImagePixelMatrix = row * TILE + 1
    item.PlanePositionSlideSequence = [position]
    return item
