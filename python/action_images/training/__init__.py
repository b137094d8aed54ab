# SPDX-License-Identifier: Apache-2.0
"""Training runs: configurations, logs and processes around the C++ trainer. Needs torch."""

from .config import assign, read_config
from .processes import rank
from .run import start

__all__ = ["assign", "rank", "read_config", "start"]
