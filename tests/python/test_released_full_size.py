# SPDX-License-Identifier: Apache-2.0
"""action-images-5b at full size: 13 GB of random bfloat16 weights in shards, and one denoising step on them.

Needs 15 GB of disk and most of that in memory; run by `pytest -m slow`.
"""

import json
import resource
import shutil
import struct
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_release  # noqa: E402
import tiny_world  # noqa: E402

from action_images import _model  # noqa: E402
from action_images.model import WorldModel  # noqa: E402

pytestmark = pytest.mark.slow

SHARDS = 3
BLOCK = 1 << 22  # bfloat16 numbers that are written again and again


def transformer_shapes():
    """Names and shapes of action-images-5b's parameters, from a network of one layer; nothing of full size is made."""
    config = {**_model.world_preset("action-images-5b")["transformer"], "num_layers": 1}
    one = {name: tuple(value.shape) for name, value in _model.WanTransformer(config).state_dict().items()}
    shapes = {name: shape for name, shape in one.items() if not name.startswith("blocks.")}
    for layer in range(30):
        block = f"blocks.{layer}."
        shapes |= {name.replace("blocks.0.", block): s for name, s in one.items() if name.startswith("blocks.")}
    return shapes


def write_shard(path, shapes):
    """Writes a safetensors file of these shapes, bfloat16: small random numbers, repeated; norms' weights about 1."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = torch.randn(BLOCK, generator=torch.Generator().manual_seed(0)) * 0.02
    numbers = random.bfloat16().view(torch.int16).numpy().tobytes()
    ones = (1.0 + random[: 1 << 14]).bfloat16().view(torch.int16).numpy().tobytes()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            left, source = 2 * int(np.prod(shape)), ones if ".norm" in name and name.endswith("weight") else numbers
            while left > 0:
                left -= file.write(source[: min(left, len(source))])


def write_model(folder):
    """The transformer in shards at full size; the other parts as published, in a fitting small size."""
    shapes = transformer_shapes()
    names, whole = sorted(shapes), sum(int(np.prod(shape)) for shape in shapes.values())
    for shard in range(SHARDS):
        part = {name: shapes[name] for name in names[shard::SHARDS]}
        write_shard(folder / f"diffusion_pytorch_model-{shard + 1:05d}-of-{SHARDS:05d}.safetensors", part)
    (folder / "google/umt5-xxl").mkdir(parents=True)
    shutil.copy(tiny_release.TOKENIZER, folder / "google/umt5-xxl/spiece.model")
    text = {**tiny_release.TEXT, "dim": 4096}
    vae = {"version": "2.2", "dim": 16, "dec_dim": 16, "z_dim": 48, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 1}
    networks = {"models_t5_umt5-xxl-enc-bf16.pth": _model.UMT5Encoder(text), "Wan2.2_VAE.pth": _model.WanVAE(vae)}
    for name, network in networks.items():
        torch.save(tiny_release.random_state(network, seed=1), folder / name)
    return whole


@pytest.fixture
def folder(tmp_path):
    if shutil.disk_usage(tmp_path).free < 15e9:
        pytest.skip("needs 15 GB of disk")
    yield tmp_path
    shutil.rmtree(tmp_path)


def resident(kind):
    """Memory of this process [GB]: "RssAnon" of its own, "RssFile" of mapped files."""
    line = next(line for line in open("/proc/self/status") if line.startswith(kind))
    return int(line.split()[1]) / 1e6


def test_five_billion_mapped_weights_make_a_denoising_step(folder, record_property):
    parameters = write_model(folder)
    assert 4.9e9 < parameters < 6.5e9
    before, start = resident("RssAnon"), time.perf_counter()
    model = WorldModel.load(folder, config={"height": 64, "width": 64, "frames": 5})
    loading = time.perf_counter() - start
    assert model.config["name"] == "action-images-5b"
    assert resident("RssAnon") - before < 1.0  # [GB]: mapped, not copied
    start = time.perf_counter()
    rollout = model.generate(
        tiny_world.pictures(), "reach the red block", rig=tiny_world.rig(), steps=1, guidance=1.0, seed=0
    )
    step = time.perf_counter() - start
    assert rollout.video.shape == (2, 5, 64, 64, 3) and torch.isfinite(rollout.latents).all()
    own = resident("RssAnon") - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    figures = {
        "parameters": parameters, "load_s": round(loading, 2), "generate_s": round(step, 1),
        "sample_s": rollout.timings["sample"], "own_gb": round(own, 2), "peak_gb": round(peak, 2),
    }  # fmt: skip
    record_property("figures", figures)
    print(figures)
    assert own < 2.0
    assert peak < 16.0
