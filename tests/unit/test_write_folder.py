"""The writer of output folders: all or nothing, the user's files stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.errors import UsageError
from edgeq.folder import is_ours, write

FILES = {"README.md": "one\n", "src/a.c": "int a;\n"}


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8")
            for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_empty_folder_is_filled(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "deep" / "out"
    if exists:
        folder.mkdir(parents=True)
    write(FILES, folder)
    assert contents(folder) == FILES
    assert is_ours(folder)
    assert [p.name for p in folder.parent.iterdir()] == ["out"]  # no stage left behind


def test_a_second_build_removes_stale_files_and_keeps_the_users(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(FILES, folder)
    (folder / "src" / "mine.c").write_text("int mine;\n", encoding="utf-8")
    write({"README.md": "two\n", "src/b.c": "int b;\n"}, folder)
    assert contents(folder) == {"README.md": "two\n", "src/b.c": "int b;\n",
                                "src/mine.c": "int mine;\n"}


def test_a_foreign_folder_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not made by edgeq"):
        write(FILES, tmp_path)
    assert contents(tmp_path) == {"notes.txt": "mine\n"}


def test_force_writes_into_a_foreign_folder_without_deleting(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n", encoding="utf-8")
    write(FILES, tmp_path, force=True)
    assert contents(tmp_path) == {**FILES, "notes.txt": "mine\n"}


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file"):
        write(FILES, tmp_path / "out")
    with pytest.raises(UsageError, match="cannot be written"):
        write(FILES, tmp_path / "out" / "below")


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write({"a": "1\n", "a/b": "2\n"}, tmp_path / "out")  # a is a file and a folder
    assert list(tmp_path.iterdir()) == []


def test_a_stale_list_cannot_reach_outside(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "precious"
    outside.write_text("keep\n", encoding="utf-8")
    write(FILES, folder)
    (folder / ".edgeq-files").write_text("../precious\n", encoding="utf-8")
    write(FILES, folder)
    assert outside.read_text(encoding="utf-8") == "keep\n"


@pytest.mark.parametrize("below", [".", "new", "new/deep"])
def test_a_read_only_folder_is_refused_and_kept(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != folder)  # root may write all
    with pytest.raises(UsageError, match="read-only"):
        write(FILES, folder / below)
    assert list(tmp_path.rglob("*")) == [folder]
