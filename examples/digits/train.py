"""Trains the example: a small CNN on scikit-learn's 8x8 digits, in numpy alone.

    pip install 'edgeq[example]'
    python examples/digits/train.py

Writes beside this file digits.tflite (float32), digits_calib.npz and digits_eval.npz.
The seed is fixed, the arithmetic is double, and the weights are rounded to a grid of 2^-12,
so a second run gives the same bytes.

    input 8x8x1 (ink 0..16) -> conv 3x3, 12 -> depthwise 3x3 + pointwise 24 -> max pool 2x2
        -> depthwise 3x3 + pointwise 32 -> average pool 2x2 -> dense 10 -> softmax
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from tflite_writer import TfliteWriter

HERE = Path(__file__).resolve().parent
SEED, EPOCHS, BATCH, RATE = 7, 60, 64, 4e-3
EVAL, CALIB = 500, 100  # images; the first are never trained on, the second are
INK = 16.0  # the data's full scale

Array = NDArray[np.float64]
Params = dict[str, Array]


@dataclass(frozen=True)
class Data:
    """Images (n, 8, 8, 1) uint8 with labels; `train` also serves for calibration."""

    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    eval_x: NDArray[np.uint8]
    eval_y: NDArray[np.int64]


def load() -> Data:
    """The digits, shuffled with the seed, then split."""
    digits = load_digits()
    order = np.random.default_rng(SEED).permutation(len(digits.target))
    x = digits.images.astype(np.uint8)[order, :, :, None]
    y = digits.target.astype(np.int64)[order]
    return Data(x[EVAL:], y[EVAL:], x[:EVAL], y[:EVAL])


def init(rng: np.random.Generator) -> Params:
    """He initialization."""

    def he(*shape: int, fan: int) -> Array:
        return rng.normal(0.0, np.sqrt(2.0 / fan), shape)

    return {
        "c1_w": he(12, 3, 3, 1, fan=9), "c1_b": np.zeros(12),
        "d1_w": he(3, 3, 12, fan=9), "d1_b": np.zeros(12),
        "p1_w": he(24, 12, fan=12), "p1_b": np.zeros(24),
        "d2_w": he(3, 3, 24, fan=9), "d2_b": np.zeros(24),
        "p2_w": he(32, 24, fan=24), "p2_b": np.zeros(32),
        "fc_w": he(10, 128, fan=128), "fc_b": np.zeros(10),
    }


def patches(x: Array) -> Array:
    """SAME 3x3 neighbourhoods: (n, h, w, c) -> (n, h, w, 3, 3, c)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).transpose(
        0, 1, 2, 4, 5, 3)


def unpatch(grad: Array) -> Array:
    """The adjoint of `patches`: (n, h, w, 3, 3, c) -> (n, h, w, c)."""
    n, h, w, _, _, c = grad.shape
    out = np.zeros((n, h + 2, w + 2, c))
    for ky in range(3):
        for kx in range(3):
            out[:, ky:ky + h, kx:kx + w] += grad[:, :, :, ky, kx]
    return out[:, 1:-1, 1:-1]


def step(p: Params, x: Array, y: NDArray[np.int64] | None) -> tuple[Array, Params]:
    """(logits, gradients); no gradients where `y` is None."""
    x1 = patches(x)
    a1 = np.maximum(np.einsum("nhwijc,oijc->nhwo", x1, p["c1_w"], optimize=True) + p["c1_b"], 0)
    x2 = patches(a1)
    a2 = np.maximum(np.einsum("nhwijc,ijc->nhwc", x2, p["d1_w"], optimize=True) + p["d1_b"], 0)
    a3 = np.maximum(a2 @ p["p1_w"].T + p["p1_b"], 0)
    n, h, w, c = a3.shape
    blocks = a3.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(
        n, h // 2, w // 2, c, 4)
    best = blocks.argmax(-1)[..., None]
    a4 = np.take_along_axis(blocks, best, -1)[..., 0]
    x5 = patches(a4)
    a5 = np.maximum(np.einsum("nhwijc,ijc->nhwc", x5, p["d2_w"], optimize=True) + p["d2_b"], 0)
    a6 = np.maximum(a5 @ p["p2_w"].T + p["p2_b"], 0)
    a7 = a6.reshape(n, 2, 2, 2, 2, 32).mean((2, 4)).reshape(n, 128)
    logits = a7 @ p["fc_w"].T + p["fc_b"]
    if y is None:
        return logits, {}

    prob = softmax(logits)
    prob[np.arange(n), y] -= 1.0
    d = prob / n
    g = {"fc_w": d.T @ a7, "fc_b": d.sum(0)}
    d = np.repeat(np.repeat((d @ p["fc_w"]).reshape(n, 2, 2, 32) / 4, 2, 1), 2, 2) * (a6 > 0)
    g |= {"p2_w": np.einsum("nhwo,nhwi->oi", d, a5, optimize=True), "p2_b": d.sum((0, 1, 2))}
    d = (d @ p["p2_w"]) * (a5 > 0)
    g |= {"d2_w": np.einsum("nhwc,nhwijc->ijc", d, x5, optimize=True), "d2_b": d.sum((0, 1, 2))}
    d = unpatch(d[:, :, :, None, None] * p["d2_w"])
    spread = np.zeros_like(blocks)
    np.put_along_axis(spread, best, d[..., None], -1)
    d = spread.reshape(n, h // 2, w // 2, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(n, h, w, c)
    d = d * (a3 > 0)
    g |= {"p1_w": np.einsum("nhwo,nhwi->oi", d, a2, optimize=True), "p1_b": d.sum((0, 1, 2))}
    d = (d @ p["p1_w"]) * (a2 > 0)
    g |= {"d1_w": np.einsum("nhwc,nhwijc->ijc", d, x2, optimize=True), "d1_b": d.sum((0, 1, 2))}
    d = unpatch(d[:, :, :, None, None] * p["d1_w"]) * (a1 > 0)
    g |= {"c1_w": np.einsum("nhwo,nhwijc->oijc", d, x1, optimize=True), "c1_b": d.sum((0, 1, 2))}
    return logits, g


def softmax(logits: Array) -> Array:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def train(data: Data) -> Params:
    """Adam with a cosine schedule and one-pixel shifts."""
    rng = np.random.default_rng(SEED)
    p = init(rng)
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(v) for k, v in p.items()}
    x, y = data.train_x / INK, data.train_y
    batches, t = len(y) // BATCH, 0
    for epoch in range(EPOCHS):
        order = rng.permutation(len(y))
        for i in range(batches):
            t += 1
            rows = order[i * BATCH:(i + 1) * BATCH]
            shift = rng.integers(-1, 2, 2)
            batch = np.roll(x[rows], shift, (1, 2)) if t % 2 else x[rows]
            _, grads = step(p, batch, y[rows])
            rate = RATE * 0.5 * (1 + np.cos(np.pi * t / (EPOCHS * batches)))
            for k, grad in grads.items():
                m[k] = 0.9 * m[k] + 0.1 * grad
                v[k] = 0.999 * v[k] + 0.001 * grad * grad
                p[k] = p[k] - rate * (m[k] / (1 - 0.9**t)) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1:3d}: evaluation accuracy {accuracy(p, data):.2%}")
    return {k: np.round(value * 4096) / 4096 for k, value in p.items()}


def accuracy(p: Params, data: Data) -> float:
    logits, _ = step(p, data.eval_x / INK, None)
    return float((logits.argmax(1) == data.eval_y).mean())


def tflite_bytes(p: Params) -> bytes:
    """The float32 file; the input's 1/16 is folded into the first layer's weights."""
    import tflite

    f = {k: v.astype(np.float32) for k, v in p.items()}
    relu, same = tflite.ActivationFunctionType.RELU, tflite.Padding.SAME
    w = TfliteWriter("digits")
    x = w.tensor("image", (1, 8, 8, 1))

    def conv(src: int, name: str, weights: NDArray[np.float32], bias: str, size: int) -> int:
        y = w.tensor(f"{name}_out", (1, size, size, weights.shape[0]))
        w.op("CONV_2D",
             [src, w.const(f"{name}/weights", weights), w.const(f"{name}/bias", f[bias])],
             [y], "Conv2DOptions", Padding=same, StrideW=1, StrideH=1, DilationWFactor=1,
             DilationHFactor=1, FusedActivationFunction=relu)
        return y

    def depthwise(src: int, name: str, key: str, size: int) -> int:
        weights = f[f"{key}_w"][None]
        y = w.tensor(f"{name}_out", (1, size, size, weights.shape[-1]))
        w.op("DEPTHWISE_CONV_2D",
             [src, w.const(f"{name}/weights", weights), w.const(f"{name}/bias", f[f"{key}_b"])],
             [y], "DepthwiseConv2DOptions", Padding=same, StrideW=1, StrideH=1, DepthMultiplier=1,
             DilationWFactor=1, DilationHFactor=1, FusedActivationFunction=relu)
        return y

    t = conv(x, "conv", f["c1_w"] / np.float32(INK), "c1_b", 8)
    t = depthwise(t, "depthwise_1", "d1", 8)
    t = conv(t, "pointwise_1", f["p1_w"][:, None, None, :], "p1_b", 8)
    pooled = w.tensor("pool_out", (1, 4, 4, 24))
    w.op("MAX_POOL_2D", [t], [pooled], "Pool2DOptions", Padding=tflite.Padding.VALID, StrideW=2,
         StrideH=2, FilterWidth=2, FilterHeight=2)
    t = depthwise(pooled, "depthwise_2", "d2", 4)
    t = conv(t, "pointwise_2", f["p2_w"][:, None, None, :], "p2_b", 4)
    averaged = w.tensor("average_out", (1, 2, 2, 32))
    w.op("AVERAGE_POOL_2D", [t], [averaged], "Pool2DOptions", Padding=tflite.Padding.VALID,
         StrideW=2, StrideH=2, FilterWidth=2, FilterHeight=2)
    flat, logits = w.tensor("flat", (1, 128)), w.tensor("logits", (1, 10))
    w.op("RESHAPE", [averaged, w.const("flat/shape", np.array([1, 128], np.int32))], [flat],
         "ReshapeOptions", NewShape=(1, 128))
    w.op("FULLY_CONNECTED", [flat, w.const("dense/weights", f["fc_w"]),
                             w.const("dense/bias", f["fc_b"])], [logits], "FullyConnectedOptions")
    y = w.tensor("probabilities", (1, 10))
    w.op("SOFTMAX", [logits], [y], "SoftmaxOptions", Beta=1.0)
    return w.write([x], [y])


def ink_group(x: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Thirds by the amount of ink, so that the evaluation shows whom quantization hurts."""
    ink = x.reshape(len(x), -1).sum(1)
    low, high = np.quantile(ink, [1 / 3, 2 / 3])
    return np.where(ink < low, "light", np.where(ink < high, "medium", "bold")).astype("<U6")


def main() -> None:
    data = load()
    params = train(data)
    print(f"float accuracy on {EVAL} digits: {accuracy(params, data):.2%}")
    (HERE / "digits.tflite").write_bytes(tflite_bytes(params))
    np.savez(HERE / "digits_calib.npz", x=data.train_x[:CALIB],
             y=data.train_y[:CALIB].astype(np.int8))
    np.savez(HERE / "digits_eval.npz", x=data.eval_x, y=data.eval_y.astype(np.int8),
             group=ink_group(data.eval_x))


if __name__ == "__main__":
    main()
