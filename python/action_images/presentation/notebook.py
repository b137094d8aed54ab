# SPDX-License-Identifier: Apache-2.0
"""What notebooks show of a rollout, of action images and of what was decoded.

Every picture is a PNG inside the HTML, which stays when a notebook is exported, sent or not trusted; the player under a
rollout is an mp4 inside it, without scripts.
"""

from __future__ import annotations

import base64
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from action_images import Decoded, Rig, ShapeError, decode
from action_images.presentation.contact_sheet import draw_images, draw_record
from action_images.presentation.files import default_write_video
from action_images.presentation.mosaic import layout_of, mosaic_frames
from action_images.presentation.panels import check_frames
from action_images.presentation.record import RolloutRecord
from action_images.presentation.report_parts import subtitle_of, title_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

COLUMNS = 5  # frames in a static picture
SHEET_WIDTHS = (960, 720, 480)  # px, the first whose PNG is small enough is taken
LARGEST_PNG = 400_000  # bytes
PLAYER_SIDE = 640  # px, of the longer side at most
LARGEST_PLAYER = 1_500_000  # bytes; a longer video is left to the report
MOST_ROWS = 9  # of tables


def rollout_png(rollout: Any) -> bytes:
    """The contact sheet of a rollout (see `RolloutRecord.of`) as a small PNG."""
    record = RolloutRecord.of(rollout)
    return small_png(draw_record(record, title=title_of(record), subtitle=subtitle_of(record), columns=COLUMNS))


def rollout_html(rollout: Any, *, write_video: Any = None) -> str:
    """The contact sheet, and below it a player unless that would be large.

    write_video(path, frames, fps=, crf=): the default is `action_images._model.write_video`.
    """
    record = RolloutRecord.of(rollout)
    picture = _picture(rollout_png(record), title_of(record))
    return f"<div>{picture}{_player(record, write_video)}</div>"


def _player(record: RolloutRecord, write_video: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "player.mp4"
        layout = layout_of(record)
        layout = layout_of(record, -(-max(layout.size) // PLAYER_SIDE))
        (write_video or default_write_video())(file, mosaic_frames(record, layout), fps=record.viewing_rate(), crf=26)
        if file.stat().st_size > LARGEST_PLAYER:
            return ""
        video = base64.b64encode(file.read_bytes()).decode()
    return (
        "<details><summary>Play</summary>"
        '<video controls loop muted playsinline style="max-width:100%" '
        f'src="data:video/mp4;base64,{video}"></video></details>'
    )


class ShownImages:
    """Action images that show themselves in notebooks; made by `show`."""

    def __init__(self, images: np.ndarray, decoded: Decoded | None, caption: str) -> None:
        self.images, self.decoded, self.caption = images, decoded, caption

    def _repr_png_(self) -> bytes:
        return small_png(draw_images(self.images, title=self.caption, columns=COLUMNS))

    def _repr_html_(self) -> str:
        table = "" if self.decoded is None else decoded_html(self.decoded)
        return f"<div>{_picture(self._repr_png_(), self.caption)}{table}</div>"

    def __repr__(self) -> str:
        return f"ShownImages({self.caption})"


def show(images: ArrayLike, rig: Rig | None = None, **options: Any) -> ShownImages:
    """Action images (V, T, H, W, 3), uint8 or floating point in [0, 1], as a picture in a notebook.

    rig: then they are decoded too (options as of `decode`), and a table of the actions stands below; one view alone
    needs `depth` or `plane` for that. Needs Pillow. Raises ShapeError if the shapes do not fit.
    """
    images = np.asarray(images)
    if np.issubdtype(images.dtype, np.floating):
        images = (images.clip(0, 1) * 255).round().astype(np.uint8)
    images = check_frames("presentation::show", "images", images, 5)
    views, frames, height, width, _ = images.shape
    caption = f"{views} view{'s' * (views > 1)}, {frames} frame{'s' * (frames > 1)}, {width} × {height} px"
    return ShownImages(images, None if rig is None else _decoded(images, rig, options), caption)


def _decoded(images: np.ndarray, rig: Rig, options: dict) -> Decoded | None:
    if len(rig) != len(images):
        raise ShapeError(f"[presentation::show] rig: expected {len(images)} views, got {len(rig)}")
    if len(rig) == 1 and not options:
        return None
    return decode(images, rig, **options)


def decoded_html(decoded: Decoded) -> str:
    """How much was decoded and how well, and the actions of up to nine frames."""
    frames, valid = len(decoded), int(np.count_nonzero(decoded.valid))
    seen = decoded.reprojection_error[np.isfinite(decoded.reprojection_error)]
    error = f", median reprojection error {np.median(seen):.2f} px" if len(seen) else ""
    mean = f", mean confidence {np.mean(decoded.confidence):.2f}" if frames else ""
    head = ("frame", "x", "y", "z", "ex [°]", "ey [°]", "ez [°]", "openness", "confidence")
    rows = []
    for index in np.unique(np.linspace(0, frames - 1, min(frames, MOST_ROWS)).round().astype(int)):
        x, y, z, *angles, openness = decoded.actions[index]
        cells = [f"{v:.4f}" for v in (x, y, z)] + [f"{np.degrees(angle):.1f}" for angle in angles]
        cells += [f"{openness:.2f}", f"{decoded.confidence[index]:.2f}"]
        rows.append(f"<tr><th>{index}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    titles = "".join(f"<th>{name}</th>" for name in head)
    return (
        f"<div><p><b>Decoded</b> {valid} of {frames} frames{mean}{error}</p>"
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def small_png(image: np.ndarray) -> bytes:
    """An (H, W, 3) uint8 picture as a PNG of 128 colours, at most 960 px wide and, down to 480 px, 400 kB large."""
    import io

    from PIL import Image

    picture = Image.fromarray(image)
    for width in SHEET_WIDTHS:
        size = min(width, picture.width), max(1, round(picture.height * min(1, width / picture.width)))
        stream = io.BytesIO()
        picture.resize(size).quantize(128).save(stream, "PNG", optimize=True)
        if stream.tell() <= LARGEST_PNG:
            break
    return stream.getvalue()


def _picture(png: bytes, caption: str) -> str:
    data = base64.b64encode(png).decode()
    return f'<img style="max-width:100%" alt="{escape(caption)}" src="data:image/png;base64,{data}">'
