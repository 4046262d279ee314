"""Executed instructions of one inference: in total, by layer, by kind, by function."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Board
from edgeq.errors import ToolchainError, UsageError
from edgeq.target.costs import costs_of, estimate_cycles
from edgeq.target.disassembly import Instruction, Kind, disassemble, unknown
from edgeq.target.folder import build_library, run_library
from edgeq.target.library import Library, read_library
from edgeq.target.sizes import Sizes, image_sizes


@dataclass(frozen=True, eq=False)
class LayerProfile:
    """One layer: what EQ_LAYER_DONE closes."""

    name: str
    kernel: str
    macs: int
    instructions: int  # exact and repeatable
    cycles: float | None  # an ESTIMATE (costs.py); None for a core without a cost model
    kinds: Mapping[Kind, int]  # executed instructions of each kind
    functions: Mapping[str, int]  # executed instructions in each C function, most first

    @property
    def per_mac(self) -> float | None:
        return self.instructions / self.macs if self.macs else None


@dataclass(frozen=True, eq=False)
class Profile:
    """One inference on a board."""

    board: str
    instructions: int  # all of <name>_run
    cycles: float | None  # an estimate
    layers: tuple[LayerProfile, ...]
    outside: int  # instructions before the first and after the last layer's mark
    stack_used: int | None  # bytes, measured; Cortex-M only
    sizes: Sizes

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def profile_folder(folder: Path, board: Board,
                   inputs: Sequence[NDArray[np.signedinteger]] | None = None, *,
                   compiler: str | None = None, timeout: float = 600.0) -> Profile:
    """The profile of one inference of the library in `folder`.

    `inputs` holds one array (1, elements...) for each model input; by default a fixed
    pseudo-random sample. Raises UsageError for a folder that is no library and for a board
    without an emulator, ToolchainError when a tool is missing or the program fails.
    """
    library = read_library(folder)
    if board.qemu is None:
        raise UsageError(f"board {board.name}", "instructions are counted under QEMU only",
                         "a board with a [qemu] table", "name one with --board")
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        work = Path(name)
        image = build_library(library, board, work, marks=True, compiler=compiler)
        sample = tuple(inputs) if inputs is not None else _sample(library)
        run = run_library(library, board, image, work, sample, timeout, count=True)
        program = {a: unknown(a) for section in run.sections for a in section.times}
        program |= disassemble(board, image.elf)
        sizes = image_sizes(image, board, library.compiled, f"{library.name}_run", program)
    marks = [section.times for section in run.sections if section.layer]
    if len(marks) != len(library.layers):
        raise ToolchainError(f"profile of {library.name}",
                             f"{len(marks)} layer marks for {len(library.layers)} layers",
                             fix="build the folder again with this version of edgeq")
    layers = tuple(_layer(library, i, times, board, program) for i, times in enumerate(marks))
    rest = sum((s.times for s in run.sections if not s.layer), Counter[int]())
    return Profile(
        board.name, sum(s.instructions for s in run.sections),
        _cycles(board, program, sum(marks, rest)), layers, rest.total(), run.stack_used, sizes)


def _sample(library: Library) -> tuple[NDArray[np.signedinteger], ...]:
    """One fixed input in the whole range of its type."""
    lead = (1, 1) if library.stateful else (1,)
    rng = np.random.default_rng(0)
    return tuple(
        rng.integers(-(1 << (p.bits - 1)), 1 << (p.bits - 1), (*lead, *p.shape)).astype(p.dtype)
        for p in library.inputs)


def _cycles(board: Board, program: Mapping[int, Instruction], times: Counter[int]
            ) -> float | None:
    costs = costs_of(board.cpu)
    return None if costs is None else estimate_cycles(costs, program, times)


def _layer(library: Library, index: int, times: Counter[int], board: Board,
           program: Mapping[int, Instruction]) -> LayerProfile:
    kinds: Counter[Kind] = Counter()
    functions: Counter[str] = Counter()
    for address, count in times.items():
        kinds[program[address].kind] += count
        functions[program[address].function] += count
    return LayerProfile(
        library.layers[index], library.kernels[index], library.macs[index], times.total(),
        _cycles(board, program, times), dict(kinds.most_common()), dict(functions.most_common()))
