# SPDX-License-Identifier: Apache-2.0
"""Figures for a paper from the folder of a saved rollout: figures.py ROLLOUT OUT [TRUTH.csv]

Writes action_strip.pdf, trajectory.pdf and trajectory_3d.pdf into OUT and, with the true trajectory, confidence.pdf.
"""

import json
import sys
from pathlib import Path

import matplotlib
import numpy as np

import action_images as aim
from action_images.model import read_video
from action_images.presentation import plots

rollout, out = Path(sys.argv[1]), Path(sys.argv[2])
record = json.loads((rollout / "rollout.json").read_text())
actions = np.array(record["actions"], float)  # null, a frame that was not decoded, is NaN
confidence = np.array(record["confidence"], float)
truth = aim.load_trajectory(sys.argv[3]) if len(sys.argv) > 3 else None
names = [camera["name"] for camera in record["cameras"]]
cameras = [{name: value for name, value in camera.items() if name != "name"} for camera in record["cameras"]]
rig = aim.Rig([aim.Camera(**camera) for camera in cameras], names=names)
views = range(record["shape"]["views"])
video, images = (
    np.stack([read_video(rollout / f"view_{view}_{kind}.mp4") for view in views]) for kind in ("video", "action")
)

figures = {
    "action_strip": plots.plot_action_strip(images, video=video, names=names),
    "trajectory": plots.plot_trajectory(actions, truth, confidence),
    "trajectory_3d": plots.plot_trajectory_3d(actions, truth, rig=rig),
}
if truth is not None:
    error = 1000 * np.linalg.norm(actions[:, :3] - truth[:, :3], axis=1)
    if np.isfinite(error).any():
        figures["confidence"] = plots.plot_confidence(confidence, error, bins=4)
out.mkdir(parents=True, exist_ok=True)
with matplotlib.rc_context({"pdf.fonttype": 42}):  # text stays text
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.pdf")
print(f"{out}: {', '.join(f'{name}.pdf' for name in figures)}")
