"""Trials of operators without weights: calls with extreme parameters, shapes around the tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from kernel_program import Trial

from edgeq.kernels import plain
from edgeq.kernels.plain import Kernel
from edgeq.ops.lut import lut_blob
from edgeq.ops.windows import Window, slide_distance
from edgeq.plan import Blob, Call, Value
from edgeq.requant import quantize_multiplier


def _call(kernel: Kernel, struct: str, fields: tuple[tuple[str, Value], ...], ins: int,
          overlap: tuple[int | None, ...]) -> Call:
    return Call(name="layer", op="", func=kernel.func, struct=struct, fields=fields,
                ins=("a", "b")[:ins], outs=("y",), sources=kernel.sources, overlap=overlap)


def _values(rng: np.random.Generator, n: int) -> np.ndarray:
    if rng.integers(4) == 0:
        return rng.choice(np.array([-128, 127], np.int8), n)
    return rng.integers(-128, 128, n).astype(np.int8)


def _skew(rng: np.random.Generator, kernel: Kernel) -> int:
    """Off the alignment by any number of bytes; ARMv6-M has tensors at multiples of 4."""
    return int(rng.integers(16)) & (~3 if kernel.isa == "v6m" else ~0)


def _clamp(rng: np.random.Generator, zero: int) -> tuple[int, int]:
    """The whole range, a fused ReLU or anything."""
    kind = rng.integers(3)
    low, high = sorted(int(v) for v in rng.integers(-128, 128, 2))
    return ((-128, 127), (zero, 127), (low, high))[kind]


def adds(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Lengths around the tiles; shifts of 0 and of 31, halves; both inputs as the output."""
    for n in (1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 40, 64, 100, 257):
        for _ in range(3):
            zeros = [int(v) for v in rng.choice([-128, 127, 0, -3, 90], 3)]
            low, high = _clamp(rng, zeros[2])
            b_mult, b_shift = quantize_multiplier(float(rng.uniform(0.0001, 0.5)))
            out_mult, out_shift = quantize_multiplier(float(rng.uniform(0.1, 3.0)) * 2.0**-19)
            kind = int(rng.integers(6))
            if kind == 0:
                b_mult, b_shift = 1 << 30, int(rng.integers(-31, 1))
                out_mult, out_shift = 1 << 30, int(rng.integers(-20, -17))
            elif kind == 1:
                out_mult, out_shift = (1 << 31) - 1, int(rng.choice([0, -31, -1]))
            fields = (("n", n), ("a_zero", zeros[0]), ("b_zero", zeros[1]),
                      ("out_zero", zeros[2]), ("act_min", low), ("act_max", high),
                      ("b_shift", b_shift), ("out_shift", out_shift),
                      ("b_mult", b_mult), ("out_mult", out_mult))
            call = _call(kernel, "eq_add_s8_t", fields, 2, (0, 0))
            yield Trial(call, (_values(rng, n), _values(rng, n)), n, _skew(rng, kernel),
                        bool(rng.integers(2)))


def pools(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Global and small windows, borders, channels around the tiles, more than 255 pixels."""
    shapes = [((25, 5, 64), (25, 5), (25, 5)), ((8, 8, 64), (8, 8), (8, 8)),
              ((3, 3, 256), (3, 3), (2, 2)), ((17, 19, 9), (17, 19), (1, 1)),
              ((2, 300, 8), (2, 300), (1, 1)), ((90, 70, 8), (90, 70), (1, 1)),
              ((6, 6, 16), (2, 2), (2, 2)),
              ((5, 7, 24), (3, 3), (2, 2)), ((4, 4, 3), (2, 2), (1, 1)),
              ((5, 5, 15), (1, 1), (2, 2)), ((7, 5, 33), (3, 2), (1, 2)),
              ((1, 1, 1), (1, 1), (1, 1)),
              ((9, 3, 20), (5, 3), (1, 1)), ((6, 40, 12), (3, 30), (2, 3))]
    for (h, w, c), kernel_size, stride in shapes:
        for same in (False, True):
            pad = [0, 0]
            for axis, size in enumerate((h, w)):
                k, s = kernel_size[axis], stride[axis]
                pad[axis] = max(0, (-(-size // s) - 1) * s + k - size) if same else 0
            window = Window(*kernel_size, stride=stride, pad=(
                (pad[0] // 2, pad[0] - pad[0] // 2), (pad[1] // 2, pad[1] - pad[1] // 2)))
            out_h, out_w = window.out_size(h, w)
            low, high = _clamp(rng, int(rng.integers(-128, 128)))
            fields = (("in_h", h), ("in_w", w), ("c", c), ("out_h", out_h), ("out_w", out_w),
                      ("kh", kernel_size[0]), ("kw", kernel_size[1]), ("stride_h", stride[0]),
                      ("stride_w", stride[1]), ("pad_top", window.pad[0][0]),
                      ("pad_left", window.pad[1][0]), ("act_min", low), ("act_max", high))
            call = _call(kernel, "eq_pool_s8_t", fields, 1, (slide_distance(window, h, w, c, c),))
            yield Trial(call, (_values(rng, h * w * c),), out_h * out_w * c,
                        _skew(rng, kernel), bool(rng.integers(2)))


def means(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Sums and means over a middle, a first and a last axis."""
    for outer, n, inner in ((1, 49, 64), (3, 5, 8), (1, 300, 16), (7, 9, 1), (2, 1, 24),
                            (4, 6, 3), (1, 2, 33), (1, 1000, 9), (5, 4, 15)):
        for factor in (1.0 / n, 1.3, 0.02):
            zero, out_zero = (int(v) for v in rng.choice([-128, 127, 0, -3, 90], 2))
            mult, shift = quantize_multiplier(factor)
            fields = (("outer", outer), ("n", n), ("inner", inner), ("bias", -n * zero),
                      ("mult", mult), ("shift", shift), ("out_zero", out_zero))
            call = _call(kernel, "eq_mean_s8_t", fields, 1, (None,))
            yield Trial(call, (_values(rng, outer * n * inner),), outer * inner,
                        _skew(rng, kernel))

# (outer, n, inner) of a full operand over which another one of n values repeats
LOOPS = (*((1, n, 1) for n in (1, 3, 4, 5, 15, 16, 17, 33, 64, 257)),
         (3, 1, 1), (5, 4, 1), (2, 16, 1), (4, 19, 1), (9, 3, 1), (1, 32, 1),
         (1, 1, 40), (1, 5, 7), (2, 3, 16), (3, 2, 21), (1, 9, 33))


def _factor(rng: np.random.Generator, low: float, high: float) -> tuple[int, int]:
    """A multiplier and shift; now and then a half, the largest, none."""
    kind = int(rng.integers(5))
    if kind == 0:
        return int(rng.choice([1 << 30, (1 << 31) - 1])), int(rng.integers(-31, 1))
    if kind == 1 and low == 0.0:
        return 0, 0
    return quantize_multiplier(float(np.exp(rng.uniform(np.log(low + 1e-6), np.log(high)))))


def _broadcast(rng: np.random.Generator, kernel: Kernel, struct: str,
               fields: Callable[[], tuple[tuple[str, Value], ...]]) -> Iterator[Trial]:
    """Every loop twice; the output in the place of the full operand, or elsewhere."""
    for outer, n, inner in LOOPS:
        for _ in range(2):
            sizes = (("outer", outer), ("n", n), ("inner", inner))
            once = outer == inner == 1
            call = _call(kernel, struct, (*sizes, *fields()), 2, (0, 0 if once else None))
            full = outer * n * inner
            yield Trial(call, (_values(rng, full), _values(rng, n)), full, _skew(rng, kernel),
                        bool(rng.integers(2)))


def _zeros(rng: np.random.Generator) -> list[int]:
    return [int(v) for v in rng.choice([-128, 127, 0, -3, 90], 3)]


def muls(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Factors from far below 1 to the largest, 2**10."""
    def fields() -> tuple[tuple[str, Value], ...]:
        zeros = _zeros(rng)
        low, high = _clamp(rng, zeros[2])
        mult, shift = _factor(rng, 0.0, 2.0**10 if rng.integers(3) == 0 else 0.03)
        return (("a_zero", zeros[0]), ("b_zero", zeros[1]), ("out_zero", zeros[2]),
                ("act_min", low), ("act_max", high), ("shift", shift), ("mult", mult))

    yield from _broadcast(rng, kernel, "eq_mul_s8_t", fields)


def _narrow_factor(rng: np.random.Generator) -> tuple[int, int]:
    """Of the operand with the smaller scale: at most 1/2."""
    kind = int(rng.integers(4))
    if kind == 0:
        return 1 << 30, int(rng.integers(-31, 1))
    if kind == 1:
        return (1 << 31) - 1, int(rng.integers(-31, 0))
    return quantize_multiplier(float(rng.uniform(0.0001, 0.5)))


def addsubs(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Sums and differences; one input's factor is 1/2."""
    def fields() -> tuple[tuple[str, Value], ...]:
        zeros = _zeros(rng)
        low, high = _clamp(rng, zeros[2])
        factors = [(1 << 30, 0), _narrow_factor(rng)]
        if rng.integers(2):
            factors.reverse()
        out = quantize_multiplier(float(rng.uniform(0.1, 3.0)) * 2.0**-int(rng.integers(16, 21)))
        if rng.integers(8) == 0:
            out = (1 << 31) - 1, int(rng.choice([0, -31, -1]))
        signs = ((1, 1), (1, -1), (-1, 1))[int(rng.integers(3))]
        return (("a_zero", zeros[0]), ("b_zero", zeros[1]), ("out_zero", zeros[2]),
                ("act_min", low), ("act_max", high), ("a_sign", signs[0]), ("b_sign", signs[1]),
                ("a_shift", factors[0][1]), ("b_shift", factors[1][1]), ("out_shift", out[1]),
                ("a_mult", factors[0][0]), ("b_mult", factors[1][0]), ("out_mult", out[0]))

    yield from _broadcast(rng, kernel, "eq_addsub_s8_t", fields)


def _table(rng: np.random.Generator, name: str) -> Blob:
    return lut_blob(rng.integers(-128, 128, 256).astype(np.int8), name)


def minmaxes(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """With and without tables on either side."""
    def fields() -> tuple[tuple[str, Value], ...]:
        tables = [0 if rng.integers(2) else _table(rng, name) for name in ("a_table", "b_table")]
        return (("is_max", int(rng.integers(2))), ("a_table", tables[0]), ("b_table", tables[1]))

    yield from _broadcast(rng, kernel, "eq_minmax_s8_t", fields)


def prelus(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Factors up to the largest of both sides."""
    def fields() -> tuple[tuple[str, Value], ...]:
        zeros = _zeros(rng)
        large = rng.integers(3) == 0
        pos = _factor(rng, 0.0, 2.0**10 if large else 2.0)
        neg = _factor(rng, 0.0, 2.0**10 if large else 0.03)
        return (("a_zero", zeros[0]), ("b_zero", zeros[1]), ("out_zero", zeros[2]),
                ("pos_shift", pos[1]), ("neg_shift", neg[1]),
                ("pos_mult", pos[0]), ("neg_mult", neg[0]))

    yield from _broadcast(rng, kernel, "eq_prelu_s8_t", fields)


def luts(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Lengths around the tiles, in place and not."""
    for n in (1, 3, 4, 5, 7, 8, 12, 15, 16, 17, 31, 33, 100, 257):
        call = _call(kernel, "eq_lut_s8_t", (("n", n), ("table", _table(rng, "table"))), 1, (0,))
        yield Trial(call, (_values(rng, n),), n, _skew(rng, kernel), bool(rng.integers(2)))


def softmaxes(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Rows around the tiles; flat, peaked and saturated ones; short and long tables."""
    for rows, c in ((1, 1), (1, 2), (3, 3), (2, 4), (1, 10), (1, 12), (2, 16), (5, 17), (1, 100),
                    (1, 1001), (1, 4095), (4, 33)):
        for step in (0.001, 0.05, 0.3, 3.0):
            n_exp = int(min(256, 1 + 9.0 / step))
            e = np.exp(-step * np.arange(n_exp)) * (1 << 31)
            table = np.minimum(e, (1 << 31) - 1).astype(np.int32)
            fields = (("rows", rows), ("c", c), ("n_exp", n_exp),
                      ("exp", Blob("exp", "int32_t", table)))
            x = _values(rng, rows * c)
            if rng.integers(3) == 0:
                x = np.full(rows * c, int(rng.integers(-128, 128)), np.int8)
            call = _call(kernel, "eq_softmax_s8_t", fields, 1, (0,))
            yield Trial(call, (x,), rows * c, _skew(rng, kernel), bool(rng.integers(2)))


def kept_softmaxes(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """The first values of each row, or those that a mask keeps; rows of none and of all."""
    prefix = "prefix" in kernel.func
    for rows, c, masks, each in ((1, 1, 1, 1), (6, 9, 3, 2), (4, 17, 4, 1), (8, 40, 2, 1),
                                 (3, 100, 1, 3), (10, 16, 5, 1)):
        for step in (0.02, 0.3, 3.0):
            n_exp = int(min(256, 1 + 9.0 / step))
            table = np.minimum(np.exp(-step * np.arange(n_exp)) * (1 << 31), (1 << 31) - 1)
            kept = rng.integers(0, c + 1, masks).astype(np.uint16)
            fields: tuple[tuple[str, Value], ...] = (
                ("rows", rows), ("c", c), ("n_exp", n_exp), ("masks", masks), ("each", each),
                ("empty", int(rng.choice([-128, 3]))),
                ("exp", Blob("exp", "int32_t", table.astype(np.int32))),
                ("kept", Blob("kept", "uint16_t", kept)) if prefix else ("mask_zero", 1))
            mask = rng.integers(0, 3, masks * c).astype(np.int8)
            mask[:c] = int(rng.integers(0, 3))
            ins = (_values(rng, rows * c), mask)[:1 if prefix else 2]
            call = _call(kernel, f"eq_softmax_{'prefix' if prefix else 'masked'}_s8_t", fields,
                         len(ins), (0, None)[:len(ins)])
            yield Trial(call, ins, rows * c, _skew(rng, kernel), bool(rng.integers(2)))


def pads(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Rows, columns and channels, none of them and all of them."""
    for h, w, c in ((1, 1, 1), (3, 5, 4), (4, 7, 3), (2, 9, 16), (6, 6, 17), (5, 4, 40)):
        for borders in ((1, 1, 1, 1, 0, 0), (0, 1, 0, 1, 0, 0), (2, 0, 3, 2, 1, 2),
                        (0, 0, 0, 0, 0, 3), (0, 0, 0, 0, 0, 0), (5, 3, 17, 20, 4, 12)):
            top, bottom, left, right, front, back = borders
            names = ("top", "bottom", "left", "right", "front", "back")
            fields = (("in_h", h), ("in_w", w), ("in_c", c),
                      *zip(names, borders, strict=True), ("value", int(rng.integers(-128, 128))))
            size = (top + h + bottom) * (left + w + right) * (front + c + back)
            call = _call(kernel, "eq_pad_s8_t", fields, 1, (None,))
            yield Trial(call, (_values(rng, h * w * c),), size, _skew(rng, kernel))


def copies(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Chunks around the tiles at any offset, packed or strided, through a table or not."""
    for outer, chunk in ((1, 1), (1, 64), (7, 1), (9, 3), (5, 4), (6, 7), (4, 16), (3, 19),
                         (2, 100), (20, 8), (1, 1001)):
        for _ in range(3):
            in_offset, out_offset = (int(v) for v in rng.integers(0, 9, 2))
            in_stride, out_stride = (chunk + int(v) * int(rng.integers(2))
                                     for v in rng.integers(0, 9, 2))
            table = _table(rng, "table") if rng.integers(2) else 0
            fields = (("outer", outer), ("chunk", chunk),
                      ("in_offset", in_offset), ("in_stride", in_stride),
                      ("out_offset", out_offset), ("out_stride", out_stride), ("table", table))
            call = _call(kernel, "eq_copy_s8_t", fields, 1, (None,))
            x = _values(rng, in_offset + outer * in_stride)
            yield Trial(call, (x,), out_offset + outer * out_stride, _skew(rng, kernel))


@dataclass(frozen=True)
class Family:
    """Trials of one operator."""

    name: str
    kernels: tuple[Kernel, ...]
    trials: Callable[[np.random.Generator, Kernel], Iterator[Trial]]

    @property
    def portable(self) -> Kernel:
        return next(k for k in self.kernels if k.isa == "c")

FAMILIES = (
    Family("add", plain.ADD, adds),
    Family("avgpool", plain.AVGPOOL, pools),
    Family("maxpool", plain.MAXPOOL, pools),
    Family("mean", plain.MEAN, means),
    Family("addsub", plain.ADDSUB, addsubs),
    Family("mul", plain.MUL, muls),
    Family("minmax", plain.MINMAX, minmaxes),
    Family("prelu", plain.PRELU, prelus),
    Family("lut", plain.LUT, luts),
    Family("softmax", plain.SOFTMAX, softmaxes),
    Family("softmax-prefix", plain.SOFTMAX_PREFIX, kept_softmaxes),
    Family("softmax-masked", plain.SOFTMAX_MASKED, kept_softmaxes),
    Family("pad", plain.PAD, pads),
    Family("copy", plain.COPY, copies),
)
