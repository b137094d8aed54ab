# SPDX-License-Identifier: Apache-2.0
"""The commands `action-images convert` and `action-images inspect`."""

import json
import signal
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="weights need torch")

from action_images import FormatError  # noqa: E402
from action_images.model import WanTransformer, convert_weights, inspect_weights, load_tensors, merge_lora  # noqa: E402

CONFIG = {"dim": 128, "in_dim": 6, "ffn_dim": 100, "out_dim": 5, "text_dim": 40, "freq_dim": 32, "num_heads": 1, "num_layers": 2,
          "camera_channels": 10, "camera_pool": [2, 16, 16]}


@pytest.fixture
def checkpoint(tmp_path):
    """(path, state): a transformer as training saves it, with a prefix and a number beside."""
    made = WanTransformer(CONFIG)
    made.initialize(0)
    state = made.state_dict()
    path = tmp_path / "final.ckpt"
    torch.save({"state_dict": {f"pipe.dit.{name}": value for name, value in state.items()}, "step": 5}, path)
    return path, state


def assert_same(got, wanted):
    assert sorted(got) == sorted(wanted)
    for name, value in wanted.items():
        assert got[name].dtype == value.dtype and torch.equal(got[name], value), name


def test_convert_writes_wans_names(checkpoint, tmp_path, command_line):
    path, state = checkpoint
    result = command_line("convert", path, tmp_path / "new" / "out.safetensors")
    assert result.code == 0 and "out.safetensors: " in result.out
    assert_same(load_tensors(tmp_path / "new" / "out.safetensors"), state)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["out.safetensors"]


@pytest.mark.parametrize("dtype, wanted", [("bf16", torch.bfloat16), ("f16", torch.float16), ("f32", torch.float32)])
def test_convert_casts(checkpoint, tmp_path, command_line, dtype, wanted):
    path, state = checkpoint
    out = tmp_path / "out.safetensors"
    assert command_line("convert", path, out, "--dtype", dtype, "--quiet").out == ""
    assert_same(load_tensors(out), {name: value.to(wanted) for name, value in state.items()})


def test_convert_keeps_names_as_they_are_if_asked(checkpoint, tmp_path, command_line):
    path, state = checkpoint
    out = tmp_path / "out.safetensors"
    command_line("convert", path, out, "--names", "as-is")
    assert_same(load_tensors(out), {f"pipe.dit.{name}": value for name, value in state.items()})


def test_convert_writes_shards_that_transformers_and_we_read(checkpoint, tmp_path, command_line):
    path, state = checkpoint
    result = command_line("convert", path, tmp_path / "model" / "wan.safetensors", "--shard-size", "500kB")
    files = sorted(file.name for file in (tmp_path / "model").iterdir())
    assert result.code == 0 and files[-1] == "wan.safetensors.index.json" and len(files) > 3
    assert files[0] == f"wan-00001-of-{len(files) - 1:05d}.safetensors"
    index = json.loads((tmp_path / "model" / files[-1]).read_text())
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in state.values())
    assert_same(load_tensors(tmp_path / "model"), state)
    sizes = [sum(state[name].nbytes for name in index["weight_map"] if index["weight_map"][name] == file) for file in files[:-1]]
    largest = max(value.nbytes for value in state.values())
    assert max(sizes) <= max(500_000, largest)


def test_convert_merges_loras_with_their_scales(checkpoint, tmp_path, command_line):
    path, state = checkpoint
    loras = []
    for seed in range(2):
        torch.manual_seed(seed)
        loras.append({"transformer.blocks.0.attn1.to_q.lora_A.weight": torch.randn(4, 128),
                      "transformer.blocks.0.attn1.to_q.lora_B.weight": torch.randn(128, 4)})
        torch.save(loras[-1], tmp_path / f"lora{seed}.pt")
    out = tmp_path / "out.safetensors"
    result = command_line("convert", path, out, "--lora", tmp_path / "lora0.pt", "--lora", f"{tmp_path / 'lora1.pt'}:-0.5")
    assert result.code == 0, result.err
    wanted = merge_lora(merge_lora(state, loras[0]), loras[1], -0.5)
    assert_same(load_tensors(out), wanted)


def test_convert_keeps_free_texts_and_other_weights(tmp_path):
    from action_images.model import save_tensors

    state = {"anything.at.all": torch.randn(3), "count": torch.arange(3), "turned": torch.randn(3, 4).T}
    save_tensors(tmp_path / "a.safetensors", state, {"format": "pt", "note": "größer"})
    files = convert_weights(tmp_path / "a.safetensors", tmp_path / "b.safetensors", dtype=torch.float64)
    assert files == [tmp_path / "b.safetensors"]
    assert_same(load_tensors(files[0]), {name: value.double() if value.is_floating_point() else value for name, value in state.items()})
    assert inspect_weights(files[0])["metadata"] == {"format": "pt", "note": "größer"}


def test_convert_may_write_over_what_it_reads(checkpoint, command_line):
    path, state = checkpoint
    out = path.with_suffix(".safetensors")
    for _ in range(2):
        assert command_line("convert", path if not out.exists() else out, out).code == 0
    assert_same(load_tensors(out), state)


def test_bad_arguments_are_one_line(checkpoint, tmp_path, refused):
    path, _ = checkpoint
    assert "ends with .safetensors" in refused("convert", path, tmp_path / "out.ckpt")
    assert "expected a size such as 5GB" in refused("convert", path, tmp_path / "a.safetensors", "--shard-size", "5 apples")
    assert "a file that can be read" in refused("convert", tmp_path / "none.pth", tmp_path / "a.safetensors")
    torch.save({"x.lora_A.weight": torch.ones(2, 2)}, tmp_path / "lora.pt")
    assert "unknown (1): x.lora_A.weight" in refused("convert", path, tmp_path / "a.safetensors", "--lora", tmp_path / "lora.pt")
    assert "loras: expected none but for a transformer" in refused(
        "convert", path, tmp_path / "a.safetensors", "--names", "as-is", "--lora", tmp_path / "lora.pt")
    assert "a file that can be read" in refused("inspect", tmp_path / "none.pth")
    assert not list(tmp_path.glob("a.safetensors*"))


def test_ctrl_c_stops_a_conversion_and_leaves_nothing(tmp_path):
    path = tmp_path / "large.pth"
    torch.save({f"x{i}": torch.zeros(2**24) for i in range(8)}, path)  # 512 MiB
    program = ("import os, signal, sys; from action_images.cli import main; from action_images import model, progress; "
               "from contextlib import contextmanager\n"
               "def stop(*_): os.kill(os.getpid(), signal.SIGINT)\n"
               "@contextmanager\n"
               "def bar(*_): yield stop\n"
               f"progress.bytes_bar = bar; sys.exit(main(['convert', {str(path)!r}, {str(tmp_path / 'out.safetensors')!r}]))")
    restore = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=restore, timeout=120)
    assert done.returncode == 130 and "stopped by Ctrl-C" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["large.pth"]


def test_what_was_there_stays_if_a_conversion_fails(checkpoint, tmp_path):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stopped by the progress callback"):
        convert_weights(checkpoint[0], out, progress=lambda done, total: done < total)
    assert out.read_bytes() == b"old"


def test_inspect_prints_kind_config_and_sizes(checkpoint, command_line):
    path, state = checkpoint
    out = command_line("inspect", path).out
    for line in (f"file      {path}", f"holds     {len(state)} tensors", "kind      transformer", "config    dim: 128",
                 "config    camera_channels: 10", "dtype     float32: "):
        assert line in out
    assert "patch_embedding" not in out
    listed = command_line("inspect", path, "--tensors").out
    assert "float32   pipe.dit.patch_embedding.weight (128, 6, 1, 2, 2)" in listed


def test_inspect_prints_json(checkpoint, command_line):
    path, state = checkpoint
    report = json.loads(command_line("inspect", path, "--json").out)
    assert report["tensors"] == len(state) and report["kind"] == "transformer"
    assert report["values"] == sum(value.numel() for value in state.values())
    assert report["config"] == WanTransformer(CONFIG).config
    listed = json.loads(command_line("inspect", path, "--json", "--tensors").out)["tensors"]
    assert {"name": "pipe.dit.head.head.bias", "dtype": "float32", "shape": [20], "bytes": 80} in listed


def test_inspect_recognises_the_other_networks(tmp_path):
    from action_images.model import UMT5Encoder, WanVAE, save_tensors

    text = UMT5Encoder(dict(vocab=11, dim=8, dim_attn=16, dim_ffn=12, num_heads=2, num_layers=3, num_buckets=8, shared_pos=False))
    vae = WanVAE({"dim": 8, "dec_dim": 8, "z_dim": 4})
    kinds = {
        "text_encoder": (text.state_dict(), text.config),
        "vae": ({f"model.{name}": value for name, value in vae.state_dict().items()}, None),
        "lora": ({"blocks.0.self_attn.q.lora_A.weight": torch.ones(2, 2)}, None),
        "image_encoder": ({"visual.patch_embedding.weight": torch.ones(2, 3, 14, 14)}, None),
        "other": ({"x": torch.ones(2)}, None),
    }
    for kind, (state, config) in kinds.items():
        save_tensors(tmp_path / "a.safetensors", state)
        report = inspect_weights(tmp_path / "a.safetensors")
        assert (report["kind"], report["config"]) == (kind, config)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="a folder with weights"):
        inspect_weights(tmp_path / "empty")


def test_names_do_not_steer_a_terminal(tmp_path, command_line):
    torch.save({"\x1b[2Jevil\n": torch.ones(1)}, tmp_path / "a.pth")
    out = command_line("inspect", tmp_path / "a.pth", "--tensors").out
    assert "?[2Jevil? (1,)" in out and "\x1b" not in out
