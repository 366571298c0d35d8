"""Files that others see before or after a change, never half written."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_UNFINISHED = ".tmp"
_DAY = 86400.0


def replace(path: Path, data: bytes) -> None:
    """The contents of a file, as a whole or not at all.

    They are written under another name, which is renamed at the end. What a killed process leaves under such a name is for
    `sweep`; the lock on it says that its writer lives, and the system takes the lock away from the dead.

    Raises:
        OSError: with the path of that file, whatever failed with which temporary name.
    """
    try:
        _replace(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _replace(path: Path, data: bytes) -> None:
    handle, name = _locked(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(name, 0o644)
            if fcntl:
                os.replace(name, path)  # before the lock is gone
        if not fcntl:
            os.replace(name, path)  # an open file has no other name there
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sweep(path: Path) -> None:
    """Remove what killed writers of a file have left, and nothing of those that live, in whichever process or container."""
    for left in path.parent.glob(f".{path.name}.*{_UNFINISHED}"):
        with contextlib.suppress(OSError):  # gone, locked, or not ours
            if fcntl:
                with left.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
            elif time.time() - left.stat().st_mtime > _DAY:
                left.unlink()


def _locked(path: Path) -> tuple[int, str]:
    """A new file beside another one, open and locked."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
        with contextlib.suppress(OSError):  # a file system without locks
            if fcntl:
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):
            return handle, name
        os.close(handle)  # swept away before it was locked
