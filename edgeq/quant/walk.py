"""The float graph and its integer graph run side by side over the samples, operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.ops.base import Op
from edgeq.quant.params import fake_quantize
from edgeq.quant.simulate import constants
from edgeq.run_op import run_real


@dataclass(frozen=True, eq=False)
class Visited:
    """What a visitor made of one operator."""

    changed: tuple[Tensor, ...] = ()  # constants of the integer graph, new from here on
    outs: tuple[FloatArray, FloatArray] | None = None  # (float, quantized before rounding), if run


# visit(operator of the float graph, integer graph so far, its float inputs, its quantized inputs);
# constants are inputs, too, those of the integer graph as reals
Visit = Callable[[Op, Graph, list[FloatArray], list[FloatArray]], Visited]


def walk(real: Graph, quantized: Graph, samples: Sequence[FloatArray], visit: Visit,
         on_layer: Callable[[int], None] = lambda i: None) -> Graph:
    """`quantized` with what `visit` changed; later operators see the changes of earlier ones.

    `real` is the float graph of `quantized`, `samples` one array (n, ...) for each input.
    """
    const = constants(quantized)
    last = {name: i for i, op in enumerate(real.ops) for name in op.ins}
    floats: dict[str, FloatArray] = dict(zip(real.ins, samples, strict=True))
    ints = {n: fake_quantize(x, quantized.tensor(n).params) for n, x in floats.items()}
    for i, op in enumerate(real.ops):
        f_in = [_value(real, floats, n) for n in op.ins]
        seen = visit(op, quantized, f_in, [const[n] if n in const else ints[n] for n in op.ins])
        if seen.changed:
            quantized = quantized.with_tensors(*seen.changed)
            const |= {t.name: t.params.dequantize(t.data)  # type: ignore[arg-type]
                      for t in seen.changed}
        if seen.outs is None:
            f_outs = run_real(real, op, f_in)
            q_outs = run_real(real, op, [const[n] if n in const else ints[n] for n in op.ins])
        else:
            f_outs, q_outs = (seen.outs[0],), (seen.outs[1],)
        for name, f_out, q_out in zip(op.outs, f_outs, q_outs, strict=True):
            floats[name] = f_out
            ints[name] = fake_quantize(q_out, quantized.tensor(name).params)
        for name in (*op.ins, *op.outs):
            if last.get(name, -1) <= i:
                floats.pop(name, None)
                ints.pop(name, None)
        on_layer(i)
    return quantized


def _value(g: Graph, values: Mapping[str, FloatArray], name: str) -> FloatArray:
    data = g.tensor(name).data
    return values[name] if data is None else data  # type: ignore[return-value]
