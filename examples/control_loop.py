# SPDX-License-Identifier: Apache-2.0
"""Skeleton of a controller that follows action images: 10 Hz, no ROS. Replace `next_images` and `Robot` by your own.

control_loop.py [FRAMES]
"""

import sys
import time

import numpy as np
from codec import camera_at

import action_images as aim

PERIOD = 0.1  # [s]
LEAST_CONFIDENCE = 0.5  # below, the robot holds its pose
LONGEST_STEP = 0.02  # in one period [m]


class Robot:
    """Stands in for a robot: goes where it is told."""

    def __init__(self):
        self.pose = np.array([0, 0, 0.12, 3.0, 0, 0, 1.0])

    def move_to(self, action):
        step = action[:3] - self.pose[:3]
        share = min(1.0, LONGEST_STEP / max(np.linalg.norm(step), 1e-9))
        self.pose = np.concatenate([self.pose[:3] + share * step, action[3:]])


def next_images(frame, rig, images):
    """Stands in for a world model: the action images of one frame, here drawn; every seventh one is lost."""
    aim.encode([[0.015 * frame, 0, 0.12, 3.0, 0.05 * frame, 0, float(frame < 5)]], rig, out=images)
    if frame % 7 == 6:
        images[:] = 0


def main():
    rig = aim.Rig([camera_at((0.6, 0.5, 0.6), 256), camera_at((0.6, -0.5, 0.6), 256)])
    images = np.empty((len(rig), 1, 256, 256, 3), np.uint8)  # used again in every period
    robot, deadline = Robot(), time.monotonic()
    for frame in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        next_images(frame, rig, images)
        begin = time.perf_counter()
        decoded = aim.decode(images, rig, fill=False, threads=1)
        milliseconds = 1e3 * (time.perf_counter() - begin)
        trusted = decoded.confidence[0] >= LEAST_CONFIDENCE
        if trusted:
            robot.move_to(decoded.actions[0])
        verb, place = "move to" if trusted else "hold", robot.pose[:3].round(3)
        print(f"frame {frame}: {verb} {place} m, confidence {decoded.confidence[0]:.2f}, read in {milliseconds:.2f} ms")
        deadline += PERIOD
        time.sleep(max(0.0, deadline - time.monotonic()))


if __name__ == "__main__":
    main()
