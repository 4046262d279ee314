"""Flash and RAM of a generated library, from the linker's map; the stack, from the code."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeq.board import Board
from edgeq.target.disassembly import Instruction, disassemble
from edgeq.target.folder import build_library
from edgeq.target.library import read_library
from edgeq.target.stack import stack_bound
from edgeq.target.toolchain import Image

_INPUT_SECTION = re.compile(
    r"^ (\.[\w.$-]+|COMMON)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Sizes:
    """Bytes of one generated library, as linked (unused functions are gone).

    `support` is what the image holds of the C library and libgcc because the library needs it;
    None where an operating system's C library comes along anyway. `image_flash` and `image_ram`
    are the whole test image with startup, semihosting and main: None under an operating system.
    `stack` bounds what <name>_run and all it calls take; None when it is unknown (recursion,
    a call through a pointer, a frame of variable size, the host board).
    """

    code: int
    const: int  # tables and weights
    data: int
    bss: int
    support: int | None
    image_flash: int | None
    image_ram: int | None
    stack: int | None

    @property
    def flash(self) -> int:
        """Code, constants, initialized data and what they need of the C library."""
        return self.code + self.const + self.data + (self.support or 0)


@dataclass(frozen=True)
class _Piece:
    """One input section in the image."""

    section: str
    size: int
    file: str


def measure_folder(folder: Path, board: Board, *, compiler: str | None = None) -> Sizes:
    """The sizes of the library in `folder` compiled for `board`; no emulator is needed.

    Raises UsageError for a folder that is no library, ToolchainError when compiling fails.
    """
    library = read_library(folder)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        image = build_library(library, board, Path(name), marks=False, compiler=compiler)
        program = disassemble(board, image.elf) if board.qemu is not None else {}
        return image_sizes(image, board, library.compiled, f"{library.name}_run", program)


def image_sizes(image: Image, board: Board, own: int, root: str,
                program: Mapping[int, Instruction]) -> Sizes:
    """The sizes of the first `own` objects of `image`; the stack of function `root`.

    `program` is the disassembly of `image`; empty: the stack stays unknown.
    """
    pieces = tuple(_pieces(image.map.read_text(encoding="utf-8", errors="replace")))
    objects = {str(path) for path in image.objects[:own]}
    mine = [p for p in pieces if p.file in objects]
    support = [p for p in pieces if p.file.endswith(")")]
    bare = board.bare_metal
    return Sizes(
        code=_sum(mine, ".text"), const=_sum(mine, ".rodata"), data=_sum(mine, ".data"),
        bss=_sum(mine, ".bss", "COMMON"),
        support=_sum(support, ".text", ".rodata", ".data") if bare else None,
        image_flash=_sum(pieces, ".vectors", ".text", ".rodata", ".data") if bare else None,
        image_ram=_sum(pieces, ".data", ".bss", "COMMON") if bare else None,
        stack=stack_bound(program, image.objects, root),
    )


def _pieces(text: str) -> Iterable[_Piece]:
    """The input sections that were kept, in the order of the map."""
    kept = text.partition("\nLinker script and memory map\n")[2]
    for section, _, size, file in _INPUT_SECTION.findall(kept):
        yield _Piece(section, int(size, 16), file)


def _sum(pieces: Iterable[_Piece], *prefixes: str) -> int:
    return sum(p.size for p in pieces if any(
        p.section == prefix or p.section.startswith(f"{prefix}.") for prefix in prefixes))
