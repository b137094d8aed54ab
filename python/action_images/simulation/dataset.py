# SPDX-License-Identifier: Apache-2.0
"""Writes episodes of the tabletop as shards of clips, in as many processes as wanted, and resumes.

A shard ``shard-00000.safetensors`` holds N consecutive seeds: video u8 [N, V, T, H, W, 3],
actions f32 [N, T, 7], intrinsics f32 [N, V, 3, 3], world_from_camera f32 [N, V, 4, 4], goal f32 [N, 3], and
in its header "format", "version", "texts", "domain", "seeds", "targets" and "settings" (JSON where a list or
an object). ``dataset.json`` is written last, so that its presence says that the dataset is complete.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np

from ..progress import progress_bar
from .output import write_atomically
from .scene import SCENE, sample_scene
from .tabletop import Episode, TabletopScene, load_mujoco

FORMAT, VERSION = "action-images-clips", 1


@dataclass(frozen=True)
class Settings:
    """What every shard of a dataset has in common."""

    domain: str
    first_seed: int
    height: int
    width: int
    frames: int
    views: int
    shard: int
    scene: str = SCENE


def write_dataset(
    root: str | os.PathLike,
    episodes: int,
    *,
    domain: str = "train",
    first_seed: int = 0,
    height: int = 64,
    width: int = 64,
    frames: int = 9,
    views: int = 2,
    shard: int = 256,
    processes: int = 1,
    progress: bool = True,
) -> dict:
    """Renders the scenes first_seed .. first_seed + episodes - 1 of `domain` into the folder `root`.

    May be interrupted and called again: complete shards are kept, and more episodes may be asked for.
    With several processes, the caller must be importable (``if __name__ == "__main__":``).

    @return what is written to ``dataset.json``: format, version, settings, episodes, shards, bytes.
    @throws ValueError for counts below one, or if `root` holds a dataset with other settings or more episodes.
    """
    settings = Settings(domain, first_seed, height, width, frames, views, shard)
    counts = {"episodes": episodes, "height": height, "width": width, "views": views, "shard": shard}
    for name, value in {**counts, "processes": processes}.items():
        if value < 1:
            raise ValueError(f"[simulation::write_dataset] {name}: expected at least 1, got {value}")
    load_mujoco()
    sample_scene(domain, first_seed, views=views, aspect=width / height).actions(frames)  # report bad settings here
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(".shard-*.tmp"):
        leftover.unlink()
    jobs = missing_shards(root, settings, episodes)
    (root / "dataset.json").unlink(missing_ok=True)
    with progress_bar(progress, episodes, episodes - sum(count for _, count in jobs)) as advance:
        run_jobs([(root, settings, *job) for job in jobs], processes, advance)
    return finish(root, settings, episodes)


def missing_shards(root: Path, settings: Settings, episodes: int) -> list[tuple[int, int]]:
    """(index, episodes) of the shards that are still to be rendered.

    @throws ValueError if what is there belongs to another dataset.
    """
    count = -(-episodes // settings.shard)
    missing = [(index, min(settings.shard, episodes - index * settings.shard)) for index in range(count)]
    for path in sorted(root.glob("shard-*.safetensors")):
        header = read_header(path)
        found, wanted = json.loads(header.get("settings", "null")), asdict(settings)
        if found != wanted:
            raise ValueError(f"[simulation::write_dataset] {path}: expected the settings {wanted}, got {found}")
        index, stored = int(path.stem.removeprefix("shard-")), len(json.loads(header["seeds"]))
        if index >= count or stored > dict(missing)[index]:
            raise ValueError(f"[simulation::write_dataset] episodes: {root} holds more than the {episodes} asked for")
        if stored == dict(missing)[index]:
            missing.remove((index, stored))
    return missing


def run_jobs(jobs: list[tuple], processes: int, advance: Callable[[int], object]) -> None:
    """Writes the shards, in this process or in several; `advance` is told of every rendered episode.

    @throws RuntimeError if one of several processes fails; the others are ended.
    """
    processes = min(processes, len(jobs))
    if processes <= 1:
        for job in jobs:
            write_shard(*job, advance)
        return
    context = multiprocessing.get_context("spawn")
    rendered = context.Value("q", 0)
    workers = [context.Process(target=work, args=(jobs[first::processes], rendered)) for first in range(processes)]
    try:
        for worker in workers:
            worker.start()
        watch(workers, rendered, advance)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
                worker.join()


def watch(workers: list, rendered, advance: Callable[[int], object]) -> None:
    """Returns when all workers are done, and counts what they render."""
    told = 0
    while True:
        running = [worker.sentinel for worker in workers if worker.exitcode is None]
        advance(rendered.value - told)
        told = rendered.value
        failed = [worker.exitcode for worker in workers if worker.exitcode]
        if failed:
            raise RuntimeError(f"[simulation::write_dataset] processes: a rendering process ended with {failed[0]}")
        if not running:
            return
        wait(running, timeout=0.5)


def work(jobs: list[tuple], rendered) -> None:
    """The life of one worker: Ctrl-C is the parent's, which then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception, so that a file begun is removed
    os.environ.setdefault("LP_NUM_THREADS", "1")  # the software renderer would start a thread per core in each

    def advance(count: int) -> None:
        with rendered.get_lock():
            rendered.value += count

    for job in jobs:
        write_shard(*job, advance)


def write_shard(root: Path, settings: Settings, index: int, count: int, advance: Callable[[int], object]) -> None:
    """Renders and writes one shard; the file appears under its name only when it is complete."""
    first = settings.first_seed + index * settings.shard
    episodes = []
    for episode in render_episodes(settings, range(first, first + count)):
        episodes.append(episode)
        advance(1)
    write_atomically(root / f"shard-{index:05d}.safetensors", serialized(episodes, settings))


def render_episodes(settings: Settings, seeds: Iterable[int]) -> Iterator[Episode]:
    """The expert's episodes of the given seeds."""
    with TabletopScene(settings.height, settings.width, settings.views) as tabletop:
        for seed in seeds:
            aspect = settings.width / settings.height
            scene = sample_scene(settings.domain, seed, views=settings.views, aspect=aspect)
            yield tabletop.render_episode(scene, frames=settings.frames)


def serialized(episodes: list[Episode], settings: Settings) -> bytes:
    """A shard's bytes."""
    from safetensors.numpy import save

    def stacked(name: str, dtype: type) -> np.ndarray:
        return np.stack([getattr(episode, name) for episode in episodes]).astype(dtype, copy=False)

    tensors = {name: stacked(name, np.float32) for name in ("actions", "intrinsics", "world_from_camera", "goal")}
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "texts": json.dumps([episode.instruction for episode in episodes]),
        "domain": settings.domain,
        "seeds": json.dumps([episode.seed for episode in episodes]),
        "targets": json.dumps([episode.target for episode in episodes]),
        "settings": json.dumps(asdict(settings)),
    }
    return save({"video": stacked("video", np.uint8), **tensors}, metadata)


def finish(root: Path, settings: Settings, episodes: int) -> dict:
    """Writes and returns the summary of a complete dataset."""
    shards = sorted(path.name for path in root.glob("shard-*.safetensors"))
    summary = {
        "format": FORMAT,
        "version": VERSION,
        "settings": asdict(settings),
        "episodes": episodes,
        "shards": shards,
        "bytes": sum((root / name).stat().st_size for name in shards),
    }
    write_atomically(root / "dataset.json", (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def read_header(path: Path) -> dict[str, str]:
    """The metadata of a shard.

    @throws ValueError if the file is no readable shard.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"[simulation::write_dataset] {path}: expected a shard of clips, got {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"[simulation::write_dataset] {path}: expected format {FORMAT}, got {header.get('format')}")
    return header
