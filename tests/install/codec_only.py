# SPDX-License-Identifier: Apache-2.0
"""Checks an installation without torch: python codec_only.py WHEEL, run by the Python that has the wheel installed."""

import importlib.util
import pathlib
import re
import sys
import zipfile

import action_images

wheel = pathlib.Path(sys.argv[1])
names = zipfile.ZipFile(wheel).namelist()
assert wheel.stat().st_size < 1_000_000, f"the wheel has {wheel.stat().st_size} bytes"
assert not [name for name in names if "/models/" in name or re.search(r"/_model\..*so$", name)], names
for needed in ("_codec.pyi", "py.typed", "configs/embedded.json", "presentation/report.html", "presentation/report.js",
               "presentation/report.css", "cli"):
    assert any(name.startswith("action_images/" + needed) for name in names), f"{needed} is not in the wheel: {names}"

assert importlib.util.find_spec("torch") is None, "this environment should not have torch"
assert "site-packages" in action_images.__file__, action_images.__file__
try:
    import action_images.model
except ImportError as error:
    assert "pip install" in str(error) and "torch" in str(error), error
    assert len(re.findall(r"[.!?](\s|$)", str(error))) <= 1, f"one sentence expected: {error}"
else:
    raise AssertionError("action_images.model was imported without torch")
print(f"{wheel.name}: {wheel.stat().st_size // 1000} kB, codec only, as it should be")
