"""One operator against the rest: alone in integers, and alone in float among integers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeq.ir import FloatArray, Graph, IntArray, Tensor
from edgeq.layers import act_of, is_mac, mac_view, without_act
from edgeq.ops.base import Op
from edgeq.ops.mac import apply_act
from edgeq.quant.bias_correct import channel_mean, shifted_bias
from edgeq.quant.params import fake_quantize
from edgeq.quant.simulate import simulate_on
from edgeq.quant.weights import quantize_bias
from edgeq.run_op import run_integers, run_real

Values = Mapping[str, FloatArray]


def is_corrected(real: Graph, ints: Graph, op: Op) -> bool:
    """Whether the bias of the layer `op` is another one than its float bias, rounded."""
    if not is_mac(op):
        return False
    q = ints.tensor(op.ins[2]).params
    plain = quantize_bias(mac_view(real, op).bias, q)
    return not np.array_equal(plain, ints.integers(op.ins[2]))


def for_float_inputs(real: Graph, ints: Graph, op: Op, floats: Values) -> Graph:
    """`ints` with the bias of `op` corrected for the float inputs, where it was corrected.

    The bias of a corrected layer makes up for the mean errors of the layers before it as well.
    Behind float inputs there are none, and what was meant for them would count as an error.
    """
    if not is_corrected(real, ints, op):
        return ints
    bare = without_act(mac_view(real, op).op)
    weight, bias = (_real(ints.tensor(n)) for n in op.ins[1:3])
    x = fake_quantize(floats[op.ins[0]], ints.tensor(op.ins[0]).params)
    (want,) = bare.run(floats[op.ins[0]], *_constants(real, op))
    (got,) = bare.run(x, weight, bias)
    return ints.with_tensors(shifted_bias(ints, op, channel_mean(want) - channel_mean(got)))


def alone(ints: Graph, op: Op, floats: Values) -> dict[str, FloatArray]:
    """The outputs of `op` in integer arithmetic on the float inputs, as reals (leave one in)."""
    def operand(name: str) -> IntArray:
        tensor = ints.tensor(name)
        return tensor.params.quantize(floats[name]) if tensor.data is None else (
            tensor.data)  # type: ignore[return-value]

    outs = run_integers(ints, op, [operand(n) for n in op.ins])
    return {n: ints.tensor(n).params.dequantize(q) for n, q in zip(op.outs, outs, strict=True)}


def all_but(real: Graph, ints: Graph, index: int, floats: Values, coded: Values,
            out: str) -> FloatArray:
    """The value of `out` with every operator in integers but `index`, which is not rounded.

    `coded` holds the real values of the integer run. A layer whose bias was corrected keeps the
    mean of the float network here, as it did there (leave one out).
    """
    op = real.ops[index]
    inputs = [coded.get(n, real.tensor(n).data) for n in op.ins]
    if is_corrected(real, ints, op):
        bare = without_act(mac_view(real, op).op)
        (want,) = bare.run(floats[op.ins[0]], *_constants(real, op))
        (got,) = bare.run(coded[op.ins[0]], *_constants(real, op))
        shift = (channel_mean(want) - channel_mean(got)).astype(np.float32)
        outs: tuple[FloatArray, ...] = (apply_act(got + shift, act_of(op)),)
    else:
        outs = run_real(real, op, inputs)  # type: ignore[arg-type]
    return simulate_on(ints, index, coded, dict(zip(op.outs, outs, strict=True)), out)


def _constants(real: Graph, op: Op) -> tuple[FloatArray, FloatArray]:
    view = mac_view(real, op)
    return view.weight, view.bias


def _real(tensor: Tensor) -> FloatArray:
    assert tensor.data is not None
    return tensor.params.dequantize(tensor.data)  # type: ignore[arg-type]
