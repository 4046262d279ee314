"""Non-maximum suppression: the best boxes of each class that share little with better ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Integers, Op, Rule, Shape
from edgeq.plan import Call
from edgeq.readers.onnx_node import OnnxNode

Numbers = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class NonMaxSuppression(Op):
    """The places of at most `most` boxes of each class, the best first, class by class.

    Inputs: boxes (1, n, 4) as two corners y, x in any order, or, where `centred`, as centre x, y,
    width, height; scores (1, classes, n). Outputs: rows (1, classes * most, 3) of 0, class and box
    in int32, -1 behind the last one; their number (1,) in int32. A box counts if its score is above
    `threshold`, and goes if it shares more than `overlap` of the union with a better one.
    """

    most: int
    overlap: float
    threshold: float
    centred: bool = False

    onnx_names: ClassVar[tuple[str, ...]] = ("NonMaxSuppression",)

    @classmethod
    def from_onnx(cls, node: OnnxNode) -> None:
        def number(i: int, default: float) -> float:
            data = node.optional(i)
            return default if data is None or not data.size else float(data.reshape(-1)[0])

        boxes, scores = node.shape(0), node.shape(1)
        node.require(boxes[:1] == scores[:1] == (1,), f"a batch of {boxes[0]}", "a batch of 1",
                     "export with a batch of 1")
        most = int(min(number(2, 0.0), boxes[1]))
        node.require(most > 0, "at most 0 boxes", "1 or more", "set max_output_boxes_per_class")
        rows = node.emit(cls(
            name=node.label(), ins=node.ins[:2], outs=(node.temp("rows"), node.temp("count")),
            most=most, overlap=number(3, 0.0), threshold=number(4, -np.inf),
            centred=bool(node.integer("center_point_box", 0))))
        node.reshaped(rows, (scores[1] * most, 3), node.outs[0])

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        boxes, scores = ins
        if len(boxes) != 3 or len(scores) != 3 or boxes[2] != 4 or boxes[1] != scores[2]:
            raise ModelError(self.name, f"boxes {boxes} and scores {scores}",
                             "(1, n, 4) and (1, classes, n)", "export the model again")
        return ((1, scores[1] * self.most, 3), (1,))

    def output_rule(self, index: int) -> Rule:
        return Integers(32)

    def _corners(self, boxes: Numbers) -> Numbers:
        """Twice the corners (n, 4) as low y, low x, high y, high x, from (n, 4)."""
        if self.centred:
            x, y, w, h = (boxes[:, i] for i in range(4))
            return np.stack([2 * y - h, 2 * x - w, 2 * y + h, 2 * x + w], 1)
        low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
        return 2 * np.concatenate([low, high], 1)

    def _chosen(self, boxes: Numbers, scores: Numbers, least: float) -> tuple[Numbers, Numbers]:
        """Rows and their number from corners (n, 4) and scores (classes, n) of at least `least`."""
        rows: list[tuple[int, int, int]] = []
        for c, of_class in enumerate(scores):
            kept: list[int] = []
            for i in np.argsort(-of_class.astype(np.float64), kind="stable"):
                if len(kept) == self.most or not of_class[i] >= least:
                    break
                if not any(self._covers(boxes[i], boxes[j]) for j in kept):
                    kept.append(int(i))
            rows += [(0, c, i) for i in kept]
        out = np.full((len(scores) * self.most, 3), -1)
        out[:len(rows)] = np.array(rows).reshape(-1, 3)
        return out, np.array(len(rows))

    def _covers(self, a: Numbers, b: Numbers) -> bool:
        """Whether the intersection is more than `overlap` of the union; integers exactly."""
        y0, x0, y1, x1 = (v.item() for v in (*np.maximum(a[:2], b[:2]), *np.minimum(a[2:], b[2:])))
        sizes = [(c[2].item() - c[0].item()) * (c[3].item() - c[1].item()) for c in (a, b)]
        inner = max(y1 - y0, 0) * max(x1 - x0, 0)
        if min(sizes) <= 0:
            return False
        if isinstance(inner, float):
            return bool(np.float32(inner / (sum(sizes) - inner)) > np.float32(self.overlap))
        return bool(inner * (1 << 15) > self._overlap_q15() * (sum(sizes) - inner))

    def _overlap_q15(self) -> int:
        """Rounded up, for what is just as much is not more."""
        return min(max(ceil(self.overlap * (1 << 15) - 1e-3), 0), 1 << 15)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        least = float(np.nextafter(np.float32(self.threshold), np.float32(np.inf)))
        found = [self._chosen(self._corners(b.astype(np.float64)), s, least)
                 for b, s in zip(*xs, strict=True)]
        return tuple(np.stack(part).astype(np.float32) for part in zip(*found, strict=True))

    def _least(self, g: Graph) -> int:
        """The smallest score that counts; 128 where none does."""
        q = g.tensor(self.ins[1]).params
        real = np.float32(q.scale) * (np.arange(-128, 128) - int(q.zero)).astype(np.float32)
        above = np.flatnonzero(real > np.float32(self.threshold))
        return int(above[0]) - 128 if above.size else 128

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        zero, least = int(g.tensor(self.ins[0]).params.zero), self._least(g)
        found = [self._chosen(self._corners(b.astype(np.int64) - zero), s, least)
                 for b, s in zip(*qs, strict=True)]
        return tuple(np.stack(part).astype(np.int32) for part in zip(*found, strict=True))

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        _, classes, n = g.tensor(self.ins[1]).shape
        kernel = plain.pick(plain.NMS, target)
        fields = (("n", n), ("classes", classes), ("most", self.most),
                  ("centred", int(self.centred)), ("zero", int(g.tensor(self.ins[0]).params.zero)),
                  ("least", self._least(g)), ("overlap", self._overlap_q15()))
        return (Call(name=self.name, op="NonMaxSuppression", func=kernel.func,
                     struct="eq_nms_s8_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None, None)),)
