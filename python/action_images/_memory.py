# SPDX-License-Identifier: Apache-2.0
"""Too little memory as a MemoryError of one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def enough_memory(where: str) -> Iterator[None]:
    """Turns torch's error about memory that it cannot have into a MemoryError of one line."""
    try:
        yield
    except RuntimeError as error:
        if not re.search("allocate memory|calculation overflowed|multiplication overflow", str(error)):
            raise
        asked = re.search(r"allocate (\d+) bytes", str(error))
        raise MemoryError(
            f"[{where}] memory: expected enough of it, got too little for {asked[1] if asked else '2^63'} bytes"
        ) from None
