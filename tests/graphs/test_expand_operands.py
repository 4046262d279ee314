"""Operands that repeat over one another are written out: LiteRT's bytes, and the C code's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_int
from edgeq.ops.expand import Expand
from edgeq.passes import simplify
from edgeq.readers import read

PAIRS = [((1, 3, 1, 7), (1, 1, 5, 7), 1), ((1, 1, 6, 1), (4,), 1), ((1, 2, 1, 1), (1, 1, 3, 5), 1),
         ((1, 2, 1, 3), (1, 1, 4, 1), 1), ((1, 2, 3, 4), (1, 2, 1, 4), 1),
         ((1, 2, 3, 4), (1, 1, 3, 1), 0), ((1, 2, 3, 4), (4,), 0)]
KINDS = {"ADD": schema.AddOptionsT, "MUL": schema.MulOptionsT, "MAXIMUM": None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(("a", "b", "expands"), PAIRS)
def test_two_sided(kind: str, a: tuple[int, ...], b: tuple[int, ...], expands: int, constant: bool,
                   tmp_path: Path, native: Native) -> None:
    rng = np.random.default_rng(0)
    xa, xb = (rng.integers(-128, 128, s).astype(np.int8) for s in (a, b))
    scales = (0.1, 0.1, 0.1) if kind == "MAXIMUM" else (0.1, 0.07, 0.15)
    zeros = (3, 3, 3) if kind == "MAXIMUM" else (3, -9, 5)
    values = (Value("a", a, scales[0], zeros[0]),
              Value("b", b, scales[1], zeros[1], xb if constant else None),
              Value("y", np.broadcast_shapes(a, b), scales[2], zeros[2]))
    make = KINDS[kind]
    model = single_op(kind, values[:2], values[2:], make() if make else None)
    path = tmp_path / "m.tflite"
    path.write_bytes(model)
    graph = simplify(read(path))
    assert sum(isinstance(op, Expand) for op in graph.ops) <= expands
    given = {"a": xa} if constant else {"a": xa, "b": xb}
    (want,) = Reference(model).run(*given.values())
    given = {name: x[None] if x.ndim == 1 else x for name, x in given.items()}  # a batch of one
    np.testing.assert_array_equal(run_int(graph, given)["y"], want)
    seen = dict(given)
    for op in graph.ops:  # the C code, operator by operator
        ins = [seen[n] for n in op.ins if n in seen]
        if op.is_view:
            seen[op.outs[0]] = ins[0].reshape(graph.tensor(op.outs[0]).shape)
        else:
            seen[op.outs[0]] = native.run(op, graph, *ins)[0]
    np.testing.assert_array_equal(seen["y"], want)


def test_batches_expand_too() -> None:
    x = np.arange(12).reshape(2, 1, 6, 1)
    op = Expand(name="e", ins=("x",), outs=("y",), to=(1, 3, 6, 2))
    (y,) = op.run(x.astype(np.float32))
    np.testing.assert_array_equal(y, np.broadcast_to(x, (2, 3, 6, 2)))
