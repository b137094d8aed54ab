# SPDX-License-Identifier: Apache-2.0
"""How soon report.html can be used in headless Chromium without a GPU [ms]: medians and all loads.

    python benchmarks/report.py [--frames 41] [--views 2] [--size 512] [--points 100000] [--loads 5] [--chromium PATH]

"pictures" are drawn, "players": the slider works, "figures": the 3-D scene and the plots stand too. Counted from the
navigation's start, in a fresh context each time. Needs torch, plotly, playwright and Chromium.
"""
import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import action_images as aim
from action_images.point_cloud import PointCloud
from action_images.presentation import write_report
from action_images.simulation.scene import look_from

MARKS = ("pictures", "players", "figures")


def camera(angle, size):
    """On a circle around a table, towards a point above its middle."""
    pose = look_from(np.array([0.9 * np.cos(angle), 0.9 * np.sin(angle), 0.7]), np.array([0, 0, 0.1]))
    intrinsics = [[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size)


def rollout(frames, views, size, points):
    """A gripper on an arc above a wavy table, in moving colours."""
    rig = aim.Rig([camera(angle, size) for angle in np.linspace(-0.8, 0.8, views)])
    t = np.linspace(0, 1, frames)
    actions = np.stack([0.2 * t - 0.1, 0.1 * t, 0.3 - 0.2 * t, 0 * t + 3, 0.5 * t, 4 * t, 1 - t], axis=1)
    y, x = np.mgrid[:size, :size] / size
    phase = 6 * t[:, None, None]
    waves = [np.sin(9 * x + phase), np.cos(7 * y - phase), np.sin(5 * (x + y) + 0 * phase)]
    video = np.broadcast_to((128 + 90 * np.stack(waves, -1)).astype(np.uint8), (views, frames, size, size, 3))
    random = np.random.default_rng(0)
    place = random.uniform(-0.4, 0.4, (points, 2))
    cloud = np.column_stack([place, 0.05 * np.sin(8 * place[:, 0])])
    scene = PointCloud(cloud, random.integers(0, 256, (points, 3))) if points else None
    return {"video": video, "action_images": aim.encode(actions, rig), "actions": actions, "rig": rig, "scene": scene,
            "confidence": np.ones(frames), "settings": {"task": "i2va", "prompt": "reach"}, "timings": {"total": 1.0}}


def load(browser, path):
    """Marks of one load [ms]."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"file://{path}")
    while page.evaluate("performance.getEntriesByName('figures').length") == 0:
        time.sleep(0.05)
    times = [page.evaluate(f"performance.getEntriesByName('{mark}')[0].startTime") for mark in MARKS]
    context.close()
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"frames": 41, "views": 2, "size": 512, "points": 100_000, "loads": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        write_report(path, rollout(arguments.frames, arguments.views, arguments.size, arguments.points))
        options = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=options)
        loads = [load(browser, path) for _ in range(arguments.loads)]
        browser.close()
        print(f"{path.stat().st_size / 1e6:.1f} MB")
    for mark, times in zip(MARKS, zip(*loads)):
        print(f"{mark:8s} {statistics.median(times):6.0f} ms   " + " ".join(f"{value:.0f}" for value in times))


if __name__ == "__main__":
    main()
