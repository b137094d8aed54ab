#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/html_entity_table.cpp from Python's table of HTML 5's named character references."""
import html.entities
import pathlib
import textwrap

TARGET = pathlib.Path(__file__).resolve().parents[1] / "src/text/html_entity_table.cpp"
HEAD = """// SPDX-License-Identifier: Apache-2.0
// Written by scripts/html_entities.py; the names are those of the HTML standard, section 13.5.
#include "html_entities.hpp"

namespace action_images {

// clang-format off
const std::string_view html_entity_table =
"""
TAIL = """;
// clang-format on

}  // namespace action_images
"""


def entries():
    table = html.entities.html5
    for name in sorted(name[:-1] for name in table if name.endswith(";")):
        codes = "+".join(f"{ord(character):X}" for character in table[name + ";"])
        yield f"{name}{'!' if name in table else ':'}{codes}"


def main():
    lines = textwrap.wrap(" ".join(entries()), width=114, break_long_words=False, break_on_hyphens=False)
    TARGET.write_text(HEAD + "\n".join(f'  "{line} "' for line in lines) + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
