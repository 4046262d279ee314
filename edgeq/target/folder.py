"""A generated library on its board: run it on samples, byte for byte what the target computes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Board
from edgeq.errors import ToolchainError
from edgeq.target.counts import Section, read_counts
from edgeq.target.library import (
    Library,
    harness_source,
    library_jobs,
    pack_inputs,
    read_library,
    steps_of,
    unpack_outputs,
)
from edgeq.target.qemu import run_image
from edgeq.target.toolchain import CompileJob, Image, build_image, port_dir


@dataclass(frozen=True, eq=False)
class FolderRun:
    """What a library did on its board."""

    outputs: tuple[NDArray[np.signedinteger], ...]  # (n, *shape) for each output
    stack_used: int | None  # bytes below the caller of <name>_run, the most seen; Cortex-M only
    sections: tuple[Section, ...]  # empty unless counted


def run_folder(folder: Path, board: Board, inputs: Sequence[NDArray[np.signedinteger]], *,
               compiler: str | None = None, timeout: float = 600.0) -> FolderRun:
    """The outputs of the library in `folder` for integer samples, computed on `board`.

    `inputs` holds one array (n, elements...) of int8 or int16 for each model input, sequences
    (n, steps, elements...) for a library with a state.
    `timeout` in seconds for the whole run. Raises UsageError for a folder that is no library or
    inputs that do not fit, ToolchainError when a tool is missing or the program fails.
    """
    library = read_library(folder)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        work = Path(name)
        image = build_library(library, board, work, marks=False, compiler=compiler,
                              steps=steps_of(library, inputs[0]))
        return run_library(library, board, image, work, tuple(inputs), timeout)


def build_library(library: Library, board: Board, work: Path, *, marks: bool,
                  compiler: str | None = None, steps: int = 1) -> Image:
    """The library with a main program that loops over samples; its objects come first.

    One with a state is reset after every `steps` samples.
    """
    main = work / "main.c"
    main.write_text(harness_source(library, steps), encoding="utf-8")
    harness = CompileJob((main,), (library.folder / "include", port_dir()))
    return build_image(board, (*library_jobs(library, marks=marks, compiler=compiler), harness),
                       work)


def run_library(library: Library, board: Board, image: Image, work: Path,
                inputs: tuple[NDArray[np.signedinteger], ...], timeout: float,
                *, count: bool = False) -> FolderRun:
    """Runs an image of `build_library` in the folder `work`."""
    (work / "in.bin").write_bytes(pack_inputs(library, inputs))
    counts = work / "counts.txt" if count and board.qemu is not None else None
    run = run_image(board, image.elf, work, timeout, counts)
    if run.exit_code != 0:
        raise ToolchainError(f"running {library.name} for {board.name}",
                             f"exit code {run.exit_code}; it printed: {run.text[-2000:]}")
    try:
        outputs = unpack_outputs(library, (work / "out.bin").read_bytes(), len(inputs[0]),
                                 steps_of(library, inputs[0]))
    except ValueError as error:
        raise ToolchainError(f"running {library.name} for {board.name}",
                             f"it wrote too little output ({error})") from error
    stack = int.from_bytes((work / "stack.bin").read_bytes(), "little") or None
    return FolderRun(outputs, stack, read_counts(counts) if counts is not None else ())
