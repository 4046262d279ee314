"""ONNX nodes with a state: LSTM, GRU, RNN; either direction or both, time or batch first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ir import Array
from edgeq.ops.concat import Concat
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.passes.unrolled import MOST_STEPS
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_node import OnnxNode

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
_ORDER = {Lstm: (0, 2, 3, 1), Gru: (0, 1, 2), Rnn: (0,)}  # our gates in ONNX's rows: iofc, zrh, i
_ACTS = {Lstm: ("sigmoid", "tanh", "tanh"), Gru: ("sigmoid", "tanh"), Rnn: ("tanh",)}

_Maker = Callable[[OnnxNode, tuple[str, ...], str], Recurrent]


def _lstm(node: OnnxNode, ins: tuple[str, ...], out: str) -> Recurrent:
    return Lstm(name=node.label(), ins=ins, outs=(out,))


def _gru(node: OnnxNode, ins: tuple[str, ...], out: str) -> Recurrent:
    first = node.integer("linear_before_reset", 0) == 0
    return Gru(name=node.label(), ins=ins, outs=(out,), reset_first=first)


def _rnn(node: OnnxNode, ins: tuple[str, ...], out: str) -> Recurrent:
    return Rnn(name=node.label(), ins=ins, outs=(out,))


def _check(node: OnnxNode, kind: type[Recurrent], dirs: int) -> None:
    """Raise UnsupportedError for what our layers do not compute, ModelError for nonsense."""
    acts = node.attrs.get("activations", _ACTS[kind] * dirs)
    if not isinstance(acts, tuple):
        raise node.bad("activations")
    node.require(tuple(str(a).lower() for a in acts) == _ACTS[kind] * dirs,
                 f"activations {', '.join(map(str, acts))}", ", ".join(_ACTS[kind]),
                 "train with the standard activations")
    node.require(node.attrs.get("clip") is None, "clips the gates", "no clip",
                 "train without a clip")
    node.require(node.integer("input_forget", 0) == 0, "couples input and forget gate",
                 "four gates", "train a standard LSTM")
    node.require(not node.has(7), "has peephole weights", "a plain LSTM",
                 "export the layer without them")
    batch = node.shape(0)[1 - _time(node)]
    node.require(batch == 1, f"{batch} samples at once", "one", "export with a batch of 1")
    steps = node.shape(0)[_time(node)]
    node.require(not node.has(4) or bool(np.all(node.const(4) == steps)),
                 "sequence lengths below the whole input", "all steps", "drop sequence_lens")
    node.require(not _given(node) or steps <= MOST_STEPS,
                 f"{steps} steps from a given state, or with the last cell as an output",
                 f"at most {MOST_STEPS} such steps, or a state of zeros",
                 "export fewer steps, or without initial states")


def _given(node: OnnxNode) -> bool:
    """True where the state starts elsewhere than at zero, or its last cell is wanted."""
    given = (node.tensor(i).data for i in (5, 6) if node.has(i))
    return any(data is None or bool(np.any(data)) for data in given) or any(node.outs[2:])


def _time(node: OnnxNode) -> int:
    """The axis of time in the node's input."""
    if len(node.shape(0)) != 3:
        raise ModelError(node.place, f"an input of shape {node.shape(0)}", "three axes", FIX)
    return 1 if node.integer("layout", 0) else 0


def _rows(kind: type[Recurrent], data: Array) -> NDArray[np.float32]:
    """Gates along axis 0 in our order."""
    parts = np.split(np.asarray(data, np.float32), len(_ORDER[kind]))
    return np.asarray(np.concatenate([parts[i] for i in _ORDER[kind]]), np.float32)


def _constants(node: OnnxNode, kind: type[Recurrent], d: int) -> tuple[str, ...]:
    """Names of the weights and biases of direction `d`."""
    w, r = node.const(1), node.const(2)
    dirs, gates = w.shape[0], len(_ORDER[kind])
    units = r.shape[-1]
    want = ((dirs, gates * units, node.shape(0)[2]), (dirs, gates * units, units))
    if (w.shape, r.shape) != want or d >= dirs:
        raise ModelError(node.place, f"weights {w.shape} and {r.shape}", f"{want}", FIX)
    b = node.optional(3)
    both = np.zeros((dirs, 2 * gates * units), np.float32) if b is None else b
    if both.shape != (dirs, 2 * gates * units):
        raise ModelError(node.place, f"bias {both.shape}", f"{(dirs, 2 * gates * units)}", FIX)
    b_x, b_h = (_rows(kind, half) for half in np.split(both[d], 2))
    weights = (node.floats("w", _rows(kind, w[d])), node.floats("r", _rows(kind, r[d])))
    if kind is not Gru:
        return (*weights, node.floats("b", b_x + b_h))
    # only the last gate's bias on the side of the state meets the reset gate
    b_x[:2 * units] += b_h[:2 * units]
    b_h[:2 * units] = 0
    return (*weights, node.floats("b", b_x), node.floats("c", b_h))


def _layer(node: OnnxNode, kind: type[Recurrent], make: _Maker) -> None:
    direction = node.text("direction", "forward")
    if direction not in _DIRECTIONS:
        raise node.bad("direction")
    backwards = _DIRECTIONS[direction]
    _check(node, kind, len(backwards))
    batch_first = _time(node) == 1
    x = node.ins[0] if batch_first else node.transposed(node.ins[0], (1, 0, 2))
    steps = node.tensors[x].shape[1]
    all_states, last_states, last_cells = [], [], []
    given = _given(node)
    for d, turned in enumerate(backwards):
        back = turned and steps > 1
        source = _sliced(node, x, Cut(steps - 1, steps, -1)) if back else x
        op = make(node, (source, *_constants(node, kind, d)), node.temp("states"))
        op = _from_state(node, op, d) if given else op
        states = node.emit(op)
        if given:
            last_states.append(_as_step(node, op.outs[1]))
            last_cells.append(_as_step(node, op.outs[-1]))
        else:
            last_states.append(_sliced(node, states, Cut(steps - 1, 1, 1)))  # (1, 1, units)
        ordered = _sliced(node, states, Cut(steps - 1, steps, -1)) if back else states
        shape = node.tensors[states].shape
        all_states.append(node.reshaped(ordered, (1, steps, 1, shape[2])))
    wanted = (*node.outs, "", "", "")
    if wanted[0]:
        y = _joined(node, all_states, 2)  # (1, steps, dirs, units)
        node.transposed(y, (0, 1, 2, 3) if batch_first else (1, 2, 0, 3), wanted[0])
    for parts, out in ((last_states, wanted[1]), (last_cells, wanted[2])):
        if out:
            y = _joined(node, parts, 1)  # (1, dirs, units)
            node.transposed(y, (0, 1, 2) if batch_first else (1, 0, 2), out)


def _from_state(node: OnnxNode, op: Recurrent, d: int) -> Recurrent:
    """`op`, the layer of direction `d`, from the state that the node is given."""
    units = node.tensors[op.ins[2]].shape[1]
    count = len(op.state_bits)
    start = tuple(_first(node, 5 + i, d, units) for i in range(count))
    ends = tuple(f"{op.outs[0]}/end{i}" for i in range(count))
    return replace(op, stateful=True, ins=(*op.ins, *start), outs=(*op.outs, *ends))


def _as_step(node: OnnxNode, state: str) -> str:
    """A state (1, units) as (1, 1, units)."""
    return node.reshaped(state, (1, 1, node.tensors[state].shape[1]))


def _first(node: OnnxNode, i: int, d: int, units: int) -> str:
    """The first state (1, units) of direction `d`, of input `i`; zeros where that is absent."""
    if not node.has(i):
        return node.floats("start", np.zeros((1, units), np.float32))
    x, axis = node.ins[i], _time(node)  # directions stand where time does not
    shape = node.tensors[x].shape
    if len(shape) != 3 or shape[2] != units or shape[1 - axis] != 1:
        raise ModelError(node.place, f"a state of shape {shape}", f"{units} values a direction",
                         FIX)
    data = node.tensors[x].data
    if data is not None:
        return node.floats("start", np.take(np.asarray(data), d, axis).reshape(1, units))
    if shape[axis] > 1:
        cuts = tuple(Cut(d, 1, 1) if k == axis else Cut(0, n, 1) for k, n in enumerate(shape))
        if axis == 0:  # directions in front: behind the batch for the slice
            x = node.reshaped(x, (1, *shape[:1], units))
            cuts = (Cut(0, 1, 1), Cut(d, 1, 1), Cut(0, units, 1))
        x = node.emit(Slice(name=node.label(), ins=(x,), outs=(node.temp("start"),), cuts=cuts))
    return node.reshaped(x, (1, units))


def _sliced(node: OnnxNode, x: str, cut: Cut) -> str:
    """x (1, steps, channels) cut along time."""
    _, _, channels = node.tensors[x].shape
    cuts = (Cut(0, 1, 1), cut, Cut(0, channels, 1))
    return node.emit(Slice(name=node.label(), ins=(x,), outs=(node.temp("steps"),), cuts=cuts))


def _joined(node: OnnxNode, parts: list[str], axis: int) -> str:
    if len(parts) == 1:
        return parts[0]
    return node.emit(Concat(name=node.label(), ins=tuple(parts), outs=(node.temp("both"),),
                            axis=axis))


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "LSTM": lambda node: _layer(node, Lstm, _lstm),
    "GRU": lambda node: _layer(node, Gru, _gru),
    "RNN": lambda node: _layer(node, Rnn, _rnn),
}
