# SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear complete or not at all, and the function that writes videos."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path


def write_durably(path, content):
    """Writes bytes or text (UTF-8) and brings them to the disk."""
    with open(path, "wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def replaced_file(path, where):
    """Yields a temporary path beside `path` that takes its name at the end; after an exception nothing stays.

    Raises ValueError naming the file if its folder does not take it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(f"[{where}] {path}: expected a file that can be written, got {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def filled_folder(directory, where):
    """Yields a temporary folder whose files all move to `directory` at the end; after an exception nothing stays.

    Files of the same names in an existing folder are replaced, others are left alone. Raises ValueError naming the
    folder if it cannot be written.
    """
    directory = Path(directory)
    temporary = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        inside = directory if directory.exists() else directory.parent
        temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", suffix=".part", dir=inside))
        temporary.chmod(0o777 & ~_mask())
        yield temporary
        if not directory.exists():
            temporary.rename(directory)
        else:
            for file in sorted(temporary.iterdir()):
                os.replace(file, directory / file.name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"[{where}] {directory}: expected a folder that can be written, got {reason}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def default_write_video():
    """`action_images._model.write_video`, imported now (with torch, which that module needs)."""
    import torch  # noqa: F401  (its libraries first)

    from action_images._model import write_video

    return write_video
