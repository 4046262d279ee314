"""What a kernel is: one C function of the runtime and the Python half that feeds it.

A convolution-like layer arrives here as a `MacLayer`: geometry, integer weights, folded bias
and requantization. A `MacKernel` says which layers its C function takes, how it wants the
weights packed and how much scratch it needs. One file here mirrors one C file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Optimize, Target
from edgeq.plan import Blob


@dataclass(frozen=True, eq=False)
class MacLayer:
    """A quantized convolution, depthwise convolution or dense layer, ready for a kernel.

    The accumulator of output channel c is sum(x * w[c]) + bias[c]; the input's zero point is
    already folded into `bias`, and padding reads as `in_zero`. Dense layers have
    in_h = in_w = out_h = out_w = kh = kw = 1.
    """

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    kh: int
    kw: int
    stride_h: int
    stride_w: int
    dil_h: int
    dil_w: int
    pad_top: int  # rows of padding above; what is missing below follows from out_h
    pad_left: int
    in_zero: int
    out_zero: int
    act_min: int
    act_max: int
    # conv (out_c, kh, kw, in_c), depthwise (kh, kw, out_c), dense (out_c, in_c)
    weights: NDArray[np.int8]
    bias: NDArray[np.int32]  # (out_c,)
    mult: NDArray[np.int32]  # (out_c,) Q31
    shift: NDArray[np.int8]  # (out_c,) positive is left
    act_bits: int = 8  # 16: inputs and outputs are int16 with zero point 0
    weight_bits: int = 8  # 4, 2, 1: weights are levels times factors, see levels.py
    run: int = 0  # consecutive weights of a row that share a factor; 0: all of a row
    signs: int = 0  # d > 0: every input is -d, 0 or d, and in_zero is 0
    rows: int = 1  # of a dense layer
    weight_zero: int = 0  # of uint8 models: a weight counts as w - weight_zero, up to 9 bits wide

    @property
    def factors(self) -> bool:
        """True where weights are stored as levels with factors of their own."""
        return self.weight_bits < 4 or self.run > 0

    @property
    def pointwise(self) -> bool:
        """1x1, stride 1, no padding: every pixel is its own dot product."""
        return (self.kh, self.kw, self.stride_h, self.stride_w) == (1, 1, 1, 1) and (
            self.out_h, self.out_w) == (self.in_h, self.in_w)

    @property
    def covers_input(self) -> bool:
        """One output pixel whose window is the whole input: a dense layer by another name."""
        return ((self.out_h, self.out_w, self.pad_top, self.pad_left) == (1, 1, 0, 0)
                and (self.kh, self.kw) == (self.in_h, self.in_w)
                and self.kh * self.kw * self.in_c < 1 << 16)

    def as_dense(self) -> MacLayer:
        """A convolution that `covers_input` as a dense layer."""
        return replace(
            self, in_h=1, in_w=1, in_c=self.kh * self.kw * self.in_c, kh=1, kw=1,
            stride_h=1, stride_w=1, dil_h=1, dil_w=1, weights=self.weights.reshape(self.out_c, -1))

    @property
    def acc_bounds(self) -> NDArray[np.int64]:
        """Largest |accumulator| that any input can cause, for each channel (exact)."""
        w = self.weights.astype(np.int64) - self.weight_zero
        axes = tuple(range(w.ndim - 1)) if w.ndim == 3 else tuple(range(1, w.ndim))
        pos, neg = np.maximum(w, 0).sum(axes), np.minimum(w, 0).sum(axes)
        top = (1 << (self.act_bits - 1)) - 1
        high = pos * top + neg * ~top + self.bias
        low = pos * ~top + neg * top + self.bias
        return np.asarray(np.maximum(np.abs(high), np.abs(low)), np.int64)

    def sums_below(self, bits: int) -> bool:
        """True where no accumulator reaches 2**bits, not even behind its left shift."""
        left = np.maximum(self.shift.astype(np.int64), 0)
        return bool(np.all(self.acc_bounds << left < 1 << bits))

    @property
    def acc_bound(self) -> int:
        """Largest |accumulator| that any input can cause, over all channels (exact)."""
        return int(self.acc_bounds.max())


@dataclass(frozen=True, eq=False)
class MacTables:
    """The tables behind the weights, one entry per output channel, as a kernel wants them."""

    bias: NDArray[np.int32]
    mult: NDArray[np.int32] | NDArray[np.int16]
    shift: NDArray[np.int8]


def plain_tables(layer: MacLayer) -> MacTables:
    """Bias, Q31 multiplier and shift as the portable kernels take them."""
    return MacTables(layer.bias, layer.mult, layer.shift)


@dataclass(frozen=True)
class MacKernel:
    """One C function for a kind of `MacLayer`."""

    func: str  # the C function; its file is `source`
    isa: str  # the chain entry of Board.isa that it needs
    source: str  # below runtime_c/, e.g. "kernels/eq_conv2d_1x1_s8_mve.c"
    fits: Callable[[MacLayer, Target], bool]
    pack: Callable[[MacLayer], NDArray[np.int8]]  # flat weights in the layout of the C file
    layout: str  # that layout in words, for the generated comment
    scratch: Callable[[MacLayer], int]
    headers: tuple[str, ...] = ()  # further files below runtime_c/ that `source` includes
    own_tables: bool = False  # bias, mult, shift are packed among the weights, not beside them
    # least distance by which the output may start below the dying input, None: disjoint
    overlap: Callable[[MacLayer], int | None] = lambda layer: None
    # True: sharing bytes takes copies, so that `--optimize speed` does without `overlap`
    overlap_costs: bool = False
    # True: the output may also take exactly the input's place (Call.in_place)
    in_place: Callable[[MacLayer], bool] = lambda layer: False
    # what the C file reads as bias, mult and shift; its head says how they differ from the layer's
    tables: Callable[[MacLayer], MacTables] = plain_tables
    act_bits: int = 8  # it takes layers whose activations have so many
    weight_bits: int = 8  # and whose weights have so many
    weight_zero: bool = False  # and whose weights have a zero point
    # False: the layer fits, but another kernel is faster
    pays: Callable[[MacLayer], bool] = lambda layer: True
    signs: bool = False  # takes only layers whose inputs are signs
    factors: bool = False  # takes weights with factors; without, 4-bit weights are in [-7, 7]


def choose(kernels: tuple[MacKernel, ...], layer: MacLayer, target: Target) -> MacKernel:
    """The first kernel in the board's ISA chain that takes `layer` (tuple order within an ISA).

    Functions that `target` avoids come last within their ISA.
    """
    for isa in target.isa:
        fit = [k for k in kernels if k.isa == isa and k.act_bits == layer.act_bits
               and k.weight_bits == layer.weight_bits
               and k.weight_zero == (layer.weight_zero != 0)
               and (layer.signs > 0 or not k.signs)
               and (k.factors or not layer.factors) and k.fits(layer, target)
               and k.pays(layer)]
        if fit:
            return next((k for k in fit if k.func not in target.avoid), fit[0])
    raise AssertionError("the portable kernel takes every layer")


def overlap_of(kernel: MacKernel, layer: MacLayer, target: Target) -> int | None:
    """How far the output may run into the dying input (Call.overlap)."""
    if kernel.overlap_costs and target.optimize is Optimize.SPEED:
        return None
    return kernel.overlap(layer)


def weight_blob(kernel: MacKernel, layer: MacLayer) -> Blob:
    """The packed weights as a table."""
    return Blob("weights", "int8_t", kernel.pack(layer), kernel.layout, align=16)
