"""Small Keras networks as TensorFlow's own converter quantizes them.

`TF_PYTHON tests/bench/keras_zoo.py FOLDER [NET...]` with an interpreter that has tensorflow-cpu,
tf_keras and tensorflow-model-optimization writes NET-KIND.tflite for every network and kind, and
prints what the converter refuses. Weights are random, seeded by the network's name. The files are
compared by tests/oracle/test_keras_zoo.py.
"""

from __future__ import annotations

import os
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # what tensorflow-model-optimization takes
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

L = tf.keras.layers
IMAGE, ROWS = (8, 10, 6), (12, 16)
Out = object  # a symbolic tensor of Keras


def conv(x: Out, channels: int = 8, **attrs: object) -> Out:
    return L.Conv2D(channels, **{"kernel_size": 3, "padding": "same", **attrs})(x)


def plain_conv(x: Out) -> Out:
    y = L.BatchNormalization()(conv(x, use_bias=False))
    return conv(L.ReLU()(y), 5, strides=2, padding="valid")


def dilated(x: Out) -> Out:
    return conv(conv(x, dilation_rate=2, activation="relu"), 4, dilation_rate=(1, 3))


def grouped(x: Out) -> Out:
    return conv(conv(x, 8), 8, groups=2)


def depthwise(x: Out) -> Out:
    y = L.DepthwiseConv2D(3, padding="same", activation="relu6")(conv(x))
    y = L.DepthwiseConv2D((3, 1), strides=2, depth_multiplier=2)(y)
    return L.SeparableConv2D(7, 3, padding="same")(y)


def dense(x: Out) -> Out:
    y = L.Dense(20, activation="relu")(L.Flatten()(x))
    return L.Softmax()(L.Dense(10)(y))


def dense_rows(x: Out) -> Out:
    return L.Dense(9, use_bias=False)(L.Dense(20, activation="relu")(x))


def conv1d(x: Out) -> Out:
    y = L.Conv1D(12, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    return L.GlobalAveragePooling1D()(L.Conv1D(8, 3)(y))


def residual(x: Out) -> Out:
    y = conv(x, 6, activation="relu")
    return L.ReLU()(L.Add()([conv(y, 6), L.Subtract()([x, y])]))


def squeeze_excite(x: Out) -> Out:
    y = conv(x)
    gate = L.GlobalAveragePooling2D(keepdims=True)(y)
    gate = conv(conv(gate, 4, kernel_size=1, activation="relu"), 8, kernel_size=1)
    return L.Multiply()([y, tf.keras.activations.sigmoid(gate)])


def concat(x: Out) -> Out:
    y = L.Concatenate()([conv(x, 4, activation="relu"), x, conv(x, 3, activation="tanh")])
    return conv(y, 4)


def pools(x: Out) -> Out:
    y = L.AveragePooling2D(3, 2, padding="same")(conv(x))
    z = L.MaxPooling2D(2, 1, padding="same")(y)
    return L.Concatenate()([L.GlobalAveragePooling2D()(z), L.GlobalMaxPooling2D()(y)])


def nearest(x: Out) -> Out:
    return conv(L.UpSampling2D(2)(conv(x, 4)), 3)


def bilinear(x: Out) -> Out:
    return conv(L.UpSampling2D(2, interpolation="bilinear")(conv(x, 4)), 3)


def transposed(x: Out) -> Out:
    y = L.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(x)
    return L.Conv2DTranspose(4, (2, 4), strides=(1, 2), padding="valid")(y)


def padded(x: Out) -> Out:
    return conv(L.ZeroPadding2D(((1, 2), (0, 3)))(conv(x)), 4, padding="valid")


def mirrored(x: Out) -> Out:
    return tf.pad(conv(x, 4), [[0, 0], [1, 1], [2, 1], [0, 0]], "REFLECT")


def prelu(x: Out) -> Out:
    slopes = tf.keras.initializers.RandomUniform(-0.3, 0.6, seed=1)
    return conv(L.PReLU(alpha_initializer=slopes, shared_axes=[1, 2])(conv(x)), 4)


def leaky(x: Out) -> Out:
    return L.LeakyReLU(0.2)(conv(x))


def elu(x: Out) -> Out:
    return tf.nn.elu(conv(x))


def hard_swish(x: Out) -> Out:
    y = conv(x)
    return conv(y * tf.nn.relu6(y + 3.0) * (1.0 / 6.0), 4)


def swish(x: Out) -> Out:
    return tf.nn.silu(conv(x))


def logistic(x: Out) -> Out:
    return tf.sigmoid(conv(x))


def tanh(x: Out) -> Out:
    return tf.tanh(conv(x))


def exp(x: Out) -> Out:
    return tf.exp(conv(x) * 0.5)


def gelu(x: Out) -> Out:
    return tf.nn.gelu(conv(x))


def gelu_tanh(x: Out) -> Out:
    return tf.nn.gelu(conv(x), approximate=True)


def softmax(x: Out) -> Out:
    return tf.nn.softmax(L.Dense(11)(x))


def log_softmax(x: Out) -> Out:
    return tf.nn.log_softmax(L.Dense(11)(x))


def mean(x: Out) -> Out:
    y = conv(x)
    return tf.concat([tf.reduce_mean(y, [1, 2]), tf.reduce_max(y, [1, 2]),
                      tf.reduce_sum(y, [1, 2]) * 0.1], 1)


def mean_rows(x: Out) -> Out:
    return tf.reduce_mean(L.Dense(9)(x), 1)


def strided_slice(x: Out) -> Out:
    return conv(x)[:, 1:7:2, ::-1, 2:]


def split(x: Out) -> Out:
    a, b = tf.split(conv(x), 2, 3)
    return a * tf.sigmoid(b)


def pack(x: Out) -> Out:
    y = L.Dense(9)(x)
    return tf.stack([y, tf.tanh(y)], 2)


def unpack(x: Out) -> Out:
    a, b, *_ = tf.unstack(L.Dense(9)(x), axis=1)
    return a + b


def transpose(x: Out) -> Out:
    return L.Dense(5)(L.Permute((2, 1))(L.Dense(9)(x)))


def space_depth(x: Out) -> Out:
    return tf.nn.space_to_depth(tf.nn.depth_to_space(conv(x), 2), 4)


def min_max(x: Out) -> Out:
    y = conv(x)
    return tf.maximum(y, conv(x)) - tf.minimum(y, 0.25)


def squares(x: Out) -> Out:
    y = conv(x)
    return tf.sqrt(tf.square(y) + 0.1) + tf.abs(y) + tf.math.squared_difference(y, conv(x))


def divide(x: Out) -> Out:
    return conv(x) / (tf.sigmoid(conv(x)) + 0.5)


def rsqrt(x: Out) -> Out:
    return tf.math.rsqrt(tf.square(conv(x)) + 0.2)


def batch_matmul(x: Out) -> Out:
    q, k, v = (L.Dense(8)(x) for _ in range(3))
    scores = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 0.35)
    return tf.matmul(scores, v)


def attention(x: Out) -> Out:
    return L.MultiHeadAttention(2, 8)(x, x)


def layer_norm(x: Out) -> Out:
    return L.Dense(5)(L.LayerNormalization()(L.Dense(16)(x)))


def l2_norm(x: Out) -> Out:
    return tf.math.l2_normalize(L.Dense(16)(x), -1)


def lstm(x: Out) -> Out:
    return L.Dense(4)(L.LSTM(10)(x))


def lstm_unrolled(x: Out) -> Out:
    return L.Dense(4)(L.LSTM(6, unroll=True)(x))


def gru(x: Out) -> Out:
    return L.Dense(4)(L.GRU(10)(x))


NETS: dict[str, tuple[Callable[[Out], Out], tuple[int, ...]]] = {
    **{f.__name__: (f, IMAGE) for f in (
        plain_conv, dilated, grouped, depthwise, dense, residual, squeeze_excite, concat, pools,
        nearest, bilinear, transposed, padded, mirrored, prelu, leaky, elu, hard_swish, swish,
        logistic, tanh, exp, gelu, gelu_tanh, mean, strided_slice, split, space_depth, min_max,
        squares, divide, rsqrt)},
    **{f.__name__: (f, ROWS) for f in (
        dense_rows, conv1d, softmax, log_softmax, mean_rows, pack, unpack, transpose, batch_matmul,
        attention, layer_norm, l2_norm, lstm, lstm_unrolled, gru)},
}
# layers that tensorflow-model-optimization annotates; it knows no bare functions
TRAINED = ("plain_conv", "depthwise", "dense", "dense_rows", "residual", "concat", "pools",
           "nearest", "bilinear", "transposed", "padded", "prelu", "leaky")
LOOPS = ("gru",)  # TensorFlow 2.21 dies of a segmentation fault when it quantizes them


def network(name: str) -> tf.keras.Model:
    """The network with random weights, biases and statistics of normalizations too."""
    make, shape = NETS[name]
    tf.keras.utils.set_random_seed(zlib.crc32(name.encode()))
    x = tf.keras.Input(shape, batch_size=1)
    model = tf.keras.Model(x, make(x))
    rng = np.random.default_rng(3)
    for w in model.weights:
        if w.shape.rank == 1:
            away = 1.0 if any(part in w.name for part in ("gamma", "variance")) else 0.0
            w.assign(away + rng.uniform(-0.4, 0.4, w.shape))
    return model


def samples(shape: tuple[int, ...]) -> Iterator[list[np.ndarray]]:
    rng = np.random.default_rng(5)
    for _ in range(20):
        yield [rng.normal(0, 1, (1, *shape)).astype(np.float32)]


def converted(model: tf.keras.Model, kind: str, shape: tuple[int, ...]) -> bytes:
    """The file that TensorFlow's converter makes of the model."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "uint8", "int16x8", "int8-tensor"):
        converter.representative_dataset = lambda: samples(shape)
        narrow = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide if kind == "int16x8" else narrow]
        converter._experimental_disable_per_channel = kind == "int8-tensor"
    if kind == "qat4":
        converter._experimental_low_bit_qat = True
    if kind not in ("float32", "float16", "dynamic"):
        edge = {"uint8": tf.uint8, "int16x8": tf.int16}.get(kind, tf.int8)
        converter.inference_input_type = converter.inference_output_type = edge
    return bytes(converter.convert())


def trained(model: tf.keras.Model, bits: int, shape: tuple[int, ...]) -> tf.keras.Model:
    """The model with fake quantization, trained for some steps towards its own float outputs."""
    xs = np.concatenate([x for (x,) in samples(shape)])
    ys = model.predict(xs, verbose=0, batch_size=1)
    quantize = tfmot.quantization.keras
    if bits == 8:
        aware = quantize.quantize_model(model)
    else:
        scheme = quantize.experimental.default_n_bit.DefaultNBitQuantizeScheme(
            num_bits_weight=bits, num_bits_activation=8)
        with quantize.quantize_scope():
            aware = quantize.quantize_apply(quantize.quantize_annotate_model(model), scheme)
    aware.compile("sgd", "mse")
    aware.fit(xs, ys, batch_size=1, epochs=2, verbose=0)
    return aware


def files(name: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Every kind of the network, and what makes its file."""
    shape = NETS[name][1]
    integers = ("int8", "int16x8", "uint8", "int8-tensor")
    for kind in (*(() if name in LOOPS else integers), "dynamic", "float16", "float32"):
        yield kind, lambda kind=kind: converted(network(name), kind, shape)
    if name in TRAINED:
        yield "qat8", lambda: converted(trained(network(name), 8, shape), "qat8", shape)
        yield "qat4", lambda: converted(trained(network(name), 4, shape), "qat4", shape)


def main(folder: Path, names: list[str]) -> None:
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or NETS:
        for kind, make in files(name):
            path = folder / f"{name}-{kind}.tflite"
            if path.exists():
                continue
            try:
                path.write_bytes(make())
            except Exception as error:  # whatever the converter raises is a fact to report
                print(f"{path.name}: {type(error).__name__}: {str(error).splitlines()[0][:150]}",
                      flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
