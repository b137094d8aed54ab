# SPDX-License-Identifier: Apache-2.0
"""Encoding, decoding and Plücker rays against the same in numpy and torch, side by side in one run.

    python benchmarks/codec.py [--frames 41] [--size 512] [--repeats 7] [--json FILE]

Two views, uint8 pictures, results in buffers that the caller owns. Medians of alternating calls with one thread, then with one
for every core; numpy's array operations always take one. "CPU" is the time of one thread without what other programs take.
The baselines are in codec_baselines.py: "numpy" is vectorised over frames in float32, "loops" is the released implementation's
style, frame by frame. Ratios are to the first row of a table.
"""
import argparse
import importlib.util
import json
import os
import platform
import statistics
import time

import codec_baselines as baselines
import numpy as np

import action_images as aim


def pose_at(angle, distance=0.75):
    """Camera that looks at the origin."""
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = pose[:3, :3] @ [0, 0, -distance]
    return pose


def make_rig(size, frames=None):
    """Two views; with frames, both move."""
    intrinsics = [[1.1 * size, 0, size / 2], [0, 1.1 * size, size / 2], [0, 0, 1]]

    def camera(angle):
        return aim.Camera(intrinsics=intrinsics, world_from_camera=pose_at(angle), width=size, height=size)

    if frames is None:
        return aim.Rig([camera(-0.5), camera(0.5)])
    return aim.Rig([[camera(angle + 0.01 * t) for t in range(frames)] for angle in (-0.5, 0.5)])


def draw_actions(frames, random):
    actions = np.zeros((frames, 7))
    actions[:, :3] = random.uniform(-0.08, 0.08, (frames, 3))
    actions[:, 3:6] = random.uniform(-1.0, 1.0, (frames, 3))
    actions[:, 6] = 1.0
    return actions


def set_threads(threads):
    """Threads of torch, if it is there; 0: one for every core."""
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads or os.cpu_count())


class Scene:
    """The inputs of one round and the buffers for results."""

    def __init__(self, arguments):
        self.rig = make_rig(arguments.size)
        self.moving = make_rig(arguments.size, arguments.frames)
        self.random = np.random.default_rng(0)
        shape = (2, arguments.frames, arguments.size, arguments.size)
        self.pixels = np.empty((*shape, 3), np.uint8)
        self.rays = np.empty((*shape, 6), np.float32)
        self.exact_rays = baselines.plucker_numpy(make_rig(arguments.size, 2), np.float64)
        self.next_round(arguments.frames)

    def next_round(self, frames):
        self.actions = draw_actions(frames, self.random)
        self.images = aim.encode(self.actions, self.rig)

    def error_of(self, table, result):
        """What a table shows beside the times."""
        if table == "encode":
            exact = baselines.encode_numpy(self.actions[:2], self.rig, np.float64).astype(int)
            return float(np.abs(exact - result[:, :2]).max())
        if table == "decode":
            positions = result.points[:, 0] if hasattr(result, "points") else result
            return float(np.linalg.norm(positions - self.actions[:, :3], axis=1).mean() * 1e3)
        return float(np.abs(self.exact_rays - result[:, :2]).max())


ERRORS = {"encode": "largest error [levels]", "decode": "mean error [mm]", "plucker": "largest error"}


def calls_of(scene):
    """Table -> row -> call; calls that take threads use them."""
    decode_takes_threads = "threads" in aim.decode.__doc__  # pybind11 writes the signature there
    tables = {
        "encode": {
            "action_images": lambda threads: aim.encode(scene.actions, scene.rig, out=scene.pixels, threads=threads),
            "numpy": lambda _: baselines.encode_numpy(scene.actions, scene.rig),
            "numpy loops": lambda _: baselines.encode_loops_numpy(scene.actions, scene.rig),
            "torch loops": lambda _: baselines.encode_loops_torch(scene.actions, scene.rig),
        },
        "decode": {
            "action_images": lambda threads: aim.decode(
                scene.images, scene.rig, **({"threads": threads} if decode_takes_threads else {})
            ),
            "numpy, the paper's": lambda _: baselines.decode_numpy(scene.images, scene.rig),
            "numpy, the release's": lambda _: baselines.decode_release_numpy(scene.images, scene.rig),
        },
        "plucker": {
            "action_images": lambda threads: aim.plucker(scene.moving, out=scene.rays, threads=threads),
            "numpy": lambda _: baselines.plucker_numpy(scene.moving),
            "torch loops": lambda _: baselines.plucker_loops_torch(scene.moving),
        },
    }
    if not importlib.util.find_spec("torch"):
        tables = {table: {row: call for row, call in rows.items() if "torch" not in row} for table, rows in tables.items()}
    return tables


def measure(scene, arguments):
    """Table -> row -> {"one": s, "cpu": s, "all": s or None, "error": number}; one and cpu are of the same calls."""
    tables = calls_of(scene)
    results = {table: {row: {"one": [], "cpu": [], "all": [], "error": []} for row in rows} for table, rows in tables.items()}
    for repeat in range(arguments.repeats + 1):
        scene.next_round(arguments.frames)
        for table, rows in tables.items():
            for row, call in rows.items():
                for name, threads in (("one", 1), ("all", 0)):
                    if name == "all" and row.startswith("numpy"):
                        continue
                    set_threads(threads)
                    result = None  # freed before the clock starts
                    start, start_cpu = time.perf_counter(), time.process_time()
                    result = call(threads)
                    seconds, seconds_cpu = time.perf_counter() - start, time.process_time() - start_cpu
                    if repeat > 0:  # the first round warms up
                        results[table][row][name].append(seconds)
                        if name == "one":
                            results[table][row]["cpu"].append(seconds_cpu)
                results[table][row]["error"].append(scene.error_of(table, result))
    for rows in results.values():
        for row in rows.values():
            row["error"] = max(row["error"])
            row.update({name: statistics.median(row[name]) if row[name] else None for name in ("one", "cpu", "all")})
    return results


def print_table(table, rows):
    print(f"\n{table:22} {'1 thread':>11} {'ratio':>7} {'its CPU':>11} {'ratio':>7} {'all cores':>11}   {ERRORS[table]}")
    ours = rows["action_images"]
    for row, values in rows.items():
        columns = []
        for name in ("one", "cpu"):
            columns += [f"{1e3 * values[name]:8.1f} ms", f"{values[name] / ours[name]:6.1f}x"]
        columns.append(f"{1e3 * values['all']:8.1f} ms" if values["all"] else " " * 11)
        print(f"  {row:20} {' '.join(columns)}   {values['error']:.2g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=41)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE", help="write the results there, times in seconds")
    arguments = parser.parse_args()
    if arguments.frames < 2:
        parser.error("--frames: at least 2")
    results = measure(Scene(arguments), arguments)
    print(f"{arguments.frames} frames, 2 views, {arguments.size} px, {os.cpu_count()} cores, medians of {arguments.repeats}")
    for table, rows in results.items():
        print_table(table, rows)
    if arguments.json:
        versions = {"action_images": aim.__version__, "numpy": np.__version__, "python": platform.python_version()}
        setting = {"frames": arguments.frames, "size": arguments.size, "repeats": arguments.repeats}
        document = {"setting": setting, "cores": os.cpu_count(), "versions": versions, "results": results}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)


if __name__ == "__main__":
    main()
