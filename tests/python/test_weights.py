# SPDX-License-Identifier: Apache-2.0
"""Files of weights: torch.save's, safetensors, shards and folders, mapped or cast as they are read."""

import collections
import json

import pytest
import torch
from torch import nn

from action_images import _model, FormatError
from action_images.model import load_tensors, save_tensors

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
]


def assert_equal(got, wanted):
    assert sorted(got) == sorted(wanted)
    for name, value in wanted.items():
        value = value.detach()
        assert got[name].dtype == value.dtype and got[name].shape == value.shape, name
        bits = torch.uint8 if value.element_size() == 1 else None
        same = got[name].view(bits) if bits else got[name]
        assert torch.equal(same, value.view(bits) if bits else value), name


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Sequential(nn.Linear(5, 2)))


def saved(tmp_path, value, name="a.pth", **options):
    path = tmp_path / name
    torch.save(value, path, **options)
    return path


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_state_dict_of_torch_save_is_read(tmp_path, protocol):
    state = network().state_dict()
    path = saved(tmp_path, state, pickle_protocol=protocol)
    assert_equal(load_tensors(path), state)
    if protocol < 4:  # newer ones are not read by torch's own safe reader
        assert_equal(load_tensors(path), torch.load(path, weights_only=True))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_is_read(tmp_path, dtype):
    value = (torch.arange(-6, 6) % 2).to(dtype).reshape(3, 4)
    assert_equal(load_tensors(saved(tmp_path, {"x": value})), {"x": value})
    save_tensors(tmp_path / "a.safetensors", {"x": value})
    assert_equal(load_tensors(tmp_path / "a.safetensors"), {"x": value})


def test_parameters_scalars_empty_tensors_and_other_values_are_read(tmp_path):
    weight = nn.Parameter(torch.randn(4, 3))
    weight.note = "an attribute of its own"
    state = collections.OrderedDict(
        weight=weight, scalar=torch.tensor(2.5), empty=torch.zeros(0, 7), buffer=torch.arange(3), step=3, rate=1e-4,
        name="größer", nothing=None, flags=[True, {"a": (1, 2**70, -3)}], size=torch.Size([1, 2]), kind=torch.bfloat16,
        device=torch.device("cpu"), data=b"\0\1", names={"a", "b"},
    )
    wanted = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    got = load_tensors(saved(tmp_path, state))
    assert_equal(got, wanted)
    assert not got["weight"].requires_grad


def test_strides_and_shared_storages_are_kept(tmp_path):
    base = torch.arange(24.0)
    state = {"all": base.view(4, 6), "turned": base.view(4, 6).T, "part": base[5:9], "every second": base[::2], "twin": base}
    got = load_tensors(saved(tmp_path, state))
    assert_equal(got, state)
    assert all(got[name].stride() == value.stride() for name, value in state.items())
    assert len({value.untyped_storage().data_ptr() for value in got.values()}) == 1
    got["twin"][5] = -1.0
    assert got["part"][0] == -1.0


@pytest.mark.parametrize("nesting", [["state_dict"], ["model"], ["module", "state_dict"], ["anything", "at", "all"]])
def test_a_nested_state_dict_is_found(tmp_path, nesting):
    state = network().state_dict()
    value = state
    for name in reversed(nesting):
        value = {name: value, "epoch": 3, "lr": [0.1]}
    assert_equal(load_tensors(saved(tmp_path, value)), state)


def test_a_whole_training_state_gives_the_network(tmp_path):
    state = network().state_dict()
    moments = {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(5, 3), "exp_avg_sq": torch.ones(5, 3)}}
    optimizer = {"state": moments, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0], "fused": None}]}
    assert_equal(load_tensors(saved(tmp_path, {"model": state, "optimizer": optimizer, "step": 1})), state)


def test_of_several_state_dicts_one_is_named(tmp_path):
    state, ema = network().state_dict(), {"x": torch.ones(2)}
    path = saved(tmp_path, {"generator": state, "critic": {"inner": ema}})
    with pytest.raises(FormatError, match="one dict of tensors, or its name as `part`, got generator, critic"):
        load_tensors(path)
    assert_equal(load_tensors(path, part="generator"), state)
    assert_equal(load_tensors(path, part="critic/inner"), ema)
    with pytest.raises(FormatError, match='expected the dict "other", got none'):
        load_tensors(path, part="other")


def test_tensors_of_torch_save_are_mapped_and_outlive_their_file(tmp_path):
    path = saved(tmp_path, {"x": torch.ones(1000), "y": torch.zeros(3)})
    before = path.read_bytes()
    x = load_tensors(path)["x"]
    x.add_(1.0)
    assert path.read_bytes() == before
    path.unlink()
    assert torch.equal(x, torch.full((1000,), 2.0))


def test_the_kind_of_a_file_is_told_by_its_contents(tmp_path):
    state = {"x": torch.arange(5.0)}
    assert_equal(load_tensors(saved(tmp_path, state, name="weights.safetensors")), state)
    save_tensors(tmp_path / "weights.bin", state)
    assert_equal(load_tensors(tmp_path / "weights.bin"), state)


@pytest.mark.parametrize("length", [0x0280, 0x0580, ord("{")])
def test_a_header_whose_length_looks_like_another_kind_is_read(tmp_path, length):
    header = b'{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'.ljust(length)
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + torch.tensor([1.0, 2.0]).numpy().tobytes())
    assert load_tensors(path)["x"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_floating_point_tensors_are_cast_as_torch_casts_them(tmp_path, dtype, kind):
    torch.manual_seed(1)
    state = {
        "a": torch.randn(33, 65), "b": torch.randn(7).to(torch.bfloat16), "count": torch.arange(9),
        "turned": torch.randn(5, 6).T, "empty": torch.zeros(0, 2), "long": torch.randn(9 * 2**20),
    }
    path = tmp_path / f"a.{kind}"
    save_tensors(path, state) if kind == "safetensors" else torch.save(state, path)
    wanted = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
    assert_equal(load_tensors(path, dtype=dtype), wanted)
    assert_equal(load_tensors(path, dtype=dtype, device="cpu"), wanted)


def test_one_view_under_two_names_stays_one_when_it_is_cast(tmp_path):
    shared = torch.randn(8, 8)
    got = load_tensors(saved(tmp_path, {"a": shared, "b": shared, "c": shared[0]}), dtype=torch.bfloat16)
    assert got["a"].data_ptr() == got["b"].data_ptr() != got["c"].data_ptr()


def test_progress_counts_bytes_up_to_all_of_them(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(9 * 2**20), "b": torch.zeros(10)})
    for options in ({}, {"dtype": torch.bfloat16}):
        calls = []
        load_tensors(path, progress=lambda *call: calls.append(call), **options)
        assert calls[-1] == (36 * 2**20 + 40, 36 * 2**20 + 40)
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_progress_stops_the_loading(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(10), "b": torch.zeros(10)})
    with pytest.raises(RuntimeError, match="stopped by the progress callback"):
        load_tensors(path, progress=lambda done, total: False)

    def fail(done, total):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        load_tensors(path, dtype=torch.float16, progress=fail)


def test_dtypes_and_devices_that_cannot_be_are_refused(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(10)})
    with pytest.raises(ValueError, match="dtype: expected a floating-point type"):
        load_tensors(path, dtype=torch.int32)
    with pytest.raises(ValueError, match="dtype: expected a torch.dtype"):
        load_tensors(path, dtype="bf16")
    with pytest.raises(ValueError, match="device: expected the CPU or a CUDA device"):
        load_tensors(path, device="mps")


def write_shards(folder, state, kind="safetensors", index=True):
    folder.mkdir(exist_ok=True)
    names = sorted(state)
    count = len(names)
    files = [f"model-{i + 1:05d}-of-{count:05d}.{kind}" for i in range(count)]
    for name, file in zip(names, files):
        if kind == "safetensors":
            save_tensors(folder / file, {name: state[name]})
        else:
            torch.save({name: state[name]}, folder / file)
    if index:
        text = json.dumps({"metadata": {"total_size": 1}, "weight_map": dict(zip(names, files))})
        (folder / f"model.{kind}.index.json").write_text(text)
    return folder


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("index", [True, False], ids=["with an index", "without"])
def test_shards_are_read_as_one(tmp_path, kind, index):
    state = network().state_dict()
    folder = write_shards(tmp_path / "model", state, kind, index)
    assert_equal(load_tensors(folder), state)
    if index:
        assert_equal(load_tensors(folder / f"model.{kind}.index.json"), state)


def test_all_missing_shards_are_named_together(tmp_path):
    folder = write_shards(tmp_path / "model", {name: torch.ones(2) for name in "abc"})
    for shard in ("model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"):
        (folder / shard).unlink()
    with pytest.raises(FormatError, match="got no model-00001-of-00003.safetensors, model-00003-of-00003.safetensors"):
        load_tensors(folder)


def test_an_index_that_promises_other_tensors_is_refused_with_all_of_them(tmp_path):
    folder = write_shards(tmp_path / "model", {name: torch.ones(2) for name in "abc"})
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    index["weight_map"]["d"] = index["weight_map"].pop("b")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FormatError, match="got missing: d; unexpected: b"):
        load_tensors(folder)


BAD_INDICES = {
    "a path upwards": '{"weight_map": {"a": "../model.safetensors"}}',
    "an absolute path": '{"weight_map": {"a": "/etc/passwd"}}',
    "a folder": '{"weight_map": {"a": "."}}',
    "a zero byte": '{"weight_map": {"a": "a\\u0000b"}}',
    "a number for a file": '{"weight_map": {"a": 3}}',
    "no map": '{"metadata": {}}',
    "a list": '{"weight_map": []}',
    "a name twice": '{"weight_map": {"a": "x", "a": "y"}}',
    "no JSON": '{"weight_map": {"a": ',
    "deep nesting": '{"weight_map": ' + '{"a": ' * 5000 + "1" + "}" * 5001,
}


@pytest.mark.parametrize("kind", BAD_INDICES)
def test_malformed_indices_are_refused_by_name(kind, tmp_path):
    path = tmp_path / "bad.index.json"
    path.write_text(BAD_INDICES[kind])
    with pytest.raises(FormatError, match="bad.index.json"):
        load_tensors(path)


def test_a_folder_is_read_where_it_is_clear_what_is_meant(tmp_path):
    state = {"x": torch.ones(2)}
    with pytest.raises(FormatError, match="a folder with weights, got none in it"):
        load_tensors(tmp_path)
    save_tensors(tmp_path / "diffusion_pytorch_model.safetensors", state)
    torch.save({"t5": torch.ones(1)}, tmp_path / "models_t5.pth")
    assert_equal(load_tensors(tmp_path), state)
    save_tensors(tmp_path / "other.safetensors", state)
    with pytest.raises(FormatError, match="got diffusion_pytorch_model.safetensors, other.safetensors"):
        load_tensors(tmp_path)


def test_the_memory_of_a_cast_is_that_of_the_result(tmp_path):
    """In a process of its own, whose peak is its own: 64 MiB of 16 tensors, the result 128 MiB."""
    import subprocess
    import sys

    path = tmp_path / "a.safetensors"
    save_tensors(path, {f"t{i}": torch.ones(2**21, dtype=torch.bfloat16) for i in range(64)})  # 64 x 4 MiB
    program = f"""
import resource, torch
from action_images import _model
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
torch.ones(2**20).to(torch.bfloat16)
before = peak()
tensors = _model.load_tensors({str(path)!r}, dtype=torch.float32)
print(peak() - before - sum(value.nbytes for value in tensors.values()))
"""
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert int(output) < 16 * 2**20  # beyond the result: not the 256 MiB of the file, but a few of its tensors
