# SPDX-License-Identifier: Apache-2.0
"""A whole rollout in one picture: rows are views, columns are moments."""

import numpy as np

from action_images import draw_trajectory, heat_blend
from action_images.presentation.geometry import time_colour
from action_images.presentation.panels import check_frames, upscale
from action_images.presentation.record import RolloutRecord

PAPER, INK, MUTED, LINE = (255, 255, 255), (24, 28, 36), (106, 114, 128), (224, 228, 234)
MARGIN, GUTTER, GAP, VIEW_GAP = 28, 84, 6, 22
SMALLEST_TILE, LARGEST_TILE = 96, 224


def contact_sheet(video, action_images=None, *, actions=None, rig=None, title="", subtitle="", columns=9):
    """Draws up to `columns` frames of every view: video, action image, and the video with the decoded path on it.

    video, action_images: (V, T, H, W, 3) uint8, the second optional. actions: (T, 7), with rig: V cameras with
    `intrinsics` and `world_from_camera`; without these two the third row is the 50/50 blend. Small frames are enlarged
    by whole factors to at least 96 px.

    Returns (height, width, 3) uint8. Raises ShapeError if the shapes do not fit.
    """
    check_frames("presentation::contact_sheet", "video", video, 5)
    record = RolloutRecord.of({"video": video, "action_images": action_images, "actions": actions, "rig": rig})
    return draw_record(record, title=title, subtitle=subtitle, columns=columns)


def draw_record(record, *, title="", subtitle="", columns=9):
    """`contact_sheet` of a RolloutRecord."""
    moments = np.unique(np.linspace(0, record.frames - 1, min(columns, record.frames)).round().astype(int))
    rows = [_tiles(record, view, moments) for view in range(record.views)]
    sheet = _Sheet(rows, title, subtitle, has_path=record.actions is not None and bool(record.cameras))
    sheet.draw(moments)
    return np.asarray(sheet.image)


def draw_images(images, *, title="", columns=9):
    """Action images (V, T, H, W, 3) uint8 alone: rows are views, columns are up to `columns` moments."""
    moments = np.unique(np.linspace(0, images.shape[1] - 1, min(columns, images.shape[1])).round().astype(int))
    rows = [[("action image", [_tile(view[t]) for t in moments])] for view in images]
    sheet = _Sheet(rows, title, "", has_path=False)
    sheet.draw(moments)
    return np.asarray(sheet.image)


def _tiles(record, view, moments):
    """The rows of one view: [(label, [tile, ...]), ...]."""
    video = record.video[view]
    rows = [("first picture" if record.still else "video", [_tile(video[t]) for t in moments])]
    if record.action_images is None:
        return rows
    action = record.action_images[view]
    rows.append(("action image", [_tile(action[t]) for t in moments]))
    if record.actions is None or not record.cameras:
        rows.append(("blend", [_tile(heat_blend(video[t], action[t])) for t in moments]))
        return rows
    paths = [
        _with_path(tile, record.actions, record.camera(view, 0 if record.still else t), t)
        for tile, t in zip(rows[0][1], moments)
    ]
    rows.append(("decoded path", paths))
    return rows


def _tile(frame):
    from PIL import Image

    image = Image.fromarray(upscale(frame, SMALLEST_TILE))
    scale = LARGEST_TILE / max(image.size)
    return image if scale >= 1 else image.resize([max(1, round(side * scale)) for side in image.size])


def _with_path(tile, actions, camera, moment):
    from PIL import Image

    camera = camera.center_crop_resize(tile.height, tile.width)
    width = max(2.0, 0.016 * min(tile.size))  # a little bolder than usual: tiles are small
    return Image.fromarray(draw_trajectory(np.asarray(tile), actions, camera, time=moment, width=width))


class _Sheet:
    """The layout: header, column labels, then per view its rows of tiles, and the key of the colours."""

    def __init__(self, rows, title, subtitle, has_path):
        from PIL import Image, ImageDraw

        self.rows, self.title, self.subtitle, self.has_path = rows, title, subtitle, has_path
        self.tile_width, self.tile_height = rows[0][0][1][0].size
        count = len(rows[0][0][1])
        self.left = MARGIN + GUTTER
        self.top = MARGIN + (34 if title else 0) + (26 if subtitle else 0) + (10 if title or subtitle else 0) + 24
        per_view = len(rows[0]) * (self.tile_height + GAP) - GAP
        height = self.top + len(rows) * (per_view + VIEW_GAP) - VIEW_GAP + MARGIN + (30 if has_path else 0)
        width = self.left + count * (self.tile_width + GAP) - GAP + MARGIN
        self.image = Image.new("RGB", (max(width, 560), height), PAPER)
        self.canvas = ImageDraw.Draw(self.image)

    def text(self, position, text, size, fill, anchor="lt"):
        from PIL import ImageFont

        text = text.replace("×", "x")  # not in Pillow's own font
        self.canvas.text(position, text, font=ImageFont.load_default(size), fill=fill, anchor=anchor)

    def fitted(self, text, size):
        """`text`, cut with an ellipsis so that it stays on the sheet."""
        from PIL import ImageFont

        font, room = ImageFont.load_default(size), self.image.width - 2 * MARGIN
        if font.getlength(text) <= room:
            return text
        while text and font.getlength(text + "...") > room:
            text = text[:-1]
        return text + "..."

    def draw(self, moments):
        y = MARGIN
        if self.title:
            self.text((MARGIN, y), self.fitted(self.title, 24), 24, INK)
            y += 34
        if self.subtitle:
            self.text((MARGIN, y), self.fitted(self.subtitle, 15), 15, MUTED)
        for column, moment in enumerate(moments):
            x = self.left + column * (self.tile_width + GAP) + self.tile_width / 2
            self.text((x, self.top - 8), f"frame {moment}", 13, MUTED, "mb")
        y = self.top
        for view, rows in enumerate(self.rows):
            y = self.draw_view(view, rows, y) + VIEW_GAP
        if self.has_path:
            self.draw_key(y - VIEW_GAP + 18)

    def draw_view(self, view, rows, y):
        self.text((MARGIN, y + 2), f"view {view}", 16, INK)
        for index, (label, tiles) in enumerate(rows):
            first, *rest = label.split()
            offset = 26 if index == 0 else 2
            self.text((MARGIN, y + offset), first, 13, MUTED)
            if rest:
                self.text((MARGIN, y + offset + 17), " ".join(rest), 13, MUTED)
            for column, tile in enumerate(tiles):
                x = self.left + column * (self.tile_width + GAP)
                self.image.paste(tile, (x, y))
                self.canvas.rectangle([x, y, x + self.tile_width - 1, y + self.tile_height - 1], outline=LINE)
            y += self.tile_height + GAP
        return y - GAP

    def draw_key(self, y):
        self.text((self.left, y + 7), "first frame", 13, MUTED, "lm")
        begin = self.left + 76
        for step in range(160):
            self.canvas.line([begin + step, y + 3, begin + step, y + 10], fill=time_colour(step / 159))
        self.text((begin + 170, y + 7), "last frame", 13, MUTED, "lm")
