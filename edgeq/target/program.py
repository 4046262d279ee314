"""One small C program on a board: files in, a file out, instructions counted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeq.board import Board
from edgeq.errors import ToolchainError
from edgeq.target.counts import Section, read_counts
from edgeq.target.qemu import run_image
from edgeq.target.toolchain import CompileJob, build_image, port_dir


@dataclass(frozen=True, eq=False)
class ProgramResult:
    """What a program left behind.

    `sections` has one entry for every EQ_COUNT_LAYER or EQ_COUNT_STOP that was reached between
    EQ_COUNT_START and EQ_COUNT_STOP; `instructions` is their sum, None when not counted.
    """

    output: bytes  # the file `out_name`; empty when the program made none
    text: str  # what it printed
    instructions: int | None
    sections: tuple[Section, ...]


def run_program(
    board: Board,
    sources: Sequence[Path],
    *,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    cflags: Sequence[str] = (),
    files_in: Mapping[str, bytes] | None = None,
    out_name: str = "out.bin",
    count: bool = False,
    compiler: str | None = None,
    timeout: float = 60.0,
) -> ProgramResult:
    """Compiles `sources` for `board`, runs them, and returns the file that they wrote.

    The program defines `int eq_main(void)` and includes "eq_port.h" (its folder, and the
    runtime's include/, are on the include path): `eq_port_load("in.bin", buffer, size)`,
    `eq_port_save("out.bin", buffer, size)`, EQ_COUNT_START() and EQ_COUNT_STOP().
    `files_in` are put into the program's folder first. All sources are compiled with
    `toolchain.WARNINGS` as errors. `count` loads the instruction counter (exact, repeatable;
    not on the host board). `compiler="clang"` replaces the board's compiler for the sources.
    `timeout` in seconds. Raises ToolchainError when a tool is missing, compilation fails, or
    the program ends with another exit code than 0 (99: fault, 98: file) or hangs.
    """
    runtime = port_dir().parent / "include"
    job = CompileJob(tuple(sources), (*include_dirs, port_dir(), runtime), tuple(defines),
                     tuple(cflags), compiler)
    return run_jobs(board, (job,), files_in or {}, out_name, count, timeout)


def run_jobs(board: Board, jobs: Sequence[CompileJob], files_in: Mapping[str, bytes],
             out_name: str, count: bool, timeout: float) -> ProgramResult:
    """`run_program` for sources that are not all compiled alike."""
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        folder = Path(name)
        image = build_image(board, jobs, folder)
        for file, content in files_in.items():
            (folder / file).write_bytes(content)
        counts = folder / "counts.txt" if count and board.qemu is not None else None
        run = run_image(board, image.elf, folder, timeout, counts)
        if run.exit_code != 0:
            raise ToolchainError(f"running for {board.name}",
                                 f"exit code {run.exit_code}; it printed: {run.text[-2000:]}")
        out = folder / out_name
        sections = read_counts(counts) if counts is not None else ()
        total = sum(s.instructions for s in sections) if counts is not None else None
        return ProgramResult(out.read_bytes() if out.is_file() else b"", run.text, total, sections)
