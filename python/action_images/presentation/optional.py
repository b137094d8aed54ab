# SPDX-License-Identifier: Apache-2.0
"""Packages that only some functions need."""

from __future__ import annotations

import importlib
from types import ModuleType


def optional_package(name: str, extra: str, where: str) -> ModuleType:
    """Imports a package. Raises ImportError that says which extra brings it, if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"[{where}] {name}: expected the package to be installed, got none: pip install 'action-images[{extra}]'"
        ) from error
