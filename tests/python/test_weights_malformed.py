# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile files of torch.save: each is refused by a FormatError that names it; none is executed."""

import io
import os
import pickle
import struct
import zipfile

import pytest
import torch

from action_images import FormatError
from action_images.model import load_tensors, save_tensors


def archive(path, pickled, storages=None, *, compression=zipfile.ZIP_STORED, **records):
    """A zip as torch.save writes it, of these bytes."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", pickled)
        for key, data in (storages or {}).items():
            file.writestr(f"archive/data/{key}", data)
        for name, data in {"byteorder": b"little", "version": b"3\n", **records}.items():
            file.writestr(f"archive/{name.replace('__', '.')}", data)
    return path


class Global:
    """Pickles as the global `module.name`."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """Pickles as a call of a global."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Persistent:
    def __init__(self, *key):
        self.key = key


def dump(value):
    """Pickle instructions of protocol 2 for plain values, globals, calls and persistent ids, byte by byte."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(digits)]) + digits
    if isinstance(value, str):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, tuple):
        return b"(" + b"".join(map(dump, value)) + b"t"
    if isinstance(value, dict):
        return b"}(" + b"".join(dump(k) + dump(v) for k, v in value.items()) + b"u"
    if isinstance(value, Global):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, Call):
        return dump(value.function) + dump(value.arguments) + b"R"
    if isinstance(value, Persistent):
        return dump(value.key) + b"Q"
    raise TypeError(value)


def pickled(value):
    return b"\x80\x02" + dump(value) + b"."


def storage(key="0", count=4, kind="FloatStorage", module="torch"):
    return Persistent("storage", Global(module, kind), key, "cpu", count)


def tensor(size=(4,), stride=None, offset=0, held=None):
    stride = stride if stride is not None else (1,) * len(size)
    hooks = Call(Global("collections", "OrderedDict"))
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), held or storage(), offset, size, stride, False, hooks)


NUMBERS = struct.pack("<4f", 1, 2, 3, 4)


def write(path, value, numbers=NUMBERS):
    return archive(path, pickled(value), {"0": numbers})


def test_what_these_tests_write_by_hand_is_read(tmp_path):
    path = write(tmp_path / "a.ckpt", {"x": tensor(), "y": tensor((2, 2), (1, 2))})
    got = load_tensors(path)
    assert got["x"].tolist() == [1, 2, 3, 4] and got["y"].tolist() == [[1, 3], [2, 4]]
    assert torch.load(path, weights_only=True)["y"].tolist() == [[1, 3], [2, 4]]


FOREIGN = {
    "os.system": Call(Global("os", "system"), "touch HERE"),
    "posix.system": Call(Global("posix", "system"), "touch HERE"),
    "builtins.eval": Call(Global("builtins", "eval"), "open('HERE', 'w')"),
    "a global that is not called": Global("subprocess", "Popen"),
    "torch.load": Call(Global("torch", "load"), "HERE"),
    "a storage in a pickle of its own": Call(Global("torch.storage", "_load_from_bytes"), "HERE"),
    "numpy": Call(Global("numpy.core.multiarray", "_reconstruct"), Global("numpy", "ndarray")),
    "a name with a dot": Call(Global("torch", "_utils._rebuild_tensor_v2.__globals__"), 1),
    "getattr": Call(Global("builtins", "getattr"), Global("torch", "Tensor"), "x"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_globals_are_refused_by_name_and_not_called(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "bad.ckpt", {"x": tensor(), "evil": FOREIGN[kind]})
    with pytest.raises(FormatError, match="bad.ckpt: data.pkl: expected tensors, .*, got the global ") as error:
        load_tensors(path)
    function = FOREIGN[kind].function if isinstance(FOREIGN[kind], Call) else FOREIGN[kind]
    assert f"{function.module} {function.name}" in str(error.value)
    assert os.listdir(tmp_path) == ["bad.ckpt"]


def test_an_object_that_python_pickled_is_refused_in_every_protocol(tmp_path):
    class_of_somebody = type("Config", (), {"__module__": "__main__", "__reduce__": lambda self: (print, ("executed",))})
    for protocol in (2, 3, 4, 5):
        buffer = io.BytesIO()
        pickle.Pickler(buffer, protocol).dump({"config": class_of_somebody()})
        with pytest.raises(FormatError, match="the global (__builtin__|builtins) print"):
            load_tensors(archive(tmp_path / "bad.ckpt", buffer.getvalue()))


OUTSIDE = {
    "a size past the end": tensor((5,)),
    "an offset past the end": tensor((1,), offset=4),
    "strides past the end": tensor((2, 2), (3, 1)),
    "a negative offset": tensor((1,), offset=-1),
    "a negative stride": tensor((2,), (-1,), offset=1),
    "a negative size": tensor((-1,)),
    "a size of over 64 bits": tensor((2**70,)),
    "sizes that overflow": tensor((2**32, 2**32), (0, 0)),
    "strides that overflow": tensor((2**40, 2), (2**40, 1)),
    "an empty tensor whose sizes overflow": tensor((0, 2**62, 2**62), (1, 1, 1)),
    "an offset that overflows": tensor((2,), (2**62,), offset=2**62 + 1),
    "many values out of one": tensor((10**6, 10**6), (0, 0)),
    "fewer strides than sizes": tensor((2, 2), (1,)),
    "a hundred axes": tensor((1,) * 100),
    "a storage of too few bytes": tensor(held=storage(count=5)),
    "a storage of too many bytes": tensor(held=storage(count=3)),
    "a storage that is not there": tensor(held=storage("7")),
    "a storage of another file": tensor(held=storage("../data.pkl")),
    "a storage of negative size": tensor(held=storage(count=-4)),
    "a storage of unknown type": tensor(held=storage(kind="QInt8Storage")),
    "a storage of two types": (tensor(), tensor(held=storage(kind="IntStorage"))),
    "a tensor of a tensor": tensor(held=tensor()),
    "a persistent id of another kind": Persistent("module", "os"),
    "a tensor without arguments": Call(Global("torch._utils", "_rebuild_tensor_v2")),
    "a parameter of a number": Call(Global("torch._utils", "_rebuild_parameter"), 3, True),
    "a tensor rebuilt from itself": Call(
        Global("torch._tensor", "_rebuild_from_type_v2"), Global("torch._tensor", "_rebuild_from_type_v2"), 1, (), ()
    ),
    "a call of a number": Call(3),
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_tensors_that_their_storage_does_not_hold_are_refused(kind, tmp_path):
    with pytest.raises(FormatError, match="bad.ckpt"):
        load_tensors(write(tmp_path / "bad.ckpt", {"x": OUTSIDE[kind]}))


def raw(instructions):
    return b"\x80\x02" + instructions + b"."


MALFORMED_PICKLES = {
    "empty": b"",
    "no protocol": dump({}) + b".",
    "protocol 1": b"\x80\x01}.",
    "protocol 6": b"\x80\x06}.",
    "no end": b"\x80\x02}",
    "an empty stack": raw(b""),
    "two values": raw(b"}}"),
    "a mark that stays": raw(b"}("),
    "no mark": raw(b"t"),
    "a pop past a mark": raw(b"N(\x85"),
    "an item for a number": raw(b"K\1K\2a"),
    "an odd number of items": raw(b"}(K\1u"),
    "an unwritten memo": raw(b"h\5"),
    "attributes of a number": raw(b"K\1}b"),
    "a text past the end": raw(b"X\xff\xff\xff\xff"),
    "a long text past the end": raw(b"\x8d" + b"\xff" * 8),
    "a whole number past the end": raw(b"\x8b\xff\xff\xff\x7f"),
    "a frame past the end": raw(b"\x95" + b"\xff" * 8),
    "a global without its end": raw(b"cos\nsystem"),
    "an instance": raw(b"(ios\nsystem\n"),
    "an extension": raw(b"\x82\1"),
    "an object by __new__": raw(b"ctorch\nSize\n)\x81"),
    "an unknown instruction": raw(b"\xff"),
    "a list at the top": raw(b"]"),
    "a dict without tensors": raw(dump({"a": 1})),
    "a dict in itself": raw(b"}q\0X\1\0\0\0ah\0s"),
    "a name twice": raw(b"}(" + 2 * (dump("x") + dump(tensor())) + b"u"),
}


@pytest.mark.parametrize("kind", MALFORMED_PICKLES)
def test_malformed_pickles_are_refused(kind, tmp_path):
    with pytest.raises(FormatError, match="bad.ckpt"):
        load_tensors(archive(tmp_path / "bad.ckpt", MALFORMED_PICKLES[kind], {"0": NUMBERS}))


def test_deep_nesting_costs_no_stack(tmp_path):
    for nested in (b"]" * 10**6 + b"a" * (10**6 - 1), b")" + b"\x85" * 10**6):
        with pytest.raises(FormatError, match="expected a dict of tensors"):
            load_tensors(archive(tmp_path / "bad.ckpt", raw(nested)))
    deep = {"x": tensor()}
    for _ in range(300):
        deep = {"state_dict": deep}
    with pytest.raises(FormatError, match="a dict of tensors"):
        load_tensors(write(tmp_path / "bad.ckpt", deep))


def test_a_pickle_of_too_many_values_is_refused(tmp_path):
    with pytest.raises(FormatError, match="at most 4000000 values"):
        load_tensors(archive(tmp_path / "bad.ckpt", raw(b")" * 4_100_000)))


def test_compressed_entries_are_refused_whatever_they_hold(tmp_path):
    path = archive(tmp_path / "bomb.ckpt", pickled({"x": tensor((2**28,), held=storage(count=2**28))}),
                   {"0": bytes(2**30)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**21
    with pytest.raises(FormatError, match="bomb.ckpt: archive/.*: expected stored data, got compressed data"):
        load_tensors(path)


def test_every_cut_of_a_file_is_refused(tmp_path):
    whole = write(tmp_path / "whole.ckpt", {"x": tensor()}).read_bytes()
    path = tmp_path / "cut.ckpt"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError, match="cut.ckpt"):
            load_tensors(path)


def test_every_cut_of_a_safetensors_file_is_refused(tmp_path):
    save_tensors(tmp_path / "whole.safetensors", {"blocks.0.weight": torch.ones(3, 2), "b": torch.ones(2)}, {"a": "b"})
    whole = (tmp_path / "whole.safetensors").read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError, match="cut.safetensors"):
            load_tensors(path)


def test_every_changed_byte_is_refused_or_read_within_bounds(tmp_path):
    """Loads what is left after any one byte of pickle and directory changed, and looks at every number of it."""
    whole = write(tmp_path / "whole.ckpt", {"x": tensor((2, 2), (2, 1))}).read_bytes()
    path = tmp_path / "changed.ckpt"
    for position in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[position] ^= change
            path.write_bytes(damaged)
            try:
                for value in load_tensors(path).values():
                    value.double().sum()
            except FormatError as error:
                assert "changed.ckpt" in str(error)


def patched(data, offset, layout, value):
    data = bytearray(data)
    struct.pack_into(layout, data, offset, value)
    return bytes(data)


def directory_of(data):
    """Offsets of the entries of the directory, and of its end."""
    end = data.rfind(b"PK\5\6")
    (position,) = struct.unpack_from("<I", data, end + 16)
    offsets = []
    while data[position : position + 4] == b"PK\1\2":
        offsets.append(position)
        position += 46 + sum(struct.unpack_from("<3H", data, position + 28))
    return offsets, end


def test_damaged_directories_are_refused(tmp_path):
    whole = write(tmp_path / "whole.ckpt", {"x": tensor()}).read_bytes()
    entries, end = directory_of(whole)
    sizes = {"packed": 20, "unpacked": 24, "offset": 42}
    damaged = {
        "an entry past the end": patched(patched(whole, entries[1] + 20, "<I", 2**31), entries[1] + 24, "<I", 2**31),
        "sizes that differ": patched(whole, entries[1] + sizes["unpacked"], "<I", 2**31),
        "an entry at the directory": patched(whole, entries[1] + sizes["offset"], "<I", entries[0]),
        "two entries at one place": patched(whole, entries[1] + sizes["offset"], "<I", 0),
        "an entry over another": patched(patched(whole, entries[0] + 20, "<I", 400), entries[0] + 24, "<I", 400),
        "an encrypted entry": patched(whole, entries[1] + 8, "<H", 1),
        "more entries than there are": patched(whole, end + 10, "<H", 60000),
        "fewer entries than there are": patched(whole, end + 10, "<H", 1),
        "a directory past the end": patched(whole, end + 16, "<I", 2**31),
        "several disks": patched(whole, end + 4, "<H", 1),
        "sizes of a zip64 without its field": patched(whole, entries[1] + 20, "<I", 2**32 - 1),
    }
    for kind, data in damaged.items():
        path = tmp_path / "bad.ckpt"
        path.write_bytes(data)
        with pytest.raises(FormatError, match="bad.ckpt"):
            load_tensors(path)
            pytest.fail(kind)


def test_a_name_twice_in_an_archive_is_refused(tmp_path):
    path = tmp_path / "bad.ckpt"
    with zipfile.ZipFile(path, "w") as file, pytest.warns(UserWarning):
        for _ in range(2):
            file.writestr("archive/data.pkl", pickled({"x": 1}))
    with pytest.raises(FormatError, match="every name once, got archive/data.pkl"):
        load_tensors(path)


def test_a_zip64_archive_is_read(tmp_path):
    path = tmp_path / "a.ckpt"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in {"data.pkl": pickled({"x": tensor()}), "data/0": NUMBERS}.items():
            with file.open(f"archive/{name}", "w", force_zip64=True) as entry:
                entry.write(data)
    data = path.read_bytes()
    entries, end = directory_of(data)
    directory_end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, end - entries[0], entries[0])
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    old = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, 2**32 - 1, 2**32 - 1, 0)
    path.write_bytes(data[:end] + directory_end + locator + old)
    assert load_tensors(path)["x"].tolist() == [1, 2, 3, 4]


OTHER_KINDS = {
    "a zip of something else": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "b"), "a zip file of another kind"),
    "a big-endian archive": (lambda path: archive(path, pickled({"x": tensor()}), {"0": NUMBERS}, byteorder=b"big"),
                             "byteorder: expected little, got big"),
    "TorchScript": (lambda path: archive(path, pickled({}), constants__pkl=b""), "a program of TorchScript"),
    "a bare pickle": (lambda path: path.write_bytes(pickle.dumps({"x": 1}, 2)), "torch.save it again"),
    "an old torch.save": (
        lambda path: torch.save({"x": torch.ones(2)}, path, _use_new_zipfile_serialization=False), "torch.save it again"),
    "Git LFS": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "GGUF": (lambda path: path.write_bytes(b"GGUF" + bytes(100)), "a GGUF file"),
    "an empty file": (lambda path: path.write_bytes(b""), "at least 8 bytes"),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_of_files_are_refused_with_what_they_are(kind, tmp_path):
    make, text = OTHER_KINDS[kind]
    path = tmp_path / "bad.ckpt"
    made = make(path)
    del made
    with pytest.raises(FormatError, match=text):
        load_tensors(path)
