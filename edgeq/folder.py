"""The one writer of output folders: staged beside the target, then moved; nothing half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgeq.errors import UsageError

MANIFEST = ".edgeq-files"  # what edgeq wrote here, one path a line


def write(files: Mapping[str, str], folder: Path, *, force: bool = False) -> None:
    """Put `files` (path below `folder` -> text) on disk.

    A folder that edgeq wrote before is updated: files of then that are not of now go away, the
    user's own stay. Raises UsageError where `folder` holds something else and not `force`,
    where it is a file, or where it cannot be written; then nothing has changed.
    """
    folder = folder.absolute()
    check_folder(folder, force=force)
    stage: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        _fill(stage, files)
        if folder.is_dir() and any(folder.iterdir()):
            _update(stage, folder, files)
        else:
            stage.chmod(0o777 & ~_umask())
            os.replace(stage, folder)  # an empty folder may be replaced
    except OSError as error:
        raise UsageError(str(folder), f"cannot be written ({error.strerror or error})",
                         "a folder that you may write", "choose another -o folder") from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def is_ours(folder: Path) -> bool:
    """True where edgeq wrote `folder`."""
    return (folder / MANIFEST).is_file()


def check_folder(folder: Path, *, force: bool) -> None:
    """Raise UsageError where `write` would refuse `folder`; to know before long work."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if place.is_dir() and not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(str(folder), f"cannot be written ({place} is read-only)",
                         "a folder that you may write", "choose another -o folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(str(folder), "is a file", "a new or empty folder", "choose another -o")
    if any(folder.iterdir()) and not is_ours(folder) and not force:
        raise UsageError(str(folder), "exists and was not made by edgeq",
                         "a new folder, an empty one, or one made by edgeq",
                         "choose another -o folder, or --force to write into this one")


def _fill(stage: Path, files: Mapping[str, str]) -> None:
    for path, text in (*files.items(), (MANIFEST, "".join(f"{p}\n" for p in sorted(files)))):
        target = stage / path
        assert stage in target.parents, path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8"))


def _update(stage: Path, folder: Path, files: Mapping[str, str]) -> None:
    manifest = folder / MANIFEST
    old = manifest.read_text(encoding="utf-8").splitlines() if manifest.is_file() else []
    for path in (*sorted(files), MANIFEST):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(stage / path, target)
    for path in set(old) - set(files):
        target = folder / path
        if folder in target.resolve().parents and target.is_file():
            target.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_some(files: Mapping[str, str], folder: Path) -> None:
    """Replace single `files` of a folder that edgeq wrote, each as a whole; raises UsageError."""
    for path, text in files.items():
        try:
            handle, temporary = tempfile.mkstemp(prefix=".edgeq-", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, folder / path)
        except OSError as error:
            raise UsageError(str(folder / path), f"cannot be written ({error.strerror or error})",
                             "a folder that you may write") from error
