"""Boards: one TOML each below boards/, with inheritance of a parent."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from edgeq.errors import UsageError
from edgeq.resources import resource_dir


@dataclass(frozen=True)
class Qemu:
    """How a board's programs run here: a whole machine, or one process."""

    program: str  # "qemu-system-arm" | "qemu-arm" | "qemu-aarch64"
    machine: str = ""  # system mode only, e.g. "mps3-an547"
    cpu: str = ""  # user mode only; a machine has its own
    linker: str = ""  # linker script below runtime_c/port/, system mode only


@dataclass(frozen=True)
class Board:
    """What is known of a target: its core, compiler, memories and emulator."""

    name: str
    cpu: str
    isa: tuple[str, ...]  # best first, always ends in "c"
    compiler: str  # a GCC: "arm-none-eabi-gcc", "aarch64-linux-gnu-gcc", "cc" ...
    cflags: tuple[str, ...]
    flash: int = 0  # bytes of a typical part; 0: unknown
    ram: int = 0
    clock_hz: int = 0
    fpu: bool = False  # computes with float32 in hardware
    qemu: Qemu | None = None  # None: programs run on this machine
    description: str = ""

    @property
    def bare_metal(self) -> bool:
        """No operating system: own startup, semihosting, linker script."""
        return self.compiler.startswith("arm-none-eabi")


class Optimize(Enum):
    """What the choice of kernels and the compiler favour."""

    SPEED = "speed"
    SIZE = "size"
    BALANCED = "balanced"
    RAM = "ram"


class CmsisIsa(Enum):
    """What CMSIS-NN makes of a core, as an entry of the ISA chain."""

    MVE = "cmsis_mve"
    DSP = "cmsis_dsp"
    C = "cmsis_c"


CMSIS_ISAS = tuple(CmsisIsa)


@dataclass(frozen=True)
class Target:
    """A board and the wishes for it: what `lower` decides by."""

    board: Board
    optimize: Optimize = Optimize.BALANCED
    # C functions that are left out where another one for the same ISA takes the layer too
    avoid: frozenset[str] = frozenset()
    cmsis_nn: Path | None = None  # the user's checkout, whose functions come first

    @property
    def cflags(self) -> tuple[str, ...]:
        """The optimization level, to stand behind the board's own; none: the board decides.

        Where DSP kernels do the work, -O3 unrolls loops around their assembler and loses.
        """
        dsp = "dsp" in self.board.isa and "mve" not in self.board.isa
        return {Optimize.SPEED: () if dsp else ("-O3",), Optimize.SIZE: ("-Os",),
                Optimize.BALANCED: (), Optimize.RAM: ()}[self.optimize]

    @property
    def isa(self) -> tuple[str, ...]:
        """The chain of kernel variants, best first, always ends in "c"."""
        if self.cmsis_nn is None:
            return self.board.isa
        first = next((i for i in (CmsisIsa.MVE, CmsisIsa.DSP)
                      if i.value.removeprefix("cmsis_") in self.board.isa), CmsisIsa.C)
        return (first.value, *self.board.isa)


HOST = Board(
    name="host", cpu="host", isa=("c",), compiler="cc",
    cflags=("-O3",), fpu=True, description="this machine, portable C kernels",
)

_TEXT = ("description", "parent", "cpu", "compiler", "optimize")
_LISTS = ("isa", "cflags")
_NUMBERS = ("flash", "ram", "clock_hz")
_SWITCHES = ("replace_cflags", "fpu")
_QEMU = ("program", "machine", "cpu", "linker")
_KEYS = (*_TEXT, *_LISTS, *_NUMBERS, *_SWITCHES, "qemu")
_MAX_PARENTS = 8


@dataclass(frozen=True)
class _File:
    """One board file as it stands; None: the parent decides."""

    parent: str | None
    description: str
    text: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, int]
    replace_cflags: bool
    fpu: bool | None
    qemu: Mapping[str, str]


def board_names() -> tuple[str, ...]:
    """The boards that come with edgeq, sorted; files with a leading underscore are only parents."""
    names = (path.stem for path in resource_dir("boards").glob("*.toml"))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def load_board(name: str) -> Board:
    """The board called `name`, or the one that the TOML file `name` describes.

    A parent is looked for beside its child's file first, then among edgeq's own boards.
    Raises UsageError for an unknown name, a damaged file, an unknown key or a wrong type.
    """
    path = _find(name, Path.cwd(), "board")
    chain = [_read(path)]
    while (parent := chain[-1].parent) is not None:
        if len(chain) == _MAX_PARENTS:
            raise UsageError(f"board {path}", f"more than {_MAX_PARENTS} parents, or a circle")
        path_of_parent = _find(parent, path.parent, f"parent of board {name}")
        chain.append(_read(path_of_parent))
    return _join(path.stem, path, chain)


def _find(name: str, beside: Path, where: str) -> Path:
    """The file of a board: a path, or a name among edgeq's own."""
    own = resource_dir("boards")
    if name.endswith(".toml"):
        path = beside / name
        if path.is_file():
            return path
        raise UsageError(where, f"no such file: {name}", fix="give a board name or a .toml file")
    for path in (beside / f"{name}.toml" if where.startswith("parent") else own / f"{name}.toml",
                 own / f"{name}.toml"):
        if name and "/" not in name and path.is_file():
            return path
    names = board_names()
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    fix = f"did you mean {close[0]}?" if close else "`edgeq boards` lists them"
    raise UsageError(where, f"there is no board {name!r}", allowed=", ".join(names), fix=fix)


def _read(path: Path) -> _File:
    """One file, its keys and types checked."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"board {path}", f"cannot be read: {error}") from error
    _check_keys(table, _KEYS, f"board {path}")
    qemu = table.get("qemu", {})
    if not isinstance(qemu, dict):
        raise UsageError(f"board {path}", "qemu is not a table", fix="write [qemu]")
    _check_keys(qemu, _QEMU, f"board {path}, [qemu]")
    where = f"board {path}"
    text = {key: _text(table, key, where) for key in _TEXT if key in table}
    switches = {key: _switch(table, key, where) for key in _SWITCHES if key in table}
    return _File(
        parent=text.get("parent"), description=text.get("description", ""), text=text,
        lists={key: _list(table, key, where) for key in _LISTS if key in table},
        numbers={key: _number(table, key, where) for key in _NUMBERS if key in table},
        replace_cflags=switches.get("replace_cflags", False), fpu=switches.get("fpu"),
        qemu={key: _text(qemu, key, f"{where}, [qemu]") for key in qemu},
    )


def _check_keys(table: Mapping[str, object], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            close = difflib.get_close_matches(key, allowed, n=1)
            fix = f"did you mean {close[0]}?" if close else ""
            raise UsageError(where, f"unknown key {key!r}", allowed=", ".join(allowed), fix=fix)


def _text(table: Mapping[str, object], key: str, where: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value:
        raise UsageError(where, f"{key} is {value!r}", allowed="a text that is not empty")
    return value


def _number(table: Mapping[str, object], key: str, where: str) -> int:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(where, f"{key} is {value!r}", allowed="a whole number, 0 or more")
    return value


def _switch(table: Mapping[str, object], key: str, where: str) -> bool:
    value = table[key]
    if not isinstance(value, bool):
        raise UsageError(where, f"{key} is {value!r}", allowed="true, false")
    return value


def _list(table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    value = table[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(where, f"{key} is {value!r}", allowed="a list of texts")
    return tuple(str(item) for item in value)


def _join(name: str, path: Path, chain: list[_File]) -> Board:
    """Child over parents: single values replace, cflags add up unless replace_cflags says no."""
    text: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, int] = {}
    qemu: dict[str, str] = {}
    for file in reversed(chain):
        before = () if file.replace_cflags else lists.get("cflags", ())
        text |= file.text
        lists |= file.lists
        lists["cflags"] = before + file.lists.get("cflags", ())
        numbers |= file.numbers
        qemu |= file.qemu
    for key, found in (("cpu", text), ("compiler", text), ("isa", lists)):
        if key not in found:
            raise UsageError(f"board {path}", f"no {key}", fix=f"add `{key} = ...`")
    isa = lists["isa"]
    if not isa or isa[-1] != "c":
        raise UsageError(f"board {path}", f"isa is {list(isa)}", allowed='a list that ends in "c"')
    board = Board(
        name=name, cpu=text["cpu"], isa=isa, compiler=text["compiler"],
        cflags=(text.get("optimize", "-O2"), *lists["cflags"]),
        flash=numbers.get("flash", 0), ram=numbers.get("ram", 0),
        clock_hz=numbers.get("clock_hz", 0),
        fpu=next((file.fpu for file in chain if file.fpu is not None), False),
        description=chain[0].description,
    )
    return replace(board, qemu=_qemu(qemu, board, path)) if qemu else board


def _qemu(keys: Mapping[str, str], board: Board, path: Path) -> Qemu:
    programs = ("qemu-system-arm", "qemu-arm", "qemu-aarch64")
    where = f"board {path}, [qemu]"
    if keys.get("program") not in programs:
        raise UsageError(where, f"program is {keys.get('program')!r}", allowed=", ".join(programs))
    needed = ("machine", "linker") if board.bare_metal else ("cpu",)
    for key in needed:
        if key not in keys:
            raise UsageError(where, f"no {key}", fix=f"add `{key} = ...`")
    return Qemu(keys["program"], keys.get("machine", ""), keys.get("cpu", ""),
                keys.get("linker", ""))
