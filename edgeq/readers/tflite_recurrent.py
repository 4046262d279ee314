"""Float recurrent nodes of TFLite beside the LSTM of one direction (see ops/lstm.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import tflite

from edgeq.ir import Tensor
from edgeq.ops.base import Op
from edgeq.ops.concat import Concat
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.readers.node import TfliteNode

_TANH = 4  # ActivationFunctionType
_AUXILIARY = {"BIDIRECTIONAL_SEQUENCE_LSTM": 39, "BIDIRECTIONAL_SEQUENCE_RNN": 9}
_BACK_LSTM, _BACK_RNN = 17, 4  # inputs that the forward direction has
_MORE = {9: "peephole weights", 10: "peephole weights", 11: "peephole weights",
         16: "a projection", 17: "a projection"}


def rnn(node: TfliteNode) -> tuple[Op, ...]:
    """UNIDIRECTIONAL_SEQUENCE_RNN."""
    opts = node.options(tflite.SequenceRNNOptions)
    _check(node, opts.TimeMajor(), opts.FusedActivationFunction())
    return (Rnn(name=node.name, ins=(node.ins[0], *node.ins[1:4]), outs=node.outs),)


def both_rnn(node: TfliteNode) -> tuple[Op, ...]:
    """BIDIRECTIONAL_SEQUENCE_RNN."""
    opts = node.options(tflite.BidirectionalSequenceRNNOptions)
    _check(node, opts.TimeMajor(), opts.FusedActivationFunction())
    layers = [Rnn(name=f"{node.name}_{tag}", ins=(node.ins[0], *node.ins[at:at + 3]), outs=("",))
              for tag, at in (("forward", 1), ("backward", 1 + _BACK_RNN))]
    return _both(node, layers, opts.MergeOutputs())


def both_lstm(node: TfliteNode) -> tuple[Op, ...]:
    """BIDIRECTIONAL_SEQUENCE_LSTM."""
    opts = node.options(tflite.BidirectionalSequenceLSTMOptions)
    _check(node, opts.TimeMajor(), opts.FusedActivationFunction())
    layers = []
    for tag, at in (("forward", 0), ("backward", _BACK_LSTM)):
        for i, what in _MORE.items():
            node.require(not node.ins[at + i], f"has {what}", "a plain LSTM",
                         "export the layer without it")
        inputs, states, biases = (tuple(range(at + i, at + i + 4)) for i in (1, 5, 12))
        node.require(all(node.ins[i] for i in inputs + states), "couples input and forget gate",
                     "four gates", "train a standard LSTM")
        consts = (node.stacked(inputs, f"{tag}_input"), node.stacked(states, f"{tag}_state"),
                  node.stacked(biases, f"{tag}_bias"))
        layers.append(Lstm(name=f"{node.name}_{tag}", ins=(node.ins[0], *consts), outs=("",),
                           cell_clip=float(opts.CellClip())))
    return _both(node, layers, opts.MergeOutputs())


def _check(node: TfliteNode, time_major: bool, act: int) -> None:
    """Raise UnsupportedError for what our layers do not compute."""
    node.require(node.tensors[node.ins[0]].q is None, "is quantized", "a float layer",
                 "start from the float model")
    node.require(not time_major, "time in front of the batch", "batch first",
                 "export with time_major=False")
    node.require(act == _TANH, "another activation than tanh", "tanh", "train with tanh")
    more = node.ins[_AUXILIARY.get(node.kind, len(node.ins)):]
    node.require(not any(more), "has an auxiliary input", "one input", "join the inputs in front")


def _both(node: TfliteNode, layers: Sequence[Recurrent], merged: bool) -> tuple[Op, ...]:
    """A layer forwards and one backwards over the same input; their rows joined if `merged`."""
    _, steps, in_c = node.shape(0)
    ops: list[Op] = []

    def turned(x: str, channels: int, tag: str, out: str = "") -> str:
        name = out or f"{node.name}/{tag}"
        node.tensors[name] = Tensor(name, (1, steps, channels))
        cuts = (Cut(0, 1, 1), Cut(steps - 1, steps, -1), Cut(0, channels, 1))
        ops.append(Slice(name=f"{node.name}_{tag}", ins=(x,), outs=(name,), cuts=cuts))
        return name

    forward, backward = layers
    units = [node.tensors[layer.ins[2]].shape[1] for layer in layers]
    names = [f"{node.name}/forward", f"{node.name}/backward_rows"]
    for name, n in zip(names, units, strict=True):
        node.tensors[name] = Tensor(name, (1, steps, n))
    first = names[0] if merged else node.outs[0]
    ops.append(replace(forward, ins=(node.ins[0], *forward.ins[1:]), outs=(first,)))
    x = turned(node.ins[0], in_c, "turned")
    ops.append(replace(backward, ins=(x, *backward.ins[1:]), outs=(names[1],)))
    if not merged:
        turned(names[1], units[1], "back", node.outs[1])
        return tuple(ops)
    rows = (first, turned(names[1], units[1], "back"))
    return (*ops, Concat(name=node.name, ins=rows, outs=node.outs[:1], axis=2))


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    "UNIDIRECTIONAL_SEQUENCE_RNN": rnn,
    "BIDIRECTIONAL_SEQUENCE_RNN": both_rnn,
    "BIDIRECTIONAL_SEQUENCE_LSTM": both_lstm,
}
