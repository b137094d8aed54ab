# SPDX-License-Identifier: Apache-2.0
"""Showing what a rollout holds: panels, contact sheets, a report for the browser, a folder with everything; pictures
in notebooks; `action_images.presentation.plots` has figures for papers.

Needs numpy and Pillow, plotly for the report, matplotlib for the plots and FFmpeg (through `action_images._model`) for
videos; all but numpy are imported when a function first needs them.

    from action_images.presentation import save_rollout
    save_rollout("out/", rollout)
"""

from action_images.presentation.contact_sheet import contact_sheet
from action_images.presentation.notebook import ShownImages, show
from action_images.presentation.panels import panel, upscale
from action_images.presentation.record import RolloutRecord
from action_images.presentation.report import write_report
from action_images.presentation.save import save_rollout

__all__ = ["RolloutRecord", "ShownImages", "contact_sheet", "panel", "save_rollout", "show", "upscale", "write_report"]
