# SPDX-License-Identifier: Apache-2.0
"""The decoded trajectory as the text of a CSV file."""

COLUMNS = ("x", "y", "z", "ex", "ey", "ez", "openness", "confidence")


def trajectory_text(record):
    """The trajectory as CSV with a header, numbers in full precision; a confidence that is not known is empty."""
    confidence = [""] * record.frames if record.confidence is None else map(repr, record.confidence.tolist())
    rows = [",".join([*map(repr, row), last]) for row, last in zip(record.actions.tolist(), confidence)]
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"
