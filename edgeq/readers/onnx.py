"""ONNX files, float or quantized, as a Graph with channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeq import ops as operators
from edgeq.errors import EdgeqError, ModelError, UnsupportedError
from edgeq.ir import Array, Graph, Tensor
from edgeq.ops.base import (
    Integers,
    Op,
    SameAsInput,
    check_finite,
    check_limits,
    whole_numbers,
)
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.pool import Pool
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.resize import Resize
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.passes.fuse_masks import fuse_masks
from edgeq.passes.layout import channels_last
from edgeq.readers import (
    onnx_attention,
    onnx_choose,
    onnx_conv,
    onnx_einsum,
    onnx_logic,
    onnx_math,
    onnx_norm,
    onnx_products,
    onnx_quant,
    onnx_recurrent,
    onnx_resize,
    onnx_shapes,
)
from edgeq.readers.nearest import nearest
from edgeq.readers.onnx_file import (
    FIX,
    RawModel,
    RawNode,
    damage_is_model_error,
    inferred_shapes,
    inlined,
    load,
    parse,
)
from edgeq.readers.onnx_fold import fold
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.types import NO_OPTIONS, ReadOptions, Verdict

_TABLES: tuple[Mapping[str, Callable[[OnnxNode], None]], ...] = (
    onnx_attention.NODES, onnx_choose.NODES, onnx_conv.NODES, onnx_einsum.NODES, onnx_logic.NODES,
    onnx_math.NODES, onnx_norm.NODES, onnx_products.NODES, onnx_quant.NODES,
    onnx_recurrent.NODES, onnx_resize.NODES, onnx_shapes.NODES)
_ON_IMAGES = (Conv2D, DepthwiseConv2D, Pool, Recurrent, Resize, TransposeConv)


def read_onnx(path: Path, options: ReadOptions) -> Graph:
    """The graph of an .onnx file, batch 1, channels last; simplify it before use.

    Inputs and outputs whose axes were moved stand in `graph.moved`. Raises ModelError for a
    damaged file and UnsupportedError for the first node that has no translation.
    """
    return _graph(load(path, options), path.stem, options)


def read_onnx_bytes(blob: bytes, name: str) -> Graph:
    """The same for a model in memory."""
    return _graph(parse(blob, name, None, NO_OPTIONS), name, NO_OPTIONS)


def _graph(raw: RawModel, name: str, options: ReadOptions) -> Graph:
    with damage_is_model_error(raw.where):
        state = Reading(raw, options)
        for node in raw.nodes:
            state.step(node)
        graph = onnx_quant.settled(fuse_masks(channels_last(state.graph(name))))
        _check_whole(raw, graph)
        check_finite(graph)
        for op in graph.ops:
            check_limits(op, graph)
            check_batch(op, graph)
        return graph


def _check_whole(raw: RawModel, graph: Graph) -> None:
    """Raise UnsupportedError for an input of whole numbers that are not used as indices."""
    whole = whole_numbers(graph)
    for x in raw.ins:
        if x.dtype.kind in "ib" and x.dtype.itemsize > 1 and x.name not in whole and (
                x.name in graph.ins):
            raise UnsupportedError(f"input {x.name!r}", f"numbers of type {x.dtype}",
                                   "indices into a constant table", "feed real numbers")


def check_batch(op: Op, graph: Graph) -> None:
    """Raise UnsupportedError where an operator on images would get several at once."""
    shape = graph.tensor(op.ins[0]).shape if op.ins else ()
    if isinstance(op, _ON_IMAGES) and shape[:1] != (1,):
        raise UnsupportedError(f"{type(op).__name__} {op.name!r}", f"a fixed batch of {shape[0]}",
                               "a batch of 1, or an open one", "export with a batch of 1")


def node_kinds() -> tuple[str, ...]:
    """The ONNX operators that have a translation, sorted; nodes on constants may be any."""
    own = (name for cls in operators.OPS for name in cls.onnx_names)
    kinds = {*(kind for table in _TABLES for kind in table), *onnx_quant.WRITTEN_OUT, *own}
    return tuple(sorted(kinds))


def verdicts(path: Path, options: ReadOptions) -> tuple[Verdict, ...]:
    """A verdict for every node of the file, in order; raises ModelError for a damaged file."""
    raw = load(path, options)
    with damage_is_model_error(raw.where):
        state, shapes, holes = Reading(raw, options), inferred_shapes(raw), list[str]()
        found: dict[int, Verdict] = {}
        lost: dict[str, int] = {}  # tensors of unknown shape, and the node that gives none
        for node in raw.nodes:
            before = len(state.ops)
            try:
                state.step(node)
                made = ", ".join(dict.fromkeys(type(o).__name__ for o in state.ops[before:]))
                found[node.index] = _verdict(node, True, made or "computed while reading")
            except EdgeqError as error:
                behind = next(((n, lost[n]) for n in node.ins if n in lost), None)
                why = error if behind is None else state.unseen(node, *behind)
                found[node.index] = _verdict(node, False, str(why))
                for out in filter(None, node.outs):
                    if out in shapes:  # go on as if this were another model input
                        state.tensors[out] = Tensor(out, shapes[out])
                        holes.append(out)
                    else:
                        lost[out] = node.index if behind is None else behind[1]
        for index, note in _limits(state, tuple(holes), path.stem).items():
            if found[index].supported:
                found[index] = _verdict(raw.nodes[index], False, note)
        return tuple(found[node.index] for node in raw.nodes)


def _no_such(place: str, kind: str) -> UnsupportedError:
    return UnsupportedError(place, "edgeq has no such operator", nearest(kind, node_kinds()),
                            "replace the layer before export, or keep it outside the model")


def _verdict(node: RawNode, supported: bool, note: str) -> Verdict:
    return Verdict(node.index, node.name, node.kind, supported, note)


def _limits(state: Reading, holes: tuple[str, ...], name: str) -> dict[int, str]:
    """What the translated operators break, by node."""
    broken: dict[int, str] = {}
    owner = {name: node.index for node in state.raw.nodes for name in (node.name, *node.outs)}

    def blame(where: str, error: EdgeqError) -> None:
        base = where.split("'")[1 if "'" in where else 0].split("@")[0]
        steps = (base, base.split("/", 1)[-1], base.split("/", 1)[0], base.rsplit("/", 1)[0])
        index = next((owner[s] for s in steps if s in owner), len(state.raw.nodes) - 1)
        broken.setdefault(index, str(error))

    try:
        graph = fuse_masks(channels_last(state.graph(name, holes)))
        check_finite(graph)
    except EdgeqError as error:
        blame(error.where, error)
        return broken
    for op in graph.ops:
        try:
            check_limits(op, graph)
            check_batch(op, graph)
        except EdgeqError as error:
            blame(op.name, error)
    return broken


class Reading:
    """A file half read: the tensors and operators so far, in the file's axis order."""

    def __init__(self, raw: RawModel, options: ReadOptions) -> None:
        self.raw = raw
        self.known = (*(c.op for c in options.custom), *operators.OPS)
        self.tensors = {n: Tensor(n, a.shape, a) for n, a in raw.consts.items()}
        self.ops: list[Op] = []
        self.whole = {x.name for x in raw.ins if x.dtype.kind in "ib" and x.dtype != np.int8}
        for x in raw.ins:
            if x.dtype.kind not in "fib" and x.dtype != np.uint8:
                raise UnsupportedError(f"input {x.name!r}", f"numbers of type {x.dtype}",
                                       "float32, int8 and uint8 in a quantized model, integers",
                                       "feed real numbers")
            self.tensors[x.name] = Tensor(x.name, x.shape)

    def step(self, raw: RawNode) -> None:
        """Translate one node, or compute it where its inputs are constants."""
        if any(name in self.tensors for name in raw.outs if name) or not any(raw.outs):
            raise ModelError(raw.place, f"writes {raw.outs}", "new names", FIX)
        branch = self.branch(raw)
        if branch is not None:
            for inner in branch:
                self.step(inner)
            return
        for part in onnx_quant.written_out(raw):
            self._step(part)

    def branch(self, raw: RawNode) -> tuple[RawNode, ...] | None:
        """The nodes in the place of an If whose condition is known; None for other nodes."""
        known = self.tensors[raw.ins[0]].data if raw.ins and raw.ins[0] in self.tensors else None
        if raw.kind != "If" or known is None or known.size != 1:
            return None
        consts, nodes = inlined(raw, bool(known.reshape(-1)[0]))
        for name, data in consts.items():
            self.tensors[name] = Tensor(name, data.shape, data)
        return nodes

    def _step(self, raw: RawNode) -> None:
        for name in raw.ins:
            if name and name not in self.tensors:
                raise ModelError(raw.place, f"reads {name!r}, which no node before it gives",
                                 "nodes in execution order", FIX)
        if raw.kind != "DequantizeLinear":
            first = self.tensors[raw.ins[0]] if raw.ins and raw.ins[0] else None
            raw = self.in_one_world(raw)
            if self.computed(raw):
                self.keep_integers(raw, first)
                return
        node = OnnxNode(raw.name, raw.kind, raw.place, self.raw.opset, raw.ins, raw.outs,
                        raw.attrs, self.tensors, self.whole)
        self.translate(node)
        if missing := [n for n in raw.outs if n and n not in self.tensors]:
            raise UnsupportedError(raw.place, f"its output {missing[0]!r} is used", "the first "
                                   "output", "export in inference mode")
        self.ops += node.ops
        for op in node.ops:
            rule = op.rule()
            if isinstance(rule, Integers) or (isinstance(rule, SameAsInput)
                                              and op.ins[rule.index] in self.whole):
                self.whole.update(op.outs)

    def keep_integers(self, raw: RawNode, source: Tensor | None) -> None:
        """Where quantized weights were only transposed or reshaped, the result is quantized."""
        if source is None or source.q is None or source.q.bits > 16:
            return
        q, out = source.q, self.tensors[raw.outs[0]]
        if raw.kind == "Transpose" and q.axis is not None:
            rank = len(source.shape)
            perm = raw.attrs.get("perm") or tuple(reversed(range(rank)))
            assert isinstance(perm, tuple)
            q = replace(q, axis=perm.index(q.axis))
        elif raw.kind not in ("Transpose", "Identity") and (
                q.axis is not None or raw.kind not in ("Reshape", "Squeeze", "Unsqueeze",
                                                       "Flatten")):
            return
        assert out.data is not None
        self.tensors[out.name] = replace(out, data=q.quantize(out.data.astype(np.float64)), q=q)

    def in_one_world(self, raw: RawNode) -> RawNode:
        """`raw`, which reads quantized constants as reals where it is not quantized itself."""
        ins = [self.tensors[n] for n in raw.ins if n]
        if any(t.q is not None and not t.is_const for t in ins):
            return raw
        names = {}
        for t in ins:
            if t.data is not None and t.q is not None:
                names[t.name] = f"{t.name}/real"
                real = t.q.dequantize(t.data)  # type: ignore[arg-type]
                self.tensors[names[t.name]] = Tensor(names[t.name], t.shape, real)
        if not names:
            return raw
        return replace(raw, ins=tuple(names.get(n, n) for n in raw.ins))

    def translate(self, node: OnnxNode) -> None:
        """Put operators in the place of `node`."""
        for cls in self.known:
            if node.kind in cls.onnx_names:
                cls.from_onnx(node)
                return
        for table in _TABLES:
            if node.kind in table:
                table[node.kind](node)
                return
        raise _no_such(node.place, node.kind)

    def unseen(self, raw: RawNode, name: str, cause: int) -> UnsupportedError:
        """Why nothing is known of a node that reads `name`, lost with what node `cause` gives."""
        own = {kind for op in self.known for kind in op.onnx_names}
        if "." in raw.kind and raw.kind not in own.union(node_kinds()):  # nor on constants
            return _no_such(raw.place, raw.kind)
        return UnsupportedError(raw.place, f"not examined, for {name!r} has no known shape without "
                                f"node {cause}", "inputs of known shape",
                                f"see to node {cause}, then ask again")

    def computed(self, raw: RawNode) -> bool:
        """True where the node's results are known now: they join the constants."""
        if raw.kind in ("Shape", "Size") and raw.ins and raw.ins[0]:
            shape = np.array(self.tensors[raw.ins[0]].shape, np.int64)
            start, end = raw.attrs.get("start", 0), raw.attrs.get("end")
            results: tuple[Array, ...] | None = (
                shape[start:end] if raw.kind == "Shape" else np.array(shape.prod()),)
        else:
            values = self.constants(raw)
            results = None if values is None else fold(self.raw, raw, values)
        if results is None:
            return False
        for name, data in zip([n for n in raw.outs if n], results, strict=False):
            self.tensors[name] = Tensor(name, data.shape, data)
        return True

    def constants(self, raw: RawNode) -> Mapping[str, Array] | None:
        """The inputs by name, None where one of them is not a constant."""
        found: dict[str, Array] = {}
        for name in raw.ins:
            if name:
                data = self.tensors[name].data
                if data is None:
                    return None
                found[name] = data
        return found

    def graph(self, name: str, holes: tuple[str, ...] = ()) -> Graph:
        """All operators so far; `holes` are further inputs, for outputs of nodes without any."""
        outs = [n for n in self.raw.outs if not holes or n in self.tensors]
        for out in outs:
            if out not in self.tensors:
                raise ModelError(f"output {out!r}", "is never written", "", FIX)
        ins = (*(x.name for x in self.raw.ins), *holes)
        return Graph(self.tensors, tuple(self.ops), ins, tuple(outs), name).replace()
