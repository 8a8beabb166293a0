"""Decoded frames of any pixel format as RGB pictures, with the right matrix, range and orientation."""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from unmissed.datasets.basis.errors import VideoError

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_HEIGHT_PX = 720  # what does not name its matrix: ITU-R BT.709 from here on, BT.601 below, as players do
_HDR = {16: "PQ", 18: "HLG"}  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67


class RgbConverter:
    """Converts frames of one stream, one after another.

    Attributes:
        notes: what was converted or left out, once each.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self.notes: dict[str, None] = {}

    def convert(self, frame: av.VideoFrame) -> np.ndarray:
        """uint8 (height, width, 3) RGB, upright.

        Raises:
            VideoError: When FFmpeg cannot convert the pixel format.
        """
        matrix = None
        if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb:
            matrix = Colorspace.ITU709 if frame.height >= _HD_HEIGHT_PX else Colorspace.ITU601
        try:
            # One thread: the analysis needs the other cores.
            converted = self._reformatter.reformat(
                frame, format="rgb24", src_colorspace=matrix, dst_color_range=ColorRange.JPEG, threads=1
            )
            image = converted.to_ndarray()
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                f"pictures of the pixel format {frame.format.name} cannot be converted",
                fix="export the video as MP4 (H.264)",
            ) from error
        if any(part.is_alpha for part in frame.format.components):
            self.notes["The transparency of the pictures was left out. 图像的透明通道未采用。"] = None
        if frame.color_trc in _HDR:
            kind = _HDR[frame.color_trc]
            note = (
                f"High dynamic range ({kind}): the brightness is taken as stored. 高动态范围（{kind}）：亮度按存储值。"
            )
            self.notes[note] = None
        return np.ascontiguousarray(self._upright(image, frame.rotation))

    def _upright(self, image: np.ndarray, degrees: int) -> np.ndarray:
        """Turned as the display matrix says."""
        quarters = round(degrees / 90) % 4
        if quarters == 0:
            return image
        degrees = 90 * quarters
        self.notes[f"Turned by {degrees} degrees, as the file says. 按文件所注旋转 {degrees} 度。"] = None
        return np.rot90(image, quarters)
