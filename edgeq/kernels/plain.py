"""The kernels of operators without weights: one C function each, and what an ISA may replace."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.board import CMSIS_ISAS, CmsisIsa, Target


@dataclass(frozen=True)
class Kernel:
    """One C function that takes every instance of its operator."""

    func: str
    isa: str  # the chain entry of Board.isa that it needs
    source: str  # below runtime_c/
    headers: tuple[str, ...] = ()  # further files below runtime_c/ that `source` includes
    scratch: int | None = None  # bytes a channel of pooling; None: no scratch parameter
    slides: bool = True  # False: `out` may not overlap `in`, whatever the operator allows

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, *self.headers)


def portable(func: str, *headers: str) -> Kernel:
    """The portable kernel `func`."""
    return Kernel(func, "c", f"ops/{func}.c", headers)


def pick(kernels: tuple[Kernel, ...], target: Target) -> Kernel:
    """The best kernel of the board's ISA chain (tuple order within an ISA)."""
    for isa in target.isa:
        for kernel in kernels:
            if kernel.isa == isa:
                return kernel
    raise AssertionError("the portable kernel is always there")


def mve(func: str, *headers: str) -> Kernel:
    """The Helium kernel `func`."""
    return Kernel(func, "mve", f"kernels/{func}.c", ("kernels/eq_mve.h", *headers))


def neon(func: str, *headers: str) -> Kernel:
    """The NEON kernel `func`."""
    return Kernel(func, "neon", f"kernels/{func}.c", ("kernels/eq_neon.h", *headers))


def cortex_m(func: str, isa: str, *headers: str) -> Kernel:
    """The kernel `func` of the DSP extension ("dsp"), ARMv7-M ("v7m") or ARMv6-M ("v6m")."""
    return Kernel(func, isa, f"kernels/{func}.c", (f"kernels/eq_gemm_{isa}.h", *headers))


def words(op: str, *headers: str) -> tuple[Kernel, ...]:
    """The kernels of eq_<op>_s8 that work on four int8 in a word, with DSP and on ARMv7-M."""
    shared = (f"kernels/eq_{op}_words.h", "kernels/eq_bytes4.h", *headers)
    return tuple(cortex_m(f"eq_{op}_s8_{isa}", isa, f"kernels/eq_bytes4_{isa}.h", *shared)
                 for isa in ("dsp", "v7m"))


def cmsis(func: str, scratch: int | None = None) -> tuple[Kernel, ...]:
    """The adapter `func` to CMSIS-NN; its `scratch` is for cores with the DSP extension only."""
    def adapter(isa: CmsisIsa) -> Kernel:
        each = scratch if scratch is None or isa is CmsisIsa.DSP else 0
        return Kernel(func, isa.value, f"kernels/{func}.c", ("kernels/eq_cmsis.h",), each, False)

    return tuple(adapter(isa) for isa in CMSIS_ISAS)


def moves(op: str) -> tuple[Kernel, ...]:
    """The kernels of eq_<op>_s8: one body, eq_<op>_rows.h, over copies and fills of each ISA."""
    func, body, table = f"eq_{op}_s8", f"ops/eq_{op}_rows.h", "ops/eq_bytes_look_up.h"
    return (portable(func, body, "ops/eq_bytes.h", table),
            mve(f"{func}_mve", body, "kernels/eq_bytes_mve.h"),
            *(Kernel(f"{func}_{isa}", isa, f"kernels/{func}_{isa}.c",
                     (body, f"kernels/eq_bytes_{isa}.h", table)) for isa in ("v7m", "v6m")))


_POOL, _MEAN = "ops/eq_pool_window.h", "ops/eq_pool_mean.h"
_ADD, _SUMS = "kernels/eq_add_m.h", "kernels/eq_sums4.h"
_SCALE = "ops/eq_softmax_scale.h"
ADD: tuple[Kernel, ...] = (portable("eq_add_s8", "ops/eq_scale.h"), mve("eq_add_s8_mve"),
                           neon("eq_add_s8_neon"),
                           cortex_m("eq_add_s8_dsp", "dsp", _ADD),
                           cortex_m("eq_add_s8_v7m", "v7m", _ADD),
                           cortex_m("eq_add_s8_v6m", "v6m"),
                           *cmsis("eq_add_s8_cmsis"))
_NEON_LUT = "kernels/eq_neon_lut.h"
_NEON_ROWS = ("kernels/eq_neon_scale.h", "kernels/eq_neon_rows.h")
LUT: tuple[Kernel, ...] = (portable("eq_lut_s8"),
                           mve("eq_lut_s8_mve", "kernels/eq_bytes_mve.h"),
                           neon("eq_lut_s8_neon", _NEON_LUT))
AVGPOOL: tuple[Kernel, ...] = (portable("eq_avgpool_s8", _POOL, _MEAN),
                               mve("eq_avgpool_s8_mve", _POOL),
                               *words("avgpool", _POOL, _MEAN, _SUMS),
                               neon("eq_avgpool_s8_neon"),
                               *cmsis("eq_avgpool_s8_cmsis", 4))
MAXPOOL: tuple[Kernel, ...] = (portable("eq_maxpool_s8", _POOL), mve("eq_maxpool_s8_mve", _POOL),
                               *words("maxpool", _POOL),
                               neon("eq_maxpool_s8_neon", _POOL),
                               *cmsis("eq_maxpool_s8_cmsis", 0))
MEAN: tuple[Kernel, ...] = (portable("eq_mean_s8"), mve("eq_mean_s8_mve"),
                            *words("mean", _SUMS, "kernels/eq_scale_m.h", "kernels/eq_scale_dsp.h",
                                   "kernels/eq_scale_v7m.h"),
                            neon("eq_mean_s8_neon", "kernels/eq_neon_scale.h"))
SOFTMAX: tuple[Kernel, ...] = (portable("eq_softmax_s8", _SCALE),
                               mve("eq_softmax_s8_mve", _SCALE),
                               *cmsis("eq_softmax_s8_cmsis"))
_KEPT = ("ops/eq_softmax_kept.h", _SCALE)
SOFTMAX_PREFIX: tuple[Kernel, ...] = (
    portable("eq_softmax_prefix_s8", "ops/eq_softmax_s8.c", *_KEPT),
    mve("eq_softmax_prefix_s8_mve", "kernels/eq_softmax_s8_mve.c", *_KEPT))
SOFTMAX_MASKED: tuple[Kernel, ...] = (
    portable("eq_softmax_masked_s8", "ops/eq_softmax_s8.c", *_KEPT),
    mve("eq_softmax_masked_s8_mve", "kernels/eq_softmax_s8_mve.c", *_KEPT))
PAD = moves("pad")
GATHER: tuple[Kernel, ...] = (portable("eq_gather_s8"),)
GATHER_DEEP: tuple[Kernel, ...] = (portable("eq_gather_deep_s8", "ops/eq_gather_s8.c"),)
COPY = (*moves("copy"), neon("eq_copy_s8_neon", _NEON_LUT))
SHIFT: tuple[Kernel, ...] = (portable("eq_shift"),)
ROW_SUMS: tuple[Kernel, ...] = (portable("eq_rowsums_s8"),)
MEAN_OF_SUMS: tuple[Kernel, ...] = (portable("eq_mean_of_sums_s8"),)
SVDF: tuple[Kernel, ...] = (portable("eq_svdf_s8"),)
ARG_EXTREME: tuple[Kernel, ...] = (portable("eq_argextreme_s8"),)
L2_NORM: tuple[Kernel, ...] = (portable("eq_l2norm_s8"),)
COMPARE: tuple[Kernel, ...] = (portable("eq_compare_s8"),)
SELECT: tuple[Kernel, ...] = (portable("eq_select_s8"),)
EMBEDDING: tuple[Kernel, ...] = (portable("eq_embedding"),)
DETECTIONS: tuple[Kernel, ...] = (portable("eq_detections", "ops/eq_detect_box.h"),)
NMS: tuple[Kernel, ...] = (portable("eq_nms_s8", "ops/eq_detect_box.h"),)
DETECTIONS_REGULAR: tuple[Kernel, ...] = (
    portable("eq_detections_regular", "ops/eq_detect_box.h"),)
MAX_PLACE: tuple[Kernel, ...] = (portable("eq_maxplace_s8", _POOL),)
UNPOOL: tuple[Kernel, ...] = (portable("eq_unpool_s8"),)
CUMSUM: tuple[Kernel, ...] = (portable("eq_cumsum_s8"),)
LOG_SOFTMAX: tuple[Kernel, ...] = (portable("eq_logsoftmax_s8"),)
TOPK: tuple[Kernel, ...] = (portable("eq_topk_s8"),)
ONE_HOT: tuple[Kernel, ...] = (portable("eq_onehot"),)

RESIZE_NEAREST: tuple[Kernel, ...] = (portable("eq_resize_nearest_s8"),)
RESIZE_BILINEAR: tuple[Kernel, ...] = (
    portable("eq_resize_bilinear_s8", "ops/eq_resize_bilinear.h"),)
TRANSPOSE_CONV: tuple[Kernel, ...] = (portable("eq_tconv2d_s8", "ops/eq_tconv_taps.h"),)

# one body over the dot products that each ISA has
_MATMUL = "ops/eq_matmul.h"
MATMUL: tuple[Kernel, ...] = (
    Kernel("eq_matmul_s8", "c", "ops/eq_matmul_s8.c", (_MATMUL, "ops/eq_dot4.h")),
    mve("eq_matmul_s8_mve", _MATMUL, "kernels/eq_dot4_mve.h"),
    cortex_m("eq_matmul_s8_dsp", "dsp", _MATMUL, "kernels/eq_dot4_dsp.h"),
    *(Kernel(f"eq_matmul_s8_{isa}", isa, f"kernels/eq_matmul_s8_{isa}.c",
             ("kernels/eq_neon.h", _MATMUL, "kernels/eq_put4_neon.h", f"kernels/eq_dot4_{isa}.h"))
      for isa in ("neon", "neon_dot")))
_NORM = ("ops/eq_layernorm.h", "ops/eq_root.h")
_NORM_ONE_BY_ONE = (*_NORM, "ops/eq_layernorm_scalar.h")
LAYER_NORM: tuple[Kernel, ...] = (
    Kernel("eq_layernorm_s8", "c", "ops/eq_layernorm_s8.c", _NORM_ONE_BY_ONE),
    mve("eq_layernorm_s8_mve", *_NORM),
    cortex_m("eq_layernorm_s8_dsp", "dsp", "kernels/eq_dot4_dsp.h", *_NORM_ONE_BY_ONE),
    Kernel("eq_layernorm_s8_neon", "neon", "kernels/eq_layernorm_s8_neon.c",
           ("kernels/eq_neon.h", *_NORM)))


def recurrent(layer: str, step: str = "") -> tuple[Kernel, ...]:
    """The kernels of eq_<layer>_s8: one body over the sums of gates that each ISA has.

    With "_step" those that go on from a state.
    """
    shared, mve_rows = ("ops/eq_gates.h", f"ops/eq_{layer}.h"), "kernels/eq_mve_gate_rows.h"
    func = f"eq_{layer}{step}_s8"
    return (Kernel(func, "c", f"ops/{func}.c", (*shared, "ops/eq_gate_rows.h")),
            Kernel(f"{func}_mve", "mve", f"kernels/{func}_mve.c", (*shared, mve_rows)))


LSTM = recurrent("lstm")
GRU = recurrent("gru")
RNN = recurrent("rnn")
LSTM_STEP = recurrent("lstm", "_step")
GRU_STEP = recurrent("gru", "_step")
RNN_STEP = recurrent("rnn", "_step")


def rows(op: str) -> tuple[Kernel, ...]:
    """The kernels of eq_<op>_s8: one body, eq_<op>_rows.h, over the scaling that each ISA has."""
    func, body = f"eq_{op}_s8", f"ops/eq_{op}_rows.h"
    return (Kernel(func, "c", f"ops/{func}.c", (body, "ops/eq_scale.h")),
            cortex_m(f"{func}_dsp", "dsp", body, "kernels/eq_scale_m.h", "kernels/eq_scale_dsp.h"),
            cortex_m(f"{func}_v7m", "v7m", body, "kernels/eq_scale_m.h", "kernels/eq_scale_v7m.h"),
            cortex_m(f"{func}_v6m", "v6m", body, "kernels/eq_scale_v6m.h"),
            mve(f"{func}_mve"), neon(f"{func}_neon", *_NEON_ROWS))


ADDSUB = rows("addsub")
MUL = rows("mul")
DIV = portable("eq_div_s8")
SQDIFF = portable("eq_sqdiff_s8")
PRELU = rows("prelu")
MINMAX: tuple[Kernel, ...] = (portable("eq_minmax_s8"), mve("eq_minmax_s8_mve"),
                              *words("minmax", "ops/eq_minmax_s8.c"),
                              neon("eq_minmax_s8_neon", _NEON_LUT, "kernels/eq_neon_rows.h"))

# Between widths of activations, by bits of input and output.
REQUANTIZE: dict[tuple[int, int], tuple[Kernel, ...]] = {
    (8, 16): (portable("eq_requantize_s8_s16"),),
    (16, 8): (portable("eq_requantize_s16_s8"),),
    (16, 16): (portable("eq_requantize_s16"),),
    (16, 32): (portable("eq_requantize_s16_s32"),),
}


def dynamic(layer: str, *headers: str) -> tuple[Kernel, ...]:
    """The kernels of eq_<layer>_dyn_s16: one body over the dot products that each ISA has."""
    func = f"eq_{layer}_dyn_s16"
    shared = ("ops/eq_narrow.h", "ops/eq_dot_s16.h", f"ops/eq_{layer}_dyn.h", *headers)
    return (Kernel(func, "c", f"ops/{func}.c", (*shared, "ops/eq_dot4.h")),
            Kernel(f"{func}_mve", "mve", f"kernels/{func}_mve.c",
                   (*shared, "kernels/eq_mve_dot4.h")))


_GATES = ("ops/eq_gates.h", "ops/eq_gates_dyn.h")
DYNAMIC_DENSE = dynamic("dense")
DYNAMIC_MATMUL = dynamic("matmul")
DYNAMIC_LSTM = dynamic("lstm", *_GATES)
DYNAMIC_GRU = dynamic("gru", *_GATES)
