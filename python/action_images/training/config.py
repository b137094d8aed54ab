# SPDX-License-Identifier: Apache-2.0
"""Training configurations: files, the released implementation's names, single changes.

A configuration is a dict as docs/training.md describes it. Keys of the released `train.py` mean the same here, at the
place that `training_options.PLACES` gives.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import FormatError
from ..training_options import PLACES

PACKAGE = Path(__file__).parents[1]
WHERE = "training::config"

TILING = {"size": [34, 34], "stride": [18, 16]}


def read_config(name: str | Path) -> dict[str, Any]:
    """Reads a configuration: one of the package ("embedded", "release", "paper"), or a TOML, YAML or JSON file.

    Raises FormatError naming the file if it cannot be read, is not of its format or holds no table.
    """
    packaged = PACKAGE / "configs" / f"{name}.json"
    path = packaged if packaged.is_file() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "other bytes"
        raise FormatError(f"[{WHERE}] {path}: expected a readable TOML, YAML or JSON file, got {reason}") from error
    config = _parse(path, text)
    if not isinstance(config, dict):
        raise FormatError(f"[{WHERE}] {path}: expected a table of keys, got {type(config).__name__}")
    return canonical(config)


def canonical(config: dict[str, Any]) -> dict[str, Any]:
    """The same configuration with every flat name at its place. Raises FormatError if a place is given twice."""
    result: dict[str, Any] = {key: value for key, value in config.items() if key not in _SPECIAL and key not in PLACES}
    if config.get("tiled") or any(key.startswith("tile_") for key in config):
        result.setdefault("vae_tiling", json.loads(json.dumps(TILING)))
    if "full_param" in config:
        result.setdefault("train", "full" if config["full_param"] else "partial")
    for key, place in PLACES.items():
        if key in config:
            if not key.startswith("tile_") and _find(result, place.split(".")) is not None:
                raise FormatError(f"[{WHERE}] {key}: expected it or {place}, got both")
            assign_value(result, place, config[key])
    return result


def assign(config: dict[str, Any], assignment: str) -> None:
    """Carries out KEY=VALUE: a flat or dotted key, whose numbers are places in lists; a JSON value, or else a text."""
    key, equals, text = assignment.partition("=")
    if not equals or not all(key.split(".")):
        raise ValueError(f'[{WHERE}] --set: expected KEY=VALUE, got "{assignment}"')
    try:
        value = json.loads(text)
    except ValueError:
        value = {"true": True, "false": False}.get(text.lower(), text)
    if key in _SPECIAL:
        changed = canonical({key: value})
        config.update(changed)
    else:
        if key.startswith("tile_"):
            config.setdefault("vae_tiling", json.loads(json.dumps(TILING)))
        assign_value(config, PLACES.get(key, key), value)


def assign_value(config: dict[str, Any], place: str, value: Any) -> None:
    """Puts a value at a dotted place. Raises ValueError if there is no such place."""
    *parents, last = place.split(".")
    try:
        table: Any = config
        for name in parents:
            table = table[int(name)] if isinstance(table, list) else table.setdefault(name, {})
        table[int(last) if isinstance(table, list) else last] = value
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f"[{WHERE}] --set {place}: expected a key of the config, got none there") from error


_SPECIAL = ("full_param", "tiled")


def _find(config: Any, names: list[str]) -> Any:
    for name in names:
        if not isinstance(config, dict) or name not in config:
            return None
        config = config[name]
    return config


def _parse(path: Path, text: str) -> Any:
    suffix = path.suffix.lower()
    try:
        if suffix == ".toml":
            return _toml().loads(text)
        if suffix in (".yaml", ".yml"):
            return _yaml().safe_load(text)
        return json.loads(text)
    except ImportError:
        raise
    except Exception as error:  # each parser has errors of its own
        kind = {".toml": "TOML", ".yaml": "YAML", ".yml": "YAML"}.get(suffix, "JSON")
        raise FormatError(f"[{WHERE}] {path}: expected a readable {kind} file, got {error}") from error


def _toml():
    try:
        import tomllib
    except ImportError:
        try:
            import tomli as tomllib
        except ImportError as error:
            raise ImportError(f"[{WHERE}] a TOML file needs Python 3.11 or the package tomli") from error
    return tomllib


def _yaml():
    try:
        import yaml
    except ImportError as error:
        raise ImportError(f"[{WHERE}] a YAML file needs the package pyyaml") from error
    return yaml
