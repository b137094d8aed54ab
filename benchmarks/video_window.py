# SPDX-License-Identifier: Apache-2.0
"""Windows of 41 frames out of a video of 200 frames: VideoReader, torchcodec and the release's way, side by side.

    python benchmarks/video_window.py [--size 512 512] [--out 512] [--threads 1 2] [--repeats 5] [--clock wall]

The clips are H.264 by libx264 (crf 18, B-frames as its defaults) of a moving pattern: one with a single key picture at the
start, one with a key picture every 12 frames. A sample is a window at a random start, consecutive frames or every fourth;
every call opens the file anew and gives (41, out, out, 3) uint8. The release's way counts the frames by decoding, seeks
frame by frame (imageio) and resizes by PIL; torchcodec gives the frames by number, resized by its decoder where it has
to. "again" is VideoReader on a file whose index is in memory, "first" with the index made in the call. Calls alternate;
the table gives the median and the least time [ms] of the samples.
"""
import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

FRAMES, WINDOW = 200, 41


def pattern(frames, height, width):
    """A drifting texture with noise: as costly to code as a camera's picture of moderate detail."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    texture = generator.normal(0, 6, (height + frames, width + frames)).astype(np.float32)
    for t in range(frames):
        waves = [np.sin(0.03 * x + 0.1 * t), np.cos(0.04 * y - 0.1 * t), np.sin(0.02 * (x + y) + 0.05 * t)]
        moved = texture[t // 2:t // 2 + height, t:t + width]
        yield np.clip(128 + 80 * np.stack(waves, -1) + moved[..., None], 0, 255).astype(np.uint8)


def write_clip(path, height, width, interval):
    """H.264 with a key picture every `interval` frames, as imageio's FFmpeg writes it."""
    import imageio

    options = ["-g", str(interval), "-keyint_min", str(interval), "-sc_threshold", "0", "-crf", "18"]
    with imageio.get_writer(str(path), fps=25, macro_block_size=1, output_params=options) as writer:
        for frame in pattern(FRAMES, height, width):
            writer.append_data(frame)


def ours(threads, fresh):
    from action_images.model import VideoReader

    def read(path, frames, size):
        if fresh:
            os.utime(path)  # another time of change: the index in memory is stale
        return VideoReader(path, threads=threads).read(frames, (size, size))

    return read


def torchcodec(threads):
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    def read(path, frames, size):
        decoder = VideoDecoder(str(path), num_ffmpeg_threads=threads, dimension_order="NHWC")
        if (decoder.metadata.height, decoder.metadata.width) != (size, size):
            decoder = VideoDecoder(str(path), num_ffmpeg_threads=threads, dimension_order="NHWC",
                                   transforms=[Resize((size, size))])
        return decoder.get_frames_at(list(frames)).data.numpy()

    return read


def release(path, frames, size):
    import imageio
    from PIL import Image

    reader = imageio.get_reader(str(path))
    reader.count_frames()
    pictures = []
    for frame in frames:
        picture = Image.fromarray(reader.get_data(frame))
        pictures.append(np.asarray(picture.resize((size, size), Image.BILINEAR)))
    reader.close()
    return np.stack(pictures)


def measure(calls, path, interval, arguments):
    """Seconds of every call, of alternating samples on the same windows."""
    clock = {"wall": time.perf_counter, "cpu": lambda: sum(os.times()[:4])}[arguments.clock]
    seconds = {name: [] for name in calls}
    generator = random.Random(0)
    for sample in range(arguments.repeats + 1):
        start = generator.randrange(FRAMES - (WINDOW - 1) * interval)
        frames = range(start, start + WINDOW * interval, interval)
        for name, call in calls.items():
            begin = clock()
            pictures = call(path, frames, arguments.out)
            if sample > 0:  # the first warms up
                seconds[name].append(clock() - begin)
            assert pictures.shape == (WINDOW, arguments.out, arguments.out, 3)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=[512, 512], help="height and width of the clips")
    parser.add_argument("--out", type=int, default=512)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    parser.add_argument("--without", nargs="*", default=[], choices=["torchcodec", "release"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("keys   interval  threads  way          median [ms]  least [ms]  of torchcodec")
        for keys in (FRAMES + 50, 12):
            path = Path(folder) / f"keys_{keys}.mp4"
            write_clip(path, *arguments.size, keys)
            for interval in (1, 4):
                for threads in arguments.threads:
                    calls = {"again": ours(threads, False), "first": ours(threads, True)}
                    if "torchcodec" not in arguments.without:
                        calls["torchcodec"] = torchcodec(threads)
                    if "release" not in arguments.without and threads == arguments.threads[0]:
                        calls["release"] = release
                    seconds = measure(calls, path, interval, arguments)
                    for name, values in seconds.items():
                        median = statistics.median(values)
                        relative = median / statistics.median(seconds.get("torchcodec", values))
                        print(f"{'one' if keys > FRAMES else keys:<5}  {interval:8d}  {threads:7d}  {name:11s}"
                              f"  {1e3 * median:11.1f}  {1e3 * min(values):10.1f}  {relative:13.2f}", flush=True)


if __name__ == "__main__":
    main()
