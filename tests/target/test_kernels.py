"""Every variant of a kernel gives the bytes of the portable one, under QEMU, guards untouched.

A layer family (`FAMILIES`) makes layers of random shapes around the tiles of the variants, with
extreme zero points, multipliers, shifts, clamps and weights of -128. For every kernel of every ISA
all layers that it fits run in one program beside the portable kernel. A new variant needs no line
here: it is found in the tuples of edgeq/kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_program import COMPILER_IDS, COMPILERS, Trial, run_trials, skip_without_tools
from numpy.typing import NDArray

from edgeq import kernels
from edgeq.board import Optimize, Target, load_board
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.kernels.base import MacKernel, MacLayer, choose, overlap_of
from edgeq.kernels.constant import plain_constants
from edgeq.kernels.levels import MOST_FACTOR, TOP
from edgeq.ops.base import Act, Op
from edgeq.ops.elementwise import Add
from edgeq.ops.mac import mac_fields, window_fields
from edgeq.ops.pool import AveragePool, MaxPool, Pool
from edgeq.ops.reduce import Mean, Sum
from edgeq.plan import Call, Value
from edgeq.requant import quantize_multipliers

# ISA of a kernel -> the boards whose QEMU machines run it
BOARDS = {
    "mve": ("cortex-m55",), "dsp": ("cortex-m4",), "v7m": ("cortex-m3",),
    "v6m": ("cortex-m0plus",), "neon": ("cortex-a53", "cortex-a7"),
    "neon_dot": ("cortex-a55",), "neon_i8mm": ("cortex-a510",),
}
pytestmark = pytest.mark.qemu


@dataclass(frozen=True)
class Shape:
    """Geometry of a test layer; output size and padding follow as TFLite's SAME, or VALID."""

    in_h: int
    in_w: int
    in_c: int
    out_c: int
    k: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    same: bool = True


def _out(size: int, k: int, stride: int, dilation: int, same: bool) -> tuple[int, int]:
    """(output size, padding before)."""
    reach = (k - 1) * dilation + 1
    if not same:
        return (size - reach) // stride + 1, 0
    out = -(-size // stride)
    return out, max(0, (out - 1) * stride + reach - size) // 2


def make_layer(rng: np.random.Generator, s: Shape, weights: tuple[int, ...], taps: int,
               axes: tuple[int, ...]) -> MacLayer:
    """A layer of that shape; every third one has a fused ReLU, every third extreme numbers."""
    kind = int(rng.integers(3))
    out_h, top = _out(s.in_h, s.k[0], s.stride[0], s.dilation[0], s.same)
    out_w, left = _out(s.in_w, s.k[1], s.stride[1], s.dilation[1], s.same)
    w = rng.integers(-127, 128, weights).astype(np.int8)
    if kind != 2 and rng.integers(4) == 0:  # one, as an imported model may have it
        w.reshape(-1)[int(rng.integers(w.size))] = -128
    if kind == 2:
        w = rng.choice(np.array([-128, 127, 0], np.int8), weights)
    in_zero, out_zero = (int(v) for v in rng.choice([-128, 127, 0, -3, 90], 2))
    act_min, act_max = (out_zero, 127) if kind == 0 else (-128, 127)
    if kind == 1:
        act_min, act_max = sorted(int(v) for v in rng.integers(-128, 128, 2))
    sums = w.astype(np.int64).sum(axes)
    bias = rng.integers(-20000, 20000, s.out_c) - in_zero * sums
    spread = 70.0 / (taps**0.5 * 5000.0)
    mult, shift = quantize_multipliers(rng.uniform(0.02, 4.0, s.out_c) * spread)
    if kind == 2:
        mult = rng.choice(np.array([1 << 30, (1 << 31) - 1, 0], np.int32), s.out_c)
        shift = rng.integers(-31, 1, s.out_c).astype(np.int8)
    return MacLayer(
        in_h=s.in_h, in_w=s.in_w, in_c=s.in_c, out_h=out_h, out_w=out_w, out_c=s.out_c,
        kh=s.k[0], kw=s.k[1], stride_h=s.stride[0], stride_w=s.stride[1],
        dil_h=s.dilation[0], dil_w=s.dilation[1], pad_top=top, pad_left=left,
        in_zero=in_zero, out_zero=out_zero, act_min=act_min, act_max=act_max,
        weights=w, bias=bias.astype(np.int32), mult=mult, shift=shift)


def conv_layers(rng: np.random.Generator) -> Iterator[MacLayer]:
    """1x1 and k x k, channels around 4 and 16, small depth, strides, dilation."""
    shapes = [
        Shape(5, 5, 64, 64), Shape(1, 1, 16, 4), Shape(3, 3, 1, 1), Shape(2, 3, 17, 5),
        Shape(4, 4, 8, 16), Shape(3, 5, 600, 3), Shape(7, 6, 15, 7), Shape(6, 6, 33, 12),
        Shape(3, 7, 32, 24), Shape(2, 2, 12, 8), Shape(6, 1, 20, 4), Shape(1, 1, 4, 4),
        Shape(3, 3, 16, 32), Shape(5, 2, 8, 12), Shape(4, 7, 48, 20), Shape(9, 9, 16, 8),
        Shape(8, 8, 16, 16, (3, 3)), Shape(9, 5, 1, 8, (10, 4), (2, 2)),
        Shape(9, 9, 3, 8, (3, 3), (2, 2)), Shape(5, 7, 5, 6, (3, 2), same=False),
        Shape(8, 6, 16, 8, (1, 1), (2, 2)), Shape(6, 50, 40, 5, (3, 3)),
        Shape(6, 9, 4, 4, (3, 3), (1, 1), (2, 1)), Shape(9, 9, 4, 4, (3, 3), (1, 1), (2, 2)),
        Shape(2, 2, 3, 2, (5, 5)), Shape(1, 30, 6, 9, (1, 7), (1, 3)),
    ]
    for _ in range(12):
        h, w, ic, oc = (int(v) for v in rng.integers((1, 1, 1, 1), (9, 12, 40, 20)))
        k = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        shapes.append(Shape(h, w, ic, oc, k, (int(rng.integers(1, 4)), int(rng.integers(1, 4)))))
    for s in shapes:
        weights = (s.out_c, *s.k, s.in_c)
        yield make_layer(rng, s, weights, s.k[0] * s.k[1] * s.in_c, (1, 2, 3))


def depthwise_layers(rng: np.random.Generator) -> Iterator[MacLayer]:
    """3x3 of stride 1 and 2 around the tiles, other windows, multipliers above 1."""
    window = (3, 3)
    shapes = [
        Shape(5, 5, 64, 64, window), Shape(6, 6, 16, 16, window, (2, 2)),
        Shape(7, 12, 16, 16, window, (2, 2)), Shape(9, 26, 32, 32, window, (2, 2)),
        Shape(5, 28, 4, 4, window, (2, 2)), Shape(3, 3, 12, 12, window, (2, 2)),
        Shape(1, 1, 4, 4, window), Shape(2, 2, 20, 20, window, (2, 2)),
        Shape(4, 17, 8, 8, window), Shape(3, 40, 12, 12, window),
        Shape(7, 23, 36, 36, window, (2, 2)), Shape(5, 6, 4, 4, window, same=False),
        Shape(6, 5, 8, 8, window, (2, 2), same=False), Shape(3, 3, 256, 256, window),
        Shape(2, 9, 17, 17, window), Shape(4, 4, 1, 1, window), Shape(5, 5, 3, 6, window),
        Shape(5, 5, 16, 32, window, (2, 2)), Shape(4, 4, 7, 7, window, (1, 2)),
        Shape(8, 7, 16, 16, (5, 5)), Shape(9, 9, 24, 24, window, (1, 1), (2, 2)),
        Shape(6, 6, 1, 8, (4, 3)), Shape(9, 4, 20, 20, (9, 1)), Shape(3, 8, 5, 5, (1, 7)),
        Shape(5, 5, 16, 16, (5, 5), same=False), Shape(4, 6, 33, 33, (2, 2), (2, 2)),
    ]
    for _ in range(10):
        h, w, c = (int(v) for v in rng.integers((1, 1, 1), (8, 30, 9)))
        stride = int(rng.integers(1, 3))
        shapes.append(Shape(h, w, 4 * c, 4 * c, window, (stride, stride)))
    for s in shapes:
        yield make_layer(rng, s, (*s.k, s.out_c), s.k[0] * s.k[1], (0, 1))


def dense_layers(rng: np.random.Generator) -> Iterator[MacLayer]:
    """Depths and widths around 4 and 16."""
    sizes = [(1, 1), (16, 4), (64, 12), (128, 128), (8, 128), (640, 8), (15, 3), (17, 5), (33, 7)]
    sizes += [(32, 16), (48, 2), (24, 24), (12, 6), (4, 1), (128, 20)]
    sizes += [(int(a), int(b)) for a, b in rng.integers(1, 90, (12, 2))]
    for i, (in_c, out_c) in enumerate(sizes):
        layer = make_layer(rng, Shape(1, 1, in_c, out_c), (out_c, in_c), in_c, (1,))
        yield replace(layer, rows=3 if i % 3 == 1 else 1)


def mac_call(layer: MacLayer, kernel: MacKernel, struct: str,
             geometry: tuple[tuple[str, Value], ...]) -> Call:
    return Call(
        name="layer", op="", func=kernel.func, struct=struct,
        fields=(*geometry, *mac_fields(layer, kernel)), ins=("x",), outs=("y",),
        sources=(kernel.source, *kernel.headers), overlap=(kernel.overlap(layer),),
        scratch=kernel.scratch(layer), in_place=kernel.in_place(layer))


def conv_call(layer: MacLayer, kernel: MacKernel) -> Call:
    return mac_call(layer, kernel, f"eq_conv2d_s{layer.act_bits}_t", window_fields(layer))


def depthwise_call(layer: MacLayer, kernel: MacKernel) -> Call:
    return mac_call(layer, kernel, f"eq_dwconv2d_s{layer.act_bits}_t", window_fields(layer))


def dense_call(layer: MacLayer, kernel: MacKernel) -> Call:
    names = ("in_c", "out_c", "in_zero", "out_zero", "act_min", "act_max")
    own = tuple(field for field in window_fields(layer) if field[0] in names)
    return mac_call(layer, kernel, f"eq_dense_s{layer.act_bits}_t", (("rows", layer.rows), *own))


@dataclass(frozen=True)
class Family:
    """Layers of one operator, and how a kernel is called on them."""

    name: str
    kernels: tuple[MacKernel, ...]
    layers: Callable[[np.random.Generator], Iterator[MacLayer]]
    call: Callable[[MacLayer, MacKernel], Call]

    @property
    def portable(self) -> MacKernel:
        return next(k for k in self.kernels if k.isa == "c")

    def portable_of(self, kernel: MacKernel) -> MacKernel:
        """The portable twin of `kernel`."""
        return next(k for k in self.kernels if k.isa == "c" and k.act_bits == kernel.act_bits
                    and k.weight_bits == kernel.weight_bits and k.factors == kernel.factors
                    and not k.signs)

    def layers_for(self, kernel: MacKernel, rng: np.random.Generator) -> Iterator[MacLayer]:
        """The family's layers with activations and weights of as many bits as the kernel takes.

        A third of those with 8-bit activations comes again with factors around and above 1.
        """
        for i, layer in enumerate(self.layers(rng)):
            if kernel.act_bits == 16:
                yield sixteen_bits(layer, rng)
                continue
            if kernel.factors:
                own = with_factors(layer, kernel.weight_bits, rng)
                own = of_signs(own, rng) if kernel.signs else own
            else:
                own = layer if kernel.weight_bits == 8 else four_bits(layer)
            yield own
            if i % 3 == 0:
                yield raised(own, rng)


def four_bits(layer: MacLayer) -> MacLayer:
    """`layer` with weights in [-7, 7]."""
    w = np.clip(layer.weights, -112, 112) // 16
    return replace(layer, weights=w.astype(np.int8), weight_bits=4)


def with_factors(layer: MacLayer, bits: int, rng: np.random.Generator) -> MacLayer:
    """`layer` with weights that are levels times factors, for runs of weights where they fit."""
    run = int(rng.choice([16, 32])) if layer.in_c % 32 == 0 and bits != 1 else 0
    levels = rng.integers(-TOP[bits], TOP[bits] + 1, layer.weights.shape)
    if bits == 1:
        levels = rng.choice([-1, 1], layer.weights.shape)
    rows = levels.reshape(layer.out_c, -1, run or layer.weights[0].size)
    most = 3 if layer.act_min == -128 else MOST_FACTOR[bits]
    rows = rows * rng.integers(0, most + 1, (*rows.shape[:2], 1))
    return replace(layer, weights=rows.reshape(layer.weights.shape).astype(np.int8),
                   weight_bits=bits, run=run)


def of_signs(layer: MacLayer, rng: np.random.Generator) -> MacLayer:
    """`layer` with inputs -d, 0 and d."""
    return replace(layer, in_zero=0, signs=int(rng.choice([1, 64, 127])))


def sixteen_bits(layer: MacLayer, rng: np.random.Generator) -> MacLayer:
    """`layer` with 16-bit activations; extreme weights halved where sums would leave 32 bits."""
    axes = (0, 1) if layer.weights.ndim == 3 else tuple(range(1, layer.weights.ndim))
    bias = rng.integers(-(1 << 22), 1 << 22, layer.out_c).astype(np.int32)
    total = int(np.abs(layer.weights.astype(np.int64)).sum(axes).max())
    weights = layer.weights if total < 65000 else layer.weights // (1 + total // 65000)
    low, high = 256 * layer.act_min, 256 * layer.act_max + 255
    if layer.act_min == layer.out_zero:  # a ReLU
        low, high = 0, 32767
    return replace(
        layer, act_bits=16, in_zero=0, out_zero=0, weights=weights.astype(np.int8), bias=bias,
        act_min=low, act_max=high,
        shift=np.minimum(layer.shift, -2).astype(np.int8))


def inputs_for(layer: MacLayer, rng: np.random.Generator) -> NDArray[np.int8]:
    """The bytes of an input, every fourth one of nothing but extremes."""
    n, low = layer.rows * layer.in_h * layer.in_w * layer.in_c, -(1 << (layer.act_bits - 1))
    if layer.signs:
        return (layer.signs * rng.integers(-1, 2, n)).astype(np.int8)
    dtype = np.int8 if layer.act_bits == 8 else np.int16
    x = rng.integers(low, -low, n).astype(dtype)
    if rng.integers(4) == 0:
        x = rng.choice(np.array([low, -low - 1], dtype), n)
    return x.view(np.int8)


def raised(layer: MacLayer, rng: np.random.Generator) -> MacLayer:
    """`layer` with left shifts, none and right shifts mixed, as far as sums stay within 2**30."""
    most = np.floor(np.log2((1 << 30) / (layer.acc_bounds + 1.0)))
    shift = np.minimum(rng.integers(-2, 8, layer.out_c), most - 1)
    return replace(layer, shift=shift.astype(np.int8))


FAMILIES = (
    Family("conv2d", kernels.CONV2D, conv_layers, conv_call),
    Family("depthwise", kernels.DEPTHWISE, depthwise_layers, depthwise_call),
    Family("dense", kernels.DENSE, dense_layers, dense_call),
)
VARIANTS = [pytest.param(f, k, name, id=f"{f.name}-{k.func}-w{k.weight_bits}-{name}")
            for f in FAMILIES for k in f.kernels for name in BOARDS.get(k.isa, ())]


def trials_of(family: Family, kernel: MacKernel, target: Target) -> list[tuple[Trial, Trial]]:
    """(portable, variant) for every layer that the variant fits."""
    rng = np.random.default_rng(7)
    pairs = []
    for layer in family.layers_for(kernel, rng):
        x = inputs_for(layer, rng)
        skew = int(rng.integers(16)) & -(layer.act_bits // 8)
        size = layer.rows * layer.out_h * layer.out_w * layer.out_c * (layer.act_bits // 8)
        if kernel.isa == "v6m":
            skew &= ~3  # no unaligned loads there: tensors lie at multiples of 4
        if not kernel.fits(layer, target):
            continue
        plain = family.call(layer, family.portable_of(kernel))
        variant = family.call(layer, kernel)
        dying = variant.overlap[0] is not None or (variant.in_place and len(pairs) % 3 != 0)
        further = (148 * len(pairs)) % (size + 1) & ~3 if len(pairs) % 2 else 0
        pairs.append((Trial(plain, (x,), size), Trial(variant, (x,), size, skew, dying, further)))
    return pairs


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@pytest.mark.parametrize(("family", "kernel", "name"), VARIANTS)
def test_variant_equals_portable(family: Family, kernel: MacKernel, name: str,
                                 compiler: str | None) -> None:
    board = load_board(name)
    skip_without_tools(board, compiler)
    pairs = trials_of(family, kernel, Target(board))
    assert len(pairs) >= 3, "the variant takes too few of the layers to be tested"
    outcomes = run_trials(board, [t for pair in pairs for t in pair], compiler=compiler)
    for i, (_, trial) in enumerate(pairs):
        expected, found = outcomes[2 * i].output, outcomes[2 * i + 1].output
        wrong = np.flatnonzero(expected != found)
        assert wrong.size == 0, (i, trial.call.fields[:18], wrong[:10], found[wrong[:10]])


# Kernels that hold two weights in a halfword, or sum up two products in 16 bits, leave layers with
# a weight of -128 to others.
REFUSE_MINUS_128 = frozenset({
    "eq_conv2d_1x1_s8_dsp", "eq_conv2d_s8_dsp", "eq_conv2d_shallow_s8_dsp", "eq_dense_s8_dsp",
    "eq_conv2d_left_s8_dsp",
    "eq_conv2d_s8_neon", "eq_dense_s8_neon", "eq_dwconv2d_3x3_s8_neon",
    "eq_conv2d_left_s8_neon", "eq_dense_left_s8_neon"})


@pytest.mark.parametrize(("family", "kernel", "name"), [
    v for v in VARIANTS if v.values[1].weight_bits == 8 and v.values[1].act_bits == 8])
def test_weights_of_minus_128_are_met(family: Family, kernel: MacKernel, name: str) -> None:
    """Every kernel either runs layers with them above, or refuses them all."""
    target = Target(load_board(name))
    layers = [x for x in family.layers_for(kernel, np.random.default_rng(7))
              if int(plain_constants(x).weights.min()) == -128]
    taken = [x for x in layers if kernel.fits(x, target)]
    assert len(layers) >= 5
    if kernel.func in REFUSE_MINUS_128:
        assert not taken
        assert all(choose(family.kernels, x, target).func != kernel.func for x in layers)
    else:
        assert taken, "no layer with a weight of -128 was compared"


MVE = [pytest.param(f, k, id=f"{f.name}-{k.func}-w{k.weight_bits}")
       for f in FAMILIES for k in f.kernels if k.isa == "mve"]


@pytest.mark.parametrize(("family", "kernel"), MVE)
def test_no_byte_behind_the_input_is_read(family: Family, kernel: MacKernel) -> None:
    """The input ends where the RAM of the machine ends: reading on would be a fault."""
    board = load_board(BOARDS["mve"][0])
    skip_without_tools(board, None)
    pairs = [(plain, replace(variant, dying=False))
             for plain, variant in trials_of(family, kernel, Target(board))]
    outcomes = run_trials(board, [t for pair in pairs for t in pair], at_end=True)
    for expected, found in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert np.array_equal(expected.output, found.output)


def _shapes(k: int, stride: int) -> st.SearchStrategy[list[Shape]]:
    """Eight geometries for one program."""
    one = st.builds(
        Shape, in_h=st.integers(1, 9), in_w=st.integers(1, 30), in_c=st.integers(1, 40),
        out_c=st.integers(1, 24), k=st.tuples(st.integers(1, k), st.integers(1, k)),
        stride=st.tuples(st.integers(1, stride), st.integers(1, stride)))
    return st.lists(one, min_size=8, max_size=8)


@pytest.mark.parametrize("board_name", ["cortex-m55"])
@settings(max_examples=6, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_layers_on_the_chosen_kernel(board_name: str, data: st.DataObject) -> None:
    """What the generator picks for any geometry gives the bytes of the portable kernel."""
    board = load_board(board_name)
    skip_without_tools(board, None)
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    trials = []
    for s in data.draw(_shapes(5, 3)):
        conv = make_layer(rng, s, (s.out_c, *s.k, s.in_c), s.k[0] * s.k[1] * s.in_c, (1, 2, 3))
        square = replace(s, out_c=s.in_c, k=(3, 3), stride=(s.stride[0], s.stride[0]))
        depthwise = make_layer(rng, square, (3, 3, s.in_c), 9, (0, 1))
        for layer, family in ((conv, FAMILIES[0]), (depthwise, FAMILIES[1])):
            x = rng.integers(-128, 128, layer.in_h * layer.in_w * layer.in_c).astype(np.int8)
            size = layer.out_h * layer.out_w * layer.out_c
            best = choose(family.kernels, layer, Target(board))
            trials += [Trial(family.call(layer, k), (x,), size) for k in (family.portable, best)]
    outcomes = run_trials(board, trials)
    for i in range(0, len(trials), 2):
        assert np.array_equal(outcomes[i].output, outcomes[i + 1].output), trials[i + 1].call.fields


def plain_graph(op: Op, shapes: tuple[tuple[int, ...], ...], scales: tuple[float, ...],
                zeros: tuple[int, ...]) -> Graph:
    """A graph of one operator; scales and zeros of the inputs, then of the output."""
    names = (*op.ins, *op.outs)
    all_shapes = (*shapes, *op.shape(*shapes))
    tensors = {
        name: Tensor(name, shape, q=QuantParams(np.float64(scale), np.int32(zero)))
        for name, shape, scale, zero in zip(names, all_shapes, scales, zeros, strict=True)}
    return Graph(tensors, (op,), op.ins, op.outs)


def add_graphs(rng: np.random.Generator) -> Iterator[Graph]:
    """Sizes around 4 and 16; equal scales, very different ones; extreme zero points; ReLU."""
    for n in (1, 3, 4, 5, 16, 31, 100):
        a, b, y = (float(v) for v in rng.choice([0.02, 0.02, 0.5, 0.0003], 3))
        zeros = tuple(int(v) for v in rng.choice([-128, 127, 0, 11], 3))
        act = Act.RELU if rng.integers(2) else Act.NONE
        op = Add(name="add", ins=("a", "b"), outs=("y",), act=act)
        yield plain_graph(op, ((1, n), (1, n)), (a, b, max(y, 0.01 * max(a, b))), zeros)


def pool_graphs(kind: type[Pool], rng: np.random.Generator) -> Iterator[Graph]:
    """Global and small windows, padding, channels around 4 and 16, large counts."""
    cases = [((25, 5), (25, 5), 64), ((3, 3), (3, 3), 17), ((1, 1), (1, 1), 5),
             ((7, 6), (2, 2), 33), ((8, 8), (3, 3), 16),
             ((100, 60), (100, 60), 3), ((5, 9), (2, 3), 4)]
    for (h, w), kernel, c in cases:
        pad = (((1, 1), (1, 1)) if kernel == (3, 3) and h > 3 else ((0, 0), (0, 0)))
        stride = (1, 1) if kernel[0] > 3 else (2, 1)
        act = Act.RELU6 if rng.integers(2) else Act.NONE
        op = kind(name="pool", ins=("x",), outs=("y",), kernel=kernel, stride=stride, pad=pad,
                  act=act)
        zero = int(rng.choice([-128, 127, 0, 5]))
        yield plain_graph(op, ((1, h, w, c),), (0.07, 0.07), (zero, zero))


def mean_graphs(rng: np.random.Generator) -> Iterator[Graph]:
    """Spatial and channel means and sums, channels around 4 and 16, up- and downscaling."""
    cases = [((1, 5, 4, 16), (1, 2)), ((1, 3, 3, 37), (1, 2)), ((1, 2, 7, 3), (1, 2)),
             ((1, 4, 5, 33), (3,)), ((1, 2, 3, 16), (1,)), ((1, 1, 1, 5), (1, 2))]
    for kind in (Mean, Sum):
        for shape, axes in cases:
            op = kind(name="mean", ins=("x",), outs=("y",), axes=axes, keep_dims=False)
            zeros = tuple(int(v) for v in rng.choice([-128, 127, 0, 5], 2))
            scale = float(rng.choice([0.05, 0.01, 0.4]))
            yield plain_graph(op, (shape,), (0.05, scale), zeros)


PLAIN: dict[str, Callable[[np.random.Generator], Iterator[Graph]]] = {
    "add": add_graphs,
    "avgpool": lambda rng: pool_graphs(AveragePool, rng),
    "maxpool": lambda rng: pool_graphs(MaxPool, rng),
    "mean": mean_graphs,
}


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@pytest.mark.parametrize("board_name", ["cortex-m55"])
@pytest.mark.parametrize("name", PLAIN)
def test_operator_without_weights(name: str, board_name: str, compiler: str | None) -> None:
    """What the board's kernels compute is what `run_int` specifies."""
    board = load_board(board_name)
    skip_without_tools(board, compiler)
    rng = np.random.default_rng(5)
    trials, expected = [], []
    for g in PLAIN[name](rng):
        (op,) = g.ops
        xs = tuple(rng.integers(-128, 128, g.tensor(n).shape).astype(np.int8) for n in op.ins)
        (call,) = op.lower(g, Target(board))
        assert "_s8_" in call.func, "a variant, not the portable kernel"
        expected.append(op.run_int(g, *xs)[0].reshape(-1))
        order = tuple(xs[op.ins.index(n)] for n in call.ins)
        trials.append(Trial(call, order, expected[-1].size, int(rng.integers(16)),
                            dying=call.overlap[0] is not None))
    for i, outcome in enumerate(run_trials(board, trials, compiler=compiler)):
        wrong = np.flatnonzero(outcome.output != expected[i])
        assert wrong.size == 0, (i, trials[i].call.fields, wrong[:10])


CORTEX_M = [pytest.param(f, k, id=f"{f.name}-{k.func}-w{k.weight_bits}")
            for f in FAMILIES for k in f.kernels if k.isa in ("mve", "dsp", "v7m", "v6m")]


@pytest.mark.parametrize(("family", "kernel"), CORTEX_M)
def test_dead_channels_do_not_cost_the_kernel(family: Family, kernel: MacKernel) -> None:
    """Weights of zero, biases of 2**30 and any shift, as converters leave pruned channels."""
    board = load_board(BOARDS[kernel.isa][0])
    skip_without_tools(board, None)
    portable = family.portable_of(kernel)
    rng, target, pairs = np.random.default_rng(3), Target(board), []
    for layer in family.layers_for(kernel, rng):
        dead = rng.integers(3, size=layer.out_c) == 0
        last = (-1, *[1] * (layer.weights.ndim - 1)) if layer.weights.ndim != 3 else (-1,)
        pruned = replace(
            layer, weights=np.where(dead.reshape(last), 0, layer.weights).astype(np.int8),
            bias=np.where(dead, rng.choice([-(1 << 30), 1 << 30, 77], layer.out_c),
                          layer.bias).astype(np.int32),
            shift=np.where(dead, rng.integers(-9, 1, layer.out_c), layer.shift).astype(np.int8))
        if not kernel.fits(layer, target):
            continue
        assert kernel.fits(pruned, target)
        x = inputs_for(layer, rng)
        size = layer.rows * layer.out_h * layer.out_w * layer.out_c * (layer.act_bits // 8)
        pairs += [Trial(family.call(pruned, k), (x,), size) for k in (portable, kernel)]
    outcomes = run_trials(board, pairs)
    for plain, variant in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert np.array_equal(plain.output, variant.output)


def test_speed_keeps_outputs_apart() -> None:
    """The copies of the NEON convolutions that share bytes are for small arenas."""
    board = load_board("cortex-a53")
    for layer in conv_layers(np.random.default_rng(1)):
        kernel = choose(kernels.CONV2D, layer, Target(board))
        assert overlap_of(kernel, layer, Target(board)) == kernel.overlap(layer)
        if kernel.isa == "neon":
            assert overlap_of(kernel, layer, Target(board, Optimize.SPEED)) is None
