"""Instructions an output value of the operators without weights: portable C against the variants.

    PYTHONPATH=tests python -m bench.operators [BOARD ...]

One graph holds every operator once; it is built for the board as it is and with the portable
kernels alone, and profiled. Prints the table of docs/operator-costs.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgeq.board import Board, Optimize, Target, load_board
from edgeq.emit import EmitOptions, emit
from edgeq.folder import write
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.lower import lower
from edgeq.ops.activations import Logistic
from edgeq.ops.base import Op, Shape
from edgeq.ops.concat import Concat
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.minmax import MinMax
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Mean
from edgeq.ops.requantize import Requantize
from edgeq.ops.softmax import Softmax
from edgeq.target import profile_folder

BOARDS = ("cortex-m55", "cortex-m4", "cortex-m3", "cortex-m0plus")
MAP = (1, 16, 16, 32)


@dataclass(frozen=True)
class Case:
    """One operator over inputs of these shapes and (scale, zero); the last pair is the output's."""

    title: str
    op: Op
    shapes: tuple[Shape, ...]
    params: tuple[tuple[float, int], ...]
    constant: bool = False  # the second input is one

    def tensors(self) -> dict[str, Tensor]:
        """The tensors around the operator."""
        rng = np.random.default_rng(1)
        (out,) = self.op.shape(*self.shapes)
        found = {}
        names = (*self.op.ins, *self.op.outs)
        for i, (name, shape) in enumerate(zip(names, (*self.shapes, out), strict=True)):
            scale, zero = self.params[i]
            data = None
            if self.constant and i == 1:
                data = rng.integers(-128, 128, shape).astype(np.int8)
            found[name] = Tensor(name, shape, data,
                                 QuantParams(np.float64(scale), np.int32(zero)))
        return found


def _names(name: str, count: int = 1) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return name, tuple(f"{name}_{i}" for i in range(count)), (f"{name}_y",)


def cases() -> Iterator[Case]:
    """Every operator in its usual shapes."""
    a, b, y = (0.05, 3), (0.02, -5), (0.04, -10)
    name, ins, outs = _names("add", 2)
    yield Case("add", Add(name=name, ins=ins, outs=outs), (MAP, MAP), (a, b, y))
    name, ins, outs = _names("add_const", 2)
    yield Case("add, constant a channel", Add(name=name, ins=ins, outs=outs), (MAP, (32,)),
               (a, b, y), constant=True)
    name, ins, outs = _names("sub", 2)
    yield Case("sub", Sub(name=name, ins=ins, outs=outs), (MAP, MAP), (a, b, y))
    name, ins, outs = _names("mul", 2)
    yield Case("mul", Mul(name=name, ins=ins, outs=outs), (MAP, MAP), (a, b, y))
    name, ins, outs = _names("mul_channel", 2)
    yield Case("mul, a value a channel", Mul(name=name, ins=ins, outs=outs),
               (MAP, (1, 1, 1, 32)), (a, b, y))
    name, ins, outs = _names("mul_pixel", 2)
    yield Case("mul, a value a pixel", Mul(name=name, ins=ins, outs=outs),
               (MAP, (1, 16, 16, 1)), (a, b, y))
    name, ins, outs = _names("max", 2)
    yield Case("maximum", MinMax(name=name, ins=ins, outs=outs, is_max=True), (MAP, MAP),
               (a, a, a))
    name, ins, outs = _names("max_mixed", 2)
    yield Case("maximum, one requantized", MinMax(name=name, ins=ins, outs=outs, is_max=True),
               (MAP, MAP), (a, b, a))
    name, ins, outs = _names("prelu", 2)
    yield Case("prelu", PRelu(name=name, ins=ins, outs=outs), (MAP, (32,)), (a, b, a),
               constant=True)
    name, ins, outs = _names("sigmoid")
    yield Case("lookup table", Logistic(name=name, ins=ins, outs=outs), (MAP,),
               (a, (1 / 256, -128)))
    name, ins, outs = _names("requantize")
    yield Case("requantize", Requantize(name=name, ins=ins, outs=outs), (MAP,), (a, b))
    for c in (10, 100):
        name, ins, outs = _names(f"softmax{c}")
        yield Case(f"softmax, 12 rows of {c}", Softmax(name=name, ins=ins, outs=outs),
                   ((1, 12, c),), (a, (1 / 256, -128)))
    for c in (3, 32):
        name, ins, outs = _names(f"pad{c}")
        yield Case(f"pad by 1, depth {c}",
                   Pad(name=name, ins=ins, outs=outs, pads=((0, 0), (1, 1), (1, 1), (0, 0))),
                   ((1, 16, 16, c),), (a, a))
    for title, params in (("concatenation", (a, a, a)), ("concatenation, requantized", (a, b, y))):
        name, ins, outs = _names("concat" if params[0] == params[1] else "concat_mixed", 2)
        yield Case(f"{title}, 24 + 8 channels", Concat(name=name, ins=ins, outs=outs, axis=3),
                   ((1, 16, 16, 24), (1, 16, 16, 8)), params)
    for k, stride in ((2, 2), (3, 2)):
        for kind, pool in (("max", MaxPool), ("average", AveragePool)):
            name, ins, outs = _names(f"{kind}pool{k}")
            yield Case(f"{kind} pool {k}x{k}, stride {stride}",
                       pool(name=name, ins=ins, outs=outs, kernel=(k, k),
                            stride=(stride, stride)), (MAP,), (a, a))
    name, ins, outs = _names("average_global")
    yield Case("average pool 16x16", AveragePool(name=name, ins=ins, outs=outs, kernel=(16, 16)),
               (MAP,), (a, a))
    name, ins, outs = _names("mean")
    yield Case("mean of 16x16", Mean(name=name, ins=ins, outs=outs, axes=(1, 2), keep_dims=False),
               (MAP,), (a, y))


@dataclass(frozen=True)
class Cost:
    """What one operator takes for one output value."""

    kernel: str
    instructions: float
    cycles: float


def costs(found: tuple[Case, ...], board: Board, *, portable: bool) -> dict[str, Cost]:
    """By name of the operator; profiled in one program."""
    tensors = {n: t for case in found for n, t in case.tensors().items()}
    ops = tuple(case.op for case in found)
    ins = tuple(n for op in ops for n in op.ins if not tensors[n].is_const)
    graph = Graph(tensors, ops, ins, tuple(n for op in ops for n in op.outs), "operators")
    chosen = replace(board, isa=("c",)) if portable else board
    with tempfile.TemporaryDirectory(prefix="edgeq-operators-") as folder:
        files = emit(lower(graph, Target(chosen, Optimize.BALANCED)), EmitOptions(host_twin=False))
        write(files, Path(folder) / "library")
        layers = profile_folder(Path(folder) / "library", board).layers
    made = {}
    for op in ops:
        own = [p for p in layers if p.name.removesuffix("_0").removesuffix("_1") == op.name]
        size = tensors[op.outs[0]].size
        made[op.name] = Cost(own[0].kernel, sum(p.instructions for p in own) / size,
                             sum(p.cycles or 0.0 for p in own) / size)
    return made


def main(boards: tuple[str, ...]) -> None:
    """Print the table as Markdown."""
    found = tuple(cases())
    columns = {name: [costs(found, load_board(name), portable=p) for p in (True, False)]
               for name in boards}
    print(f"| operator | {' | '.join(boards)} |")
    print(f"|---|{'--:|' * len(boards)}")
    for case in found:
        cells = []
        for name in boards:
            plain, own = (c[case.op.name] for c in columns[name])
            cells.append(f"{plain.instructions:.2f} ({plain.cycles:.2f})"
                         if own.kernel == plain.kernel else
                         f"{plain.instructions:.2f} ({plain.cycles:.2f}) → "
                         f"**{own.instructions:.2f}** ({own.cycles:.2f})")
        print(f"| {case.title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or BOARDS)
