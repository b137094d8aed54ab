# SPDX-License-Identifier: Apache-2.0
import json
import struct

import pytest
import torch

from action_images import _model

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
]


def tensors_of_every_kind():
    tensors = {f"kind.{dtype}": (torch.arange(-7, 8).reshape(3, 5) % 2).to(dtype) for dtype in DTYPES}
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 3)
    tensors["strided"] = torch.arange(12.0).reshape(3, 4).T
    tensors["naïve name/with \"quotes\""] = torch.tensor([1, 2, 3], dtype=torch.uint8)
    return tensors


def assert_equal(got, wanted):
    assert sorted(got) == sorted(wanted)
    for name, value in wanted.items():
        assert got[name].dtype == value.dtype and torch.equal(got[name], value), name


def test_tensors_survive_a_round_trip(tmp_path):
    path, tensors = tmp_path / "a.safetensors", tensors_of_every_kind()
    _model.save_tensors(path, tensors, {"format": "pt", "note": "größer"})
    assert_equal(_model.load_tensors(path), tensors)
    assert _model.tensors_metadata(path) == {"format": "pt", "note": "größer"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_reference_package_reads_what_is_written(tmp_path):
    reference = pytest.importorskip("safetensors.torch", reason="the oracle needs the safetensors package")
    path, tensors = tmp_path / "a.safetensors", tensors_of_every_kind()
    _model.save_tensors(path, tensors)
    assert_equal(reference.load_file(path), tensors)


def test_what_the_reference_package_writes_is_read(tmp_path):
    reference = pytest.importorskip("safetensors.torch", reason="the oracle needs the safetensors package")
    path = tmp_path / "a.safetensors"
    tensors = {name: value.contiguous() for name, value in tensors_of_every_kind().items()}
    reference.save_file(tensors, path, {"format": "pt"})
    assert_equal(_model.load_tensors(path), tensors)
    assert _model.tensors_metadata(path) == {"format": "pt"}


def test_tensors_outlive_their_file_and_leave_it_as_it_is(tmp_path):
    path = tmp_path / "a.safetensors"
    _model.save_tensors(path, {"x": torch.ones(1000)})
    before = path.read_bytes()
    x = _model.load_tensors(path)["x"]
    x.add_(1.0)
    assert path.read_bytes() == before
    path.unlink()
    assert torch.equal(x, torch.full((1000,), 2.0))


def test_every_tensor_lies_at_a_multiple_of_its_item_size(tmp_path):
    path = tmp_path / "a.safetensors"
    _model.save_tensors(path, {"a": torch.ones(3, dtype=torch.uint8), "b": torch.ones(2, dtype=torch.float64)})
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    assert json.loads(data[8 : 8 + length])["b"]["data_offsets"] == [0, 16]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.safetensors"
    _model.save_tensors(path, {"x": torch.ones(2)})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="x: expected dtype"):
        _model.save_tensors(path, {"x": torch.ones(2, dtype=torch.complex64)})
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="nowhere"):
        _model.save_tensors(tmp_path / "nowhere" / "a.safetensors", {"x": torch.ones(2)})


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def file_of(header, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


MALFORMED = {
    "empty file": b"",
    "no room for the length": b"\1\0\0",
    "a header of more than 100 MB": file_of({"x": entry()}, length=100_000_001),
    "a header past the end": file_of({"x": entry()}, length=5000),
    "an empty header": file_of(b""),
    "no JSON": file_of(b'{"x": '),
    "no object": file_of([1, 2]),
    "bytes that are not UTF-8": file_of(b'{"\xff": 1}'),
    "deep nesting": file_of(b'{"x":' * 10000 + b"1" + b"}" * 10000),
    "a name twice": file_of(b'{"x": %s, "x": %s}' % ((json.dumps(entry()).encode(),) * 2)),
    "a key twice": file_of(b'{"x": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'),
    "an unknown dtype": file_of({"x": entry(dtype="F31")}),
    "a missing key": file_of({"x": {"dtype": "F32", "shape": [2]}}),
    "an unknown object": file_of({"x": {**entry(), "more": {"a": 1}}}),
    "an unknown key": file_of({"x": {**entry(), "more": 1}}),
    "a negative size": file_of({"x": entry(shape=(-2,))}),
    "a size that is no integer": file_of({"x": entry(shape=(2.0,))}),
    "a shape that overflows": file_of({"x": entry(shape=(2**32, 2**32, 2**32))}),
    "a shape that overflows to the right size": file_of({"x": entry(shape=(2**63, 2), offsets=(0, 0))}, b""),
    "an empty shape that overflows": file_of({"x": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}, b""),
    "a shape of another size": file_of({"x": entry(shape=(3,))}),
    "offsets past the end": file_of({"x": entry(shape=(4,), offsets=(0, 16))}),
    "offsets the wrong way round": file_of({"x": entry(offsets=(8, 0))}),
    "three offsets": file_of({"x": entry(offsets=(0, 8, 8))}),
    "offsets that overlap": file_of({"x": entry(), "y": entry(shape=(1,), offsets=(4, 8))}),
    "a gap": file_of({"x": entry(shape=(1,), offsets=(0, 4)), "y": entry(offsets=(8, 16))}, b"\0" * 16),
    "data of no tensor": file_of({"x": entry()}, b"\0" * 9),
    "a truncated file": file_of({"x": entry()}, b"\0" * 7),
    "metadata of another type": file_of({"x": entry(), "__metadata__": {"step": 3}}),
    "a BOOL of 2": file_of({"x": entry(dtype="BOOL", shape=(8,))}, b"\0\1\2\0\0\0\0\0"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_files_are_refused_by_name(kind, tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(MALFORMED[kind])
    with pytest.raises(ValueError, match="bad.safetensors"):
        _model.load_tensors(path)


def test_a_fault_of_one_tensor_names_it(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(file_of({"blocks.0.weight": entry(shape=(3,))}))
    with pytest.raises(ValueError, match="blocks.0.weight: expected data of the shape's size"):
        _model.load_tensors(path)


def test_unaligned_tensors_are_read(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(file_of(json.dumps({"x": entry()}).encode() + b" " * 3, struct.pack("<2f", 1.5, -2.0)))
    assert _model.load_tensors(path)["x"].tolist() == [1.5, -2.0]


def test_files_that_cannot_be_opened_are_refused(tmp_path):
    for path in (tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(ValueError, match=path.name):
            _model.load_tensors(path)
