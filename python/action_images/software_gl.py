# SPDX-License-Identifier: Apache-2.0
"""What drawing with OSMesa, OpenGL in software, needs beforehand."""

from __future__ import annotations

import contextlib


def load_triton_first() -> None:
    """Loads triton's compiler, which torch brings along and imports late, before OSMesa.

    Both hold an LLVM; OSMesa's becomes visible to all libraries loaded after it, and triton would crash with it.
    """
    with contextlib.suppress(ImportError):
        import triton._C.libtriton  # noqa: F401
