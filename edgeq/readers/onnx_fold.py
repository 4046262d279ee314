"""Nodes on constants are computed while reading: shape arithmetic, weights made of weights."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir import Array
from edgeq.readers.onnx_file import RawModel, RawNode

LARGEST = 1 << 24  # values of one computed constant
_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike",
           "Multinomial", "Bernoulli")


def fold(model: RawModel, raw: RawNode, values: Mapping[str, Array]) -> tuple[Array, ...] | None:
    """What `raw` gives on constant inputs; None where ONNX's reference cannot compute it.

    Float results are float32. Raises UnsupportedError where a result would be too large.
    """
    from onnx import NodeProto, helper
    from onnx.reference import ReferenceEvaluator

    if raw.kind in _RANDOM or raw.proto is None:
        return None
    _check_size(raw, values)
    node = NodeProto()
    node.CopyFrom(raw.proto)
    del node.input[:]
    node.input.extend(raw.ins)
    names = [n for n in dict.fromkeys(raw.ins) if n]
    graph = helper.make_graph(
        [node], "constant",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(values[n].dtype), None)
         for n in names],
        [helper.make_empty_tensor_value_info(n) for n in raw.outs if n])
    proto = helper.make_model(graph, opset_imports=list(model.proto.opset_import))
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(proto).run(None, {n: values[n] for n in names})
    except Exception:  # the reference implementation raises whatever its numpy code does
        return None
    if not all(isinstance(v, np.ndarray | np.generic) for v in found):
        return None
    arrays = [np.asarray(v) for v in found]
    return tuple(a.astype(np.float32) if a.dtype in (np.float16, np.float64) else a
                 for a in arrays)


def _check_size(raw: RawNode, values: Mapping[str, Array]) -> None:
    """Refuse a result whose size the inputs already show to be too large."""
    ins = [values.get(n) for n in raw.ins]
    size = max((a.size for a in ins if a is not None), default=0)
    last = ins[-1] if ins else None
    if last is not None and last.dtype.kind in "iu":
        sizes = [abs(int(v)) for v in last.reshape(-1)[:16].tolist()]
        if raw.kind in ("ConstantOfShape", "Expand", "Reshape"):
            size = max(size, prod(sizes))
        if raw.kind == "Tile":
            size *= prod(sizes)
    if raw.kind == "Range" and len(ins) == 3 and all(a is not None and a.size == 1 for a in ins):
        start, stop, step = (float(a.reshape(-1)[0]) for a in ins if a is not None)
        size = int(abs((stop - start) / step)) if step and np.isfinite(stop - start) else 0
    if raw.kind in ("Pad", "OneHot", "Resize", "Upsample") and len(ins) > 1:
        sizing = ins[1:] if raw.kind in ("Resize", "Upsample") else ins[1:2]
        counts = [a for a in sizing if a is not None and a.size]
        size += int(min(max((np.abs(a.astype(np.float64)).max() for a in counts), default=0),
                        1e12)) * max(1, size)
    if size > LARGEST:
        raise UnsupportedError(raw.place, f"a constant of {size} values",
                               f"at most {LARGEST}", "fold constants before export")
