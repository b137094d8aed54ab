# SPDX-License-Identifier: Apache-2.0
"""All players of a report in one video, so that they cannot run apart."""

from dataclasses import dataclass

import numpy as np

from action_images.presentation.panels import upscale

LARGEST_SIDE = 3840  # px, and
LARGEST_AREA = 4096 * 2304  # px: what decoders of H.264, level 5.1, take


@dataclass(frozen=True)
class Layout:
    """Where the tiles of V views lie in the mosaic [px]."""

    tile: tuple  # width, height
    size: tuple  # of the mosaic: width, height; even
    video: tuple  # of every view: left, top
    action: tuple  # the same, or ()
    reduction: int  # pictures are made smaller by this whole factor
    enlarged: bool  # or larger: their pixels are to be seen


def layout_of(record, reduction=1):
    """The layout with the squarest grid of views whose tiles are `reduction` times smaller or, if need be, more."""
    kinds = 1 if record.action_images is None else 2
    pictures = upscale(record.video[0, 0])
    while True:
        height, width = (max(1, side // reduction) for side in pictures.shape[:2])
        columns = min(range(1, record.views + 1), key=lambda c: max(c * kinds * width, -(-record.views // c) * height))
        size = columns * kinds * width, -(-record.views // columns) * height
        if reduction >= min(pictures.shape[:2]) or (max(size) <= LARGEST_SIDE and size[0] * size[1] <= LARGEST_AREA):
            break
        reduction += 1
    places = [(view % columns * kinds * width, view // columns * height) for view in range(record.views)]
    return Layout(
        tile=(width, height),
        size=tuple(side + side % 2 for side in size),
        video=tuple(places),
        action=tuple((left + width, top) for left, top in places) if kinds == 2 else (),
        reduction=reduction,
        enlarged=pictures.shape != record.video.shape[2:] and reduction == 1,
    )


def mosaic_frames(record, layout):
    """The mosaic's frames (T, height, width, 3) uint8."""
    width, height = layout.tile
    mosaic = np.zeros((record.frames, *layout.size[::-1], 3), np.uint8)
    for frames, places in ((record.video, layout.video), (record.action_images, layout.action)):
        for view, (left, top) in enumerate(places):
            for time in range(record.frames):
                tile = _reduced(upscale(frames[view, time]), layout)
                mosaic[time, top : top + height, left : left + width] = tile
    return mosaic


def _reduced(picture, layout):
    """The means of squares of pixels; what is left over at the right and at the bottom is dropped."""
    factor, (width, height) = layout.reduction, layout.tile
    if factor == 1:
        return picture
    whole = picture[: height * factor, : width * factor]
    sums = np.zeros((height, width, 3), np.uint32)
    for row in range(factor):
        for column in range(factor):
            sums += whole[row::factor, column::factor]
    return ((sums + factor**2 // 2) // factor**2).astype(np.uint8)
