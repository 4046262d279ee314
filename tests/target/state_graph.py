"""A graph of every operator with a state: its runs are the steps of a sequence."""

from __future__ import annotations

import numpy as np
from operator_builder import Builder, params

from edgeq.ir import Graph, State, Tensor
from edgeq.ops.gather import Transpose
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.reshape import Reshape
from edgeq.ops.rnn import Rnn
from edgeq.ops.shift import Shift
from edgeq.ops.svdf import Svdf
from edgeq.quant import quantize
from edgeq.recipe import Recipe
from edgeq.streaming import StreamOptions, stream

STEP, IN_C, UNITS = 2, 5, 18  # frames a step, their channels, the length of a layer's state
SVDF_UNITS, RANK, MEMORY, WINDOW = 5, 2, 6, 5


def every_state() -> Graph:
    """Recurrent layers, windows and SVDF layers that read x (1, STEP, IN_C)."""
    layers = stream(recurrent_layers(), StreamOptions(hop=STEP)).graph
    b = Builder()
    b.tensors |= layers.tensors
    windows, seen = list[State](), list[str]()
    for axis, shape in ((1, (1, WINDOW, IN_C)), (2, (1, STEP, IN_C + WINDOW))):
        kept = b.tensor(f"window{axis}", shape, b.tensors["x"].params)
        windows.append(State(kept, b.add(Shift, (kept, "x"), axis=axis)))
        seen.append(b.add(Transpose, (windows[-1].result,), perm=(0, 2, 1)))
    flat = b.add(Reshape, ("x",), to=(1, STEP * IN_C))
    svdf = [svdf_layer(b, flat, f"svdf{i}", narrow=bool(i)) for i in range(2)]
    return Graph(b.tensors, (*layers.ops, *b.ops), ("x",),
                 (*layers.outs, *seen, *(s.result.removesuffix("_1") for s in svdf)), "states",
                 states=(*layers.states, *windows, *svdf))


def recurrent_layers() -> Graph:
    """A layer of each kind, and a GRU that resets before its product, over a whole sequence."""
    rng, ops = np.random.default_rng(6), list[Recurrent]()
    tensors = {"x": Tensor("x", (1, 12, IN_C))}
    for name, kind in (("lstm", Lstm), ("gru", Gru), ("early", Gru), ("rnn", Rnn)):
        rows, more = kind.gates * UNITS, {"reset_first": name == "early"} if kind is Gru else {}
        shapes = {"w": (rows, IN_C), "r": (rows, UNITS), "b": (rows,)}
        if kind is Gru:
            shapes["c"] = (rows,)
        ins = tuple(f"{name}_{n}" for n in shapes)
        tensors |= {n: Tensor(n, shape, rng.normal(0, 0.4, shape).astype(np.float32))
                    for n, shape in zip(ins, shapes.values(), strict=True)}
        tensors[name] = Tensor(name, (1, 12, UNITS))
        ops.append(kind(name=f"{name}_layer", ins=("x", *ins), outs=(name,), **more))
    x = rng.normal(0, 1, (16, 12, IN_C)).astype(np.float32)
    graph = Graph(tensors, tuple(ops), ("x",), ("lstm", "gru", "early", "rnn"))
    return quantize(graph, x, Recipe(rollback=False)).graph


def svdf_layer(b: Builder, x: str, name: str, *, narrow: bool) -> State:
    """An SVDF layer of `x`; a `narrow` one wraps its new values around as files of 8 bits do."""
    filters, high = SVDF_UNITS * RANK, 127 if narrow else 32767
    state, times = (0.5, 0.01) if narrow else (0.02, 4e-5)  # sums stay within 32 bits
    in_c = b.tensors[x].shape[1]

    def const(key: str, shape: tuple[int, ...], scale: float, most: int, bits: int) -> str:
        kind = {8: np.int8, 16: np.int16, 32: np.int32}[bits]
        return b.tensor(f"{name}_{key}", shape, params(scale, 0, bits),
                        b.rng.integers(-most, most + 1, shape).astype(kind))

    source = b.tensor(f"{name}_state", (1, filters * MEMORY), params(state, 0, 16))
    ins = (x, source, const("f", (filters, in_c), 0.05, 127, 8),
           const("t", (filters, MEMORY), times, high, 16),
           const("b", (SVDF_UNITS,), state * times, 500, 32))
    made = b.add(Svdf, ins, params(1.5, -3), rank=RANK, narrow=narrow,
                 state_zero=25 if narrow else 0)
    b.tensors[f"{made}_1"] = Tensor(f"{made}_1", (1, filters * MEMORY), None,
                                    b.tensors[source].params)
    return State(source, f"{made}_1")
