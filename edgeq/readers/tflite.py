"""TFLite files, float or already quantized to int8, as a Graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgeq import ops as operators
from edgeq.errors import EdgeqError, ModelError, UnsupportedError, UsageError
from edgeq.ir import Array, Graph, QuantParams, State, Tensor, same_params
from edgeq.ops.base import Op, check_finite, check_limits, constant_results, whole_numbers
from edgeq.readers import tflite_batches, tflite_flow, tflite_real
from edgeq.readers.nearest import nearest
from edgeq.readers.node import TfliteNode
from edgeq.readers.tables import (
    RawModel,
    RawNode,
    RawTensor,
    damage_is_model_error,
    load,
    refuse_strange,
)
from edgeq.readers.tflite_first_axis import behind_batch
from edgeq.readers.tflite_flow import Variables
from edgeq.readers.tflite_fold import fold
from edgeq.readers.types import WAY_OUT, ReadOptions, Verdict, check_types

_LARGEST_CONST = 1 << 24  # values
_BIASED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def read_tflite(path: Path, options: ReadOptions) -> Graph:
    """The graph of a .tflite file, batch 1, MAC layers with a bias; simplify it before use.

    A float file gives float32 constants (float16 ones are widened); a quantized file gives `q`
    on every tensor and integer constants. QUANTIZE at an input and DEQUANTIZE at an output are
    dropped: the graph then takes or gives the int8 values. Raises ModelError for a damaged
    file and UnsupportedError for the first node that has no translation.
    """
    raw = load(path)
    with damage_is_model_error(raw.where):
        state = _State.start(raw, options)
        nodes: list[Op] = []
        for node in raw.nodes:
            nodes += state.step(node, raw.ins)
        return _masked(state.graph(raw, path.stem, tuple(nodes)))


def _masked(graph: Graph) -> Graph:
    """`graph` with masks of softmax layers as such; UnsupportedError for other infinities."""
    from edgeq.passes.fuse_masks import fuse_masks  # passes need the operators, which import this

    graph = fuse_masks(graph)
    check_finite(graph)
    return graph


def verdicts(path: Path, options: ReadOptions) -> tuple[Verdict, ...]:
    """A verdict for every node of the file, in order; raises ModelError for a damaged file."""
    raw = load(path)
    found, ops = list[Verdict](), list[Op]()
    with damage_is_model_error(raw.where):
        state = _State.start(raw, options)
        for node in raw.nodes:
            try:
                with damage_is_model_error(_name(node)):  # behind an unsupported node, or damage
                    made = state.step(node, raw.ins)
                kinds = dict.fromkeys(type(op).__name__ for op in made)
                note = ", ".join(kinds) or "needs no operator"
                found.append(Verdict(node.index, _name(node), node.kind, True, note))
                ops += made
            except EdgeqError as error:
                found.append(Verdict(node.index, _name(node), node.kind, False, str(error)))
        if all(v.supported for v in found):
            try:
                _masked(state.graph(raw, path.stem, tuple(ops)))
            except UnsupportedError as error:
                at = next((i for i, v in enumerate(found) if v.name in error.where.split("'")),
                          len(found) - 1)
                found[at] = replace(found[at], supported=False, note=str(error))
    return tuple(found)


def _name(node: RawNode) -> str:
    return f"{node.label}{node.kind.lower().replace(' ', '_')}_{node.index}"


def translations(options: ReadOptions) -> dict[str, Callable[[TfliteNode], Op | tuple[Op, ...]]]:
    """What makes operators of a node, by its kind."""
    # here, because they need the operators, which import this package
    from edgeq.readers import tflite_parts, tflite_recurrent

    return {**{name: cls.from_tflite for cls in operators.OPS for name in cls.tflite_names},
            **tflite_parts.NODES, **tflite_recurrent.NODES,
            **{name: c.op.from_tflite for c in options.custom for name in c.op.tflite_names}}


@dataclass(frozen=True, eq=False)
class _State:
    """Reading in progress: the tensors so far, and which name stands for which tensor number."""

    where: str
    tensors: dict[str, Tensor]
    names: list[str]  # by tensor number; a dropped node makes its output an alias of its input
    open_sizes: bool  # the file computes sizes at run time, its shapes are not to be trusted
    unsigned: frozenset[str]  # tensors that are uint8 in the file
    options: ReadOptions
    raw: RawModel
    strange: Mapping[str, RawTensor]  # tensors of types that edgeq has no numbers of
    # tensors behind SPACE_TO_BATCH_ND that no operator gives yet; and those that one does
    cuts: dict[str, tflite_batches.Cuts] = field(default_factory=dict)
    laid: set[str] = field(default_factory=set)
    variables: Variables = field(default_factory=Variables)

    @staticmethod
    def start(raw: RawModel, options: ReadOptions) -> _State:
        tensors = {r.tensor.name: r.tensor for r in raw.tensors}
        resized = _fix_inputs(raw, options, tensors)
        return _State(raw.where, tensors, [r.tensor.name for r in raw.tensors],
                      resized or any(node.kind == "SHAPE" for node in raw.nodes),
                      frozenset(r.tensor.name for r in raw.tensors if r.dtype is np.uint8),
                      options, raw, {r.tensor.name: r for r in raw.tensors if r.strange})

    def step(self, raw: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
        """The operators for one node of a model with inputs `ins`; none where it computes
        nothing on the board.
        """
        made = self.translated(raw, ins)
        return (*self.laid_out(n for op in made for n in op.ins), *made)

    def translated(self, raw: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
        """The same without what makes the batches of cuts that the operators read."""
        handler, known = BORDERS.get(raw.kind), translations(self.options)
        if handler is not None or raw.kind in known:
            for name in (*self.inputs(raw), *(self.names[i] for i in raw.outs)):
                if name in self.strange:
                    refuse_strange(self.place(raw), self.strange[name])
        if handler is not None:
            return handler(self, raw, ins)
        if self.folded(raw):
            return ()
        if raw.kind not in known:
            raise UnsupportedError(
                self.place(raw), "edgeq has no such operator", nearest(raw.kind, known),
                "replace the layer before export, or keep it outside the quantized part")
        operands = self.in_one_world(raw)
        if raw.kind == "CONCATENATION":
            operands = tuple(n for n in operands if not n or self.tensors[n].size) or operands[:1]
        if raw.kind in _BIASED:
            operands = self.with_bias(raw, operands)
        node = TfliteNode(_name(raw), raw.kind, operands, tuple(self.names[i] for i in raw.outs),
                          self.tensors, raw.op, operands[0] in self.unsigned)
        if self.open_sizes and raw.kind == "SPACE_TO_BATCH_ND":
            batch = replace(self.tensors[node.outs[0]], shape=tflite_batches.cut_shape(node))
            self.tensors[node.outs[0]] = batch
        here = self.cuts.get(node.ins[0])
        whole = None
        if here is not None and raw.kind == "BATCH_TO_SPACE_ND":
            whole = tflite_batches.joined(node, here)
        made = known[raw.kind](node) if whole is None else whole
        made = made if isinstance(made, tuple) else (made,)
        made = tuple(part for op in made for part in behind_batch(op, self.tensors))
        made = self.settled(raw, made)
        if raw.kind == "SPACE_TO_BATCH_ND":
            self.cuts[node.outs[0]] = tflite_batches.cut(node, made)
            return self.laid_out(node.ins)
        further = None if here is None else tflite_batches.through(node, here, made)
        if further is not None:
            self.cuts[node.outs[0]] = further
            return ()
        return self.finished(made)

    def finished(self, made: tuple[Op, ...]) -> tuple[Op, ...]:
        """`made` without what is computed while reading, shapes corrected where that is needed."""
        if self.open_sizes:
            self.correct_shapes(made)
        return tuple(op for op in made if not self.computed(op))

    def laid_out(self, names: Iterable[str]) -> tuple[Op, ...]:
        """What gives those of `names` that are batches of cuts which no operator gives yet."""
        steps = {op.outs[0]: op for n in names if n in self.cuts for op in self.cuts.pop(n).laid}
        new = tuple(op for name, op in steps.items() if name not in self.laid)
        self.laid.update(steps)
        return self.finished(new)

    def settled(self, raw: RawNode, made: tuple[Op, ...]) -> tuple[Op, ...]:
        """`made`; where the file goes on in reals on integers, the results become integers."""
        read = [self.tensors[n] for op in made for n in op.ins]
        if all(t.q is None or t.is_const for t in read):
            return made
        given = {i: self.tensors[name].q for i, name in enumerate(self.names)}
        nodes = () if raw.label else self.raw.nodes  # loops number their own tensors
        behind = {self.names[o]: tflite_real.quantized_behind(nodes, o, given) for o in raw.outs}
        return tuple(tflite_real.settled(op, self.tensors, behind) for op in made)

    def folded(self, raw: RawNode) -> bool:
        """True for shape arithmetic: its result joins the constants."""
        node = TfliteNode(_name(raw), raw.kind, self.inputs(raw),
                          tuple(self.names[i] for i in raw.outs), self.tensors, raw.op)
        data = fold(node)
        if data is None:
            return False
        name = node.outs[0]
        self.tensors[name] = replace(self.tensors[name], shape=data.shape, data=data)
        return True

    def correct_shapes(self, made: tuple[Op, ...]) -> None:
        """Results get the shapes that follow from the inputs: the file's may be of no sizes."""
        for op in made:
            for name, shape in zip(op.outs, op.shape(*(self.tensors[n].shape for n in op.ins)),
                                   strict=True):
                self.tensors[name] = replace(self.tensors[name], shape=shape)

    def computed(self, op: Op) -> bool:
        """True where all inputs are constants: the results join the constants, `op` is not needed.

        Done while reading, because later operators may want these results as constants.
        """
        ins = [self.tensors[n] for n in op.ins]
        if self.open_sizes and op.moves and self.tensors[op.outs[0]].size == 0:
            # no row of a list in front of or behind the one that a loop sets
            for name in op.outs:
                empty = np.zeros(self.tensors[name].shape, np.float32)
                self.tensors[name] = replace(self.tensors[name], data=empty)
            return True
        pool = Graph(self.tensors, (), (), ())
        if not ins or not all(t.is_const and t.q is None for t in ins):
            check_limits(op, pool)
            return False
        want = [self.tensors[n] for n in op.outs]
        if any(t.size > _LARGEST_CONST for t in want):
            raise UnsupportedError(op.name, f"a constant of {want[0].size} values",
                                   f"at most {_LARGEST_CONST}", "fold constants before export")
        for tensor, data in zip(want, constant_results(pool, op), strict=True):
            if data.shape != tensor.shape:
                raise ModelError(op.name, f"gives {data.shape} for an output of {tensor.shape}",
                                 "consistent shapes", "export the model again")
            self.tensors[tensor.name] = replace(tensor, data=data)
        return True

    def place(self, raw: RawNode) -> str:
        """The node as messages name it."""
        shown = [name if len(name) < 60 else f"{name[:57]}..." for name in self.inputs(raw)]
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        return f"{raw.kind} (node {raw.index}, reads {', '.join(map(repr, shown[:3]))}{more})"

    def inputs(self, raw: RawNode) -> tuple[str, ...]:
        return tuple("" if i < 0 else self.names[i] for i in raw.ins)

    def in_one_world(self, raw: RawNode) -> tuple[str, ...]:
        """The inputs; where the output is real, quantized constants (weight-only) become real."""
        ins = list(self.inputs(raw))
        known = [self.tensors[n] for n in ins if n]
        if any(self.tensors[self.names[o]].q is not None for o in raw.outs) or any(
                t.q is not None and not t.is_const for t in known):
            return tuple(ins)
        for i, name in enumerate(ins):
            tensor = self.tensors[name] if name else None
            if tensor is not None and tensor.data is not None and tensor.q is not None:
                ins[i] = f"{name}/real"
                self.tensors[ins[i]] = Tensor(ins[i], tensor.shape, _real(tensor.data, tensor.q))
        return tuple(ins)

    def with_bias(self, raw: RawNode, ins: tuple[str, ...]) -> tuple[str, ...]:
        """The inputs of a MAC node with a bias, zero where the file has none."""
        if len(ins) < 2 or "" in ins[:2]:
            raise ModelError(_name(raw), f"{len(ins)} inputs", "x, weights and a bias",
                             "export the model again")
        if len(ins) > 2 and ins[2]:
            return ins
        x, w = self.tensors[ins[0]], self.tensors[ins[1]]
        out_c = w.shape[3 if raw.kind == "DEPTHWISE_CONV_2D" else 0]
        name = f"{_name(raw)}/zero_bias"
        if x.q is not None and w.q is not None:
            scale = x.q.scale * w.q.scale
            q = QuantParams(scale, np.zeros(scale.shape, np.int32), 32,
                            None if w.q.axis is None else 0)
            self.tensors[name] = Tensor(name, (out_c,), np.zeros(out_c, np.int32), q)
        else:
            self.tensors[name] = Tensor(name, (out_c,), np.zeros(out_c, np.float32))
        return (*ins[:2], name)

    def dequantize(self, raw: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
        """DEQUANTIZE: a constant becomes its real values, an activation stays the integers."""
        (i,), (o,) = raw.ins, raw.outs
        tensor = self.tensors[self.names[i]]
        if tensor.data is None:
            self.names[o] = tensor.name
            return ()
        self.tensors[self.names[o]] = replace(
            self.tensors[self.names[o]], data=_real(tensor.data, tensor.q), q=None)
        return ()

    def densify(self, raw: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
        """DENSIFY: sparse constants are whole as soon as they are read."""
        (i,), (o,) = raw.ins, raw.outs
        self.names[o] = self.names[i]
        return ()

    def quantize(self, raw: RawNode, ins: tuple[int, ...]) -> tuple[Op, ...]:
        """QUANTIZE: at a float input the integers go through; between scales, Requantize."""
        (i,), (o,) = raw.ins, raw.outs
        source, result = self.tensors[self.names[i]], self.tensors[self.names[o]]
        if source.q is not None and result.q is not None:
            if same_params(source.q, result.q):
                self.names[o] = source.name
                return ()
            return (operators.Requantize(name=_name(raw), ins=(source.name,), outs=(result.name,)),)
        if source.q is None and i in ins and result.q is not None:
            self.names[i] = result.name
            return ()
        raise UnsupportedError(
            self.place(raw), "quantizes values that a float operator computes",
            "QUANTIZE at the input of the model, or between integers", WAY_OUT)

    def inner(self, names: list[str], variables: Variables) -> _State:
        """The reading of another graph of the file, whose tensors have these names."""
        # a loop's body declares no useful shapes
        return replace(self, names=names, variables=variables, open_sizes=True)

    def graph(self, raw: RawModel, name: str, nodes: tuple[Op, ...]) -> Graph:
        """The finished graph; raises UnsupportedError for types that edgeq does not compute.

        Variables are states that stand open, among the inputs and outputs (explicit_states.py).
        """
        kept, more = self.variables.states(self.tensors)
        nodes = (*nodes, *self.laid_out(self.names[i] for i in raw.outs))
        read = {n for op in nodes for n in op.ins}
        given = (n for n in (self.names[i] for i in raw.ins) if not self.tensors[n].is_const)
        ins = (*(n for n in given if n in read or not self._only_sizes(n, raw)),
               *(s.source for s in kept))
        outs = (*(self.names[i] for i in raw.outs), *(s.result for s in kept))
        carried = tuple(State(op.ins[i], op.outs[o]) for op in nodes for i, o in op.carried())
        if all(self.tensors[s.source].q is None for s in carried):  # to be observed
            ins, outs = (*ins, *(s.source for s in carried)), (*outs, *(s.result for s in carried))
        states = (*kept, *carried)
        graph = Graph(self.tensors, (*nodes, *more), ins, outs, name, states=states).replace()
        if any(t.q is not None for t in graph.activations()):
            graph = _with_whole_numbers(graph, {
                r.tensor.name: 8 for r in raw.tensors if r.dtype is np.bool_})
        check_types(graph, {r.tensor.name: r.dtype for r in raw.tensors})
        return graph

    def _only_sizes(self, name: str, raw: RawModel) -> bool:
        """True for integers without a scale, which only shapes were made of."""
        dtypes = {r.tensor.name: r.dtype for r in raw.tensors}
        return self.tensors[name].q is None and issubclass(dtypes[name], np.integer)


def _fix_inputs(raw: RawModel, options: ReadOptions, tensors: dict[str, Tensor]) -> bool:
    """Give the inputs in `tensors` the user's sizes; True where that changed one."""
    inputs = [raw.tensors[i] for i in raw.ins]
    options.check_names(raw.where, [r.tensor.name for r in inputs])
    changed = False
    for r in inputs:
        shape = tuple(1 if d is None else d
                      for d in options.shape_of(r.tensor.name, r.declared)) if (
            r.tensor.name in options.shapes) else r.tensor.shape
        changed = changed or shape != r.tensor.shape
        tensors[r.tensor.name] = replace(r.tensor, shape=shape)
        if r.tensor.name in options.values:
            if r.tensor.q is not None:
                raise UsageError(f"--fix {r.tensor.name}", "is a quantized input", "a float input")
            data = np.full(shape, options.values[r.tensor.name]).astype(r.dtype)
            tensors[r.tensor.name] = Tensor(r.tensor.name, shape, data)
    return changed

def _with_whole_numbers(graph: Graph, known: Mapping[str, int]) -> Graph:
    """The quantized `graph` whose indices and 0 and 1 have parameters, too: scale 1.

    `known` has those that the file tells, and their bits.
    """
    whole = {n: b for n, b in known.items() if n in graph.tensors} | whole_numbers(graph)
    return graph.with_tensors(*(
        replace(graph.tensor(n), q=QuantParams(np.asarray(1.0), np.asarray(0, np.int32), bits))
        for n, bits in whole.items() if graph.tensor(n).q is None))


_Handler = Callable[[_State, RawNode, tuple[int, ...]], tuple[Op, ...]]
BORDERS: dict[str, _Handler] = {
    "DEQUANTIZE": _State.dequantize,
    "DENSIFY": _State.densify,
    "QUANTIZE": _State.quantize,
    "VAR_HANDLE": tflite_flow.var_handle,
    "READ_VARIABLE": tflite_flow.read_variable,
    "ASSIGN_VARIABLE": tflite_flow.assign_variable,
    "CALL_ONCE": tflite_flow.call_once,
    "WHILE": tflite_flow.loop,
    "IF": tflite_flow.branch,
}


def _real(data: Array, q: QuantParams | None) -> Array:
    if q is None:
        return data.astype(np.float32)
    return q.dequantize(data)  # type: ignore[arg-type]
