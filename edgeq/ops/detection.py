"""Detections: boxes from anchors, and the best of those that overlap (TFLite's post-processing)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, Tensor
from edgeq.kernels import plain
from edgeq.ops.base import Fixed, Integers, Limit, Op, Rule, SameAsInput, Shape
from edgeq.ops.lut import CODES, look_up
from edgeq.plan import Blob, Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize

_ONE = 1 << 14  # a coordinate of 1.0
_EXP_BITS = 16
_MOST = 1 << 22  # the exponential of a size ends at 64


def _no_anchors(op: Op, g: Graph) -> str:
    anchors = g.tensor(op.ins[2])
    if not anchors.is_const:
        return "anchors computed at run time"
    far = anchors.q is None and np.abs(g.const(op.ins[2]).astype(np.float64)).max() > 2.0
    return "anchors beyond 2" if far else ""


def _other_kind(op: Op, g: Graph) -> str:
    assert isinstance(op, Detections)
    return "" if op.regular or op.classes_each == 1 else f"{op.classes_each} classes a detection"


def _wide_inputs(op: Op, g: Graph) -> str:
    given = [g.tensor(n).q for n in op.ins[:2]]
    return next((f"{q.bits} bits" for q in given if q is not None and q.bits != 8), "")


@dataclass(frozen=True, kw_only=True)
class Detections(Op):
    """The best boxes of anchors, without those that overlap a better one by more than `overlap`.

    Inputs: encodings (1, n, 4) of centre y, x and size h, w in parts `parts` of the anchor, scores
    (1, n, classes), anchors (n, 4). Outputs: boxes (1, most, 4) as y, x, y, x in int16 steps of
    2^-14, classes (1, most) and the number of detections (1,) in int32, scores (1, most). What is
    behind that number is 0. Fast: one detection an anchor, of its best class. Regular: one for
    every class of an anchor, at most `per_class` of each; boxes of one class only suppress others.
    """

    most: int
    threshold: float
    overlap: float
    parts: tuple[float, float, float, float]
    background: int = 0  # classes in front that count as none
    classes_each: int = 1
    regular: bool = False
    per_class: int = 100  # of regular suppression

    wide: ClassVar[bool] = True  # its boxes have 16 bits
    own_consts: ClassVar[tuple[int, ...]] = (2,)
    tflite_names: ClassVar[tuple[str, ...]] = ("CUSTOM TFLite_Detection_PostProcess",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant anchors of at most 2", _no_anchors, "scale the anchors to the image"),
        Limit("8-bit encodings and scores", _wide_inputs, "choose a recipe with act_bits = 8"),
        Limit("one class a detection of the fast non-maximum suppression", _other_kind,
              "export with use_regular_nms, or with max_classes_per_detection 1"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        raw = node.op.CustomOptionsAsNumpy()
        opts = {} if isinstance(raw, int) else flexbuffers.Loads(raw.tobytes())
        try:
            parts = tuple(float(opts[f"{a}_scale"]) for a in "yxhw")
            most, classes = int(opts["max_detections"]), int(opts["num_classes"])
            made = cls(
                name=node.name, ins=_with_anchors(node), outs=node.outs, most=most, parts=parts,  # type: ignore[arg-type]
                threshold=float(opts["nms_score_threshold"]),
                overlap=float(opts["nms_iou_threshold"]),
                background=node.shape(1)[-1] - classes,
                classes_each=int(opts["max_classes_per_detection"]),
                regular=bool(opts.get("use_regular_nms", False)),
                per_class=int(opts.get("detections_per_class", 100)))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(node.name, f"options {opts!r}", "those of the operator",
                             "export the model again") from error
        if len(node.outs) != 4 or made.background < 0:
            raise ModelError(node.name, f"{len(node.outs)} outputs, {classes} classes",
                             "four outputs, no more classes than scores", "export the model again")
        made._describe(node)
        return made

    def _describe(self, node: TfliteNode) -> None:
        """Shapes of the outputs, which files leave open, and parameters in a quantized file."""
        shapes = self.shape(*(node.shape(i) for i in range(3)))
        scores = node.tensors[node.ins[1]].q
        params = (None, None, None, None) if scores is None else (
            _coordinates(), _whole(), scores, _whole())
        for name, shape, q in zip(node.outs, shapes, params, strict=True):
            node.tensors[name] = Tensor(name, shape, None, q)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((1, self.most, 4), (1, self.most), (1, self.most), (1,))

    def takes_wide(self, g: Graph) -> bool:
        return False

    def output_rule(self, index: int) -> Rule:
        return (Fixed(1 / _ONE, 0, 16), Integers(32), SameAsInput(1), Integers(32))[index]

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        encodings, scores, anchors = (x.astype(np.float64) for x in xs)
        found = []
        for e, s in zip(encodings, scores, strict=True):
            centre = anchors[:, :2] + e[:, :2] / np.array(self.parts[:2]) * anchors[:, 2:]
            half = np.exp(e[:, 2:] / np.array(self.parts[2:])) * anchors[:, 2:] / 2
            boxes = np.concatenate([centre - half, centre + half], 1)
            found.append(self._chosen(boxes, s[:, self.background:], self.threshold, 0.0))
        return tuple(np.stack(part).astype(np.float32).reshape(-1, *shape[1:])
                     for part, shape in zip(zip(*found, strict=True), self.shape(), strict=True))

    def _chosen(self, boxes: NDArray[np.generic], scores: NDArray[np.generic], least: float,
                nothing: float) -> tuple[NDArray[np.generic], ...]:
        """Boxes, classes, scores and number of what stays, the best first."""
        n = len(scores)
        if self.regular:  # places: class * n + anchor
            best, classes = scores.T.reshape(-1), np.repeat(np.arange(scores.shape[1]), n)
        else:
            best, classes = scores.max(1), scores.argmax(1)
        kept: list[int] = []
        for place in np.argsort(-best.astype(np.float64), kind="stable"):
            if len(kept) == self.most or best[place] < least:
                break
            rivals = [j for j in kept if not self.regular or classes[j] == classes[place]]
            if not (self.regular and len(rivals) >= self.per_class) and not any(
                    self._covers(boxes[place % n], boxes[j % n]) for j in rivals):
                kept.append(int(place))
        rest = self.most - len(kept)
        return (np.pad(boxes[[i % n for i in kept]], ((0, rest), (0, 0))),
                np.pad(classes[kept], (0, rest)),
                np.pad(best[kept], (0, rest), constant_values=nothing), np.array([len(kept)]))

    def _covers(self, a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
        """Whether the intersection is more than `overlap` of the union; integers exactly."""
        y0, x0, y1, x1 = (v.item() for v in (*np.maximum(a[:2], b[:2]), *np.minimum(a[2:], b[2:])))
        sizes = [(c[2].item() - c[0].item()) * (c[3].item() - c[1].item()) for c in (a, b)]
        inner = max(y1 - y0, 0) * max(x1 - x0, 0)
        if min(sizes) <= 0:
            return False
        return bool(inner * (1 << 15) > self._overlap_q15() * (sum(sizes) - inner))

    def _overlap_q15(self) -> int:
        return round(self.overlap * (1 << 15))

    def anchors(self, g: Graph) -> NDArray[np.int64]:
        """Anchors in steps of 2^-14."""
        return np.asarray(g.integers(self.ins[2]), np.int64)

    def _centre_factors(self, g: Graph) -> list[tuple[int, int]]:
        scale = float(g.tensor(self.ins[0]).params.scale)
        return [quantize_multiplier(min(scale / p, 64.0)) for p in self.parts[:2]]

    def _exponentials(self, g: Graph) -> list[NDArray[np.int32]]:
        """e^(x / part) in Q16 for every code, for height and width."""
        q = g.tensor(self.ins[0]).params
        real = float(q.scale) * (CODES.astype(np.float64) - int(q.zero))
        return [np.asarray(np.minimum(np.rint(np.exp(np.minimum(real / p, 50.0))
                                              * (1 << _EXP_BITS)), _MOST), np.int32)
                for p in self.parts[2:]]

    def _least(self, g: Graph) -> int:
        """The smallest score that counts; 128 where none does."""
        q = g.tensor(self.ins[1]).params
        real = np.float32(q.scale) * (np.arange(-128, 128) - int(q.zero)).astype(np.float32)
        above = np.flatnonzero(real >= np.float32(self.threshold))
        return int(above[0]) - 128 if above.size else 128

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        encodings, scores = qs[:2]
        anchors, zero = self.anchors(g), int(g.tensor(self.ins[0]).params.zero)
        factors, tables = self._centre_factors(g), self._exponentials(g)
        nothing = int(g.tensor(self.ins[1]).params.zero)
        found = []
        for e, s in zip(encodings, scores, strict=True):
            centre = [anchors[:, i] + requantize(
                (e[:, i].astype(np.int64) - zero) * anchors[:, 2 + i], *factors[i])
                for i in range(2)]
            half = [(anchors[:, 2 + i] * look_up(tables[i], e[:, 2 + i]).astype(np.int64)
                     + (1 << _EXP_BITS)) >> (_EXP_BITS + 1) for i in range(2)]
            corners = np.stack([centre[0] - half[0], centre[1] - half[1], centre[0] + half[0],
                                centre[1] + half[1]], 1)
            boxes = np.clip(corners, -32768, 32767)
            found.append(self._chosen(boxes, s[:, self.background:], self._least(g), nothing))
        kinds = (np.int16, np.int32, np.int8, np.int32)
        return tuple(np.stack(part).astype(kind).reshape(-1, *shape[1:])
                     for part, kind, shape in zip(zip(*found, strict=True), kinds, self.shape(),
                                                  strict=True))

    def const_params(self, g: Graph, params: object) -> dict[str, QuantParams]:
        return {self.ins[2]: _coordinates()}

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        n, classes = g.tensor(self.ins[1]).shape[1:]
        factors, tables = self._centre_factors(g), self._exponentials(g)
        kernel = plain.pick(plain.DETECTIONS_REGULAR if self.regular else plain.DETECTIONS, target)
        fields = (
            ("n", n), ("classes", classes), ("background", self.background), ("most", self.most),
            ("per_class", min(self.per_class, self.most)),
            ("zero", int(g.tensor(self.ins[0]).params.zero)),
            ("score_zero", int(g.tensor(self.ins[1]).params.zero)), ("least", self._least(g)),
            ("overlap", self._overlap_q15()),
            ("y_shift", factors[0][1]), ("x_shift", factors[1][1]),
            ("y_mult", factors[0][0]), ("x_mult", factors[1][0]),
            ("anchors", Blob("anchors", "int32_t", self.anchors(g).astype(np.int32).reshape(-1),
                             "centre y, x, height, width in 2^-14")),
            ("h_exp", Blob("h_exp", "int32_t", tables[0], "Q16")),
            ("w_exp", Blob("w_exp", "int32_t", tables[1], "Q16")))
        return (Call(name=self.name, op="Detections", func=kernel.func, struct="eq_detections_t",
                     fields=fields, ins=self.ins[:2], outs=self.outs, sources=kernel.sources,
                     overlap=(None, None),
                     scratch=None if self.regular else 2 * n),)


def _with_anchors(node: TfliteNode) -> tuple[str, ...]:
    """The inputs; in a quantized file the anchors, which may be real there, as integers."""
    anchors = node.tensors[node.ins[2]]
    if node.tensors[node.ins[1]].q is None or anchors.data is None:
        return node.ins
    real = anchors.data if anchors.q is None else anchors.q.dequantize(
        anchors.data)  # type: ignore[arg-type]
    name, q = f"{node.name}/anchors", _coordinates()
    data = q.quantize(np.asarray(real, np.float64))
    node.tensors[name] = Tensor(name, anchors.shape, data, q)
    return (*node.ins[:2], name)


def _coordinates() -> QuantParams:
    """Steps of 2^-14."""
    return QuantParams(np.asarray(1 / _ONE), np.asarray(0, np.int32), 16)


def _whole() -> QuantParams:
    return QuantParams(np.asarray(1.0), np.asarray(0, np.int32), 32)
