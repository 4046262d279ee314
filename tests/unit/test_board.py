"""Board files: inheritance, and one clear message for everything that can be wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.board import Board, board_names, load_board
from edgeq.errors import UsageError

NAMES = ("cortex-a510", "cortex-a53", "cortex-a55", "cortex-a7", "cortex-a76", "cortex-m0plus",
         "cortex-m3", "cortex-m33", "cortex-m4", "cortex-m55", "cortex-m7", "cortex-m85", "host")


def test_names_hide_parents() -> None:
    assert board_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_board_is_complete(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert board.isa[-1] == "c"
    assert board.description
    assert (board.qemu is None) == (name == "host")
    assert board.bare_metal == name.startswith("cortex-m")
    if name != "host":
        assert min(board.flash, board.ram, board.clock_hz) > 0


def test_child_adds_flags_and_replaces_values() -> None:
    board = load_board("cortex-m55")
    assert board.cflags == ("-O2", "-mthumb", "-ffunction-sections", "-fdata-sections",
                            "-mcpu=cortex-m55", "-mfloat-abi=hard")
    assert board.qemu is not None
    assert (board.qemu.program, board.qemu.machine) == ("qemu-system-arm", "mps3-an547")
    assert "-mcpu=cortex-m55" not in load_board("cortex-m85").cflags


def board_file(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_own_file_inherits_from_a_known_board(tmp_path: Path) -> None:
    path = board_file(tmp_path, 'parent = "cortex-m4"\nram = 98_304\noptimize = "-O3"\n')
    board: Board = load_board(path)
    assert (board.name, board.ram, board.cpu) == ("mine", 98_304, "cortex-m4")
    assert board.cflags[0] == "-O3"
    assert board.isa == load_board("cortex-m4").isa


@pytest.mark.parametrize(("text", "message"), [
    ('parent = "cortex-m4"\nisaa = ["c"]', "unknown key 'isaa'.*did you mean isa"),
    ('parent = "cortex-m4"\n[qemu]\nmachin = "x"', "unknown key 'machin'.*did you mean machine"),
    ('parent = "cortex-m4"\nram = "64K"', "ram is '64K'; allowed: a whole number"),
    ('parent = "cortex-m4"\nram = true', "ram is True"),
    ('parent = "cortex-m4"\nflash = -1', "flash is -1"),
    ('parent = "cortex-m4"\nisa = "dsp"', "isa is 'dsp'; allowed: a list"),
    ('parent = "cortex-m4"\nisa = ["dsp"]', 'ends in "c"'),
    ('parent = "cortex-m4"\nisa = [1]', "isa is .1."),
    ('parent = "cortex-m4"\ncpu = 4', "cpu is 4"),
    ('parent = "cortex-m4"\nqemu = 3', "qemu is not a table"),
    ('parent = "cortex-m4"\nreplace_cflags = 1', "replace_cflags is 1"),
    ('parent = "cortex-m4"\nfpu = "yes"', "fpu is 'yes'; allowed: true, false"),
    ('parent = "cortex-m9"', "there is no board 'cortex-m9'.*did you mean cortex-m"),
    ('parent = "mine"', "a circle"),
    ('isa = ["c"]\ncompiler = "cc"', "no cpu"),
    ('parent = "_cortex-m"\ncpu = "x"\nisa = ["c"]', "no machine"),
    ('parent = "cortex-m4"\n[qemu]\nprogram = "bochs"', "program is 'bochs'"),
    ("parent = ", "cannot be read"),
    ("\x00", "cannot be read"),
])
def test_what_is_wrong_in_a_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_board(board_file(tmp_path, text))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["cortex-m44", "m4", "", "../boards/cortex-m4", "_nothing"])
def test_unknown_name(name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no board .*allowed: cortex-a510, "):
        load_board(name)


def test_missing_file() -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_board("nowhere/mine.toml")


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load_board(str(path))
