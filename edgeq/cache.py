"""Where compiled code is kept between runs; safe to delete at any time."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from edgeq.errors import ToolchainError

_KEEP_DAYS = 30


def cache_dir() -> Path:
    """$EDGEQ_CACHE_DIR, or the platform's cache folder, or a temporary one if that is read-only.

    Raises ToolchainError where none can be written.
    """
    named = os.environ.get("EDGEQ_CACHE_DIR")
    fallback = Path(tempfile.gettempdir()) / f"edgeq-cache-{_user()}"
    for path in (Path(named),) if named else (_platform_cache(), fallback):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(path, os.W_OK):
            return path
    raise ToolchainError(str(named or fallback), "cannot hold compiled code",
                         "a folder that you may write", "set EDGEQ_CACHE_DIR")


def touch(path: Path) -> None:
    """Note that a cached file was used, so that `prune` keeps it."""
    os.utime(path)


def prune(folder: Path) -> None:
    """Delete what nobody used for a month."""
    oldest = time.time() - _KEEP_DAYS * 24 * 3600
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):  # another build may be at work here
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < oldest:
                Path(entry.path).unlink(missing_ok=True)


def _platform_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "edgeq"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "edgeq" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "edgeq"


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"
