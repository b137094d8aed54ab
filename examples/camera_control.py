# SPDX-License-Identifier: Apache-2.0
"""Camera control (paper, Fig. 9): one scene generated with cameras that stand still, and with cameras that move round it.

camera_control.py SCENE OUT [MODEL [DEGREES]]      SCENE as `action-images scene` writes it

Both rollouts simulate the scene's actions (a2v). The actions are drawn with each frame's cameras, so the action images
follow the cameras exactly, whatever the model. The video follows as far as the model has learned it: the embedded model
was trained with fixed cameras only, and its objects hardly move with the cameras.
"""

import json
import sys
from pathlib import Path

import numpy as np

import action_images as aim
from action_images.model import WorldModel


def looked_at(rig):
    """The point nearest to the lines of sight of all cameras [m]."""
    normals, points = [], []
    for camera in rig:
        direction = camera.world_from_camera[:3, 2]
        normals.append(np.eye(3) - np.outer(direction, direction))
        points.append(normals[-1] @ camera.world_from_camera[:3, 3])
    return np.linalg.lstsq(np.concatenate(normals), np.concatenate(points), rcond=None)[0]


def turned(camera, pivot, angle):
    """The camera after a turn by `angle` [rad] about the vertical through `pivot`."""
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = pivot - turn[:3, :3] @ pivot
    return aim.Camera(
        intrinsics=camera.intrinsics,
        world_from_camera=turn @ camera.world_from_camera,
        width=camera.width,
        height=camera.height,
    )


def orbiting(rig, frames, degrees):
    """A rig of so many frames that begins as `rig` and turns about what it looks at."""
    angles, pivot = np.radians(np.linspace(0, degrees, frames)), looked_at(rig)
    return aim.Rig([[turned(camera, pivot, angle) for angle in angles] for camera in rig], names=rig.names)


def main():
    scene, out, name = Path(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3:] or ["embedded"])[0]
    degrees = float(sys.argv[4]) if len(sys.argv) > 4 else 15.0
    still, actions = aim.load_rig(scene / "rig.json"), aim.load_trajectory(scene / "actions.csv")
    views = [scene / f"view_{view}.png" for view in range(len(still))]
    instruction = json.loads((scene / "scene.json").read_text())["instruction"]
    model = WorldModel.load(name)
    videos = {}
    for label, rig in {"still": still, "moving": orbiting(still, len(actions), degrees)}.items():
        rollout = model.generate(views, instruction, rig=rig, task="a2v", actions=actions)
        rollout.save(out / label)
        videos[label] = rollout.video.astype(float)
        error = 1000 * np.linalg.norm(rollout.actions[:, :3] - actions[:, :3], axis=1).mean()
        print(f"{label}: actions read back with the cameras of their frames, {error:.2f} mm off on average")
    change = np.abs(videos["moving"] - videos["still"]).mean(axis=(0, 2, 3, 4))
    print("change of the video by the cameras' motion, of 255, frame by frame:", " ".join(f"{c:.3g}" for c in change))


if __name__ == "__main__":
    main()
