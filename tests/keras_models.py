"""Recurrent models as Keras exports them, written by TensorFlow; runs in a Python that has it.

python tests/keras_models.py FOLDER [NAME...] writes NAME.tflite and the samples that calibrated
those in integers, for every model below or the named ones. It imports nothing of edgeq: the
interpreter that runs it (EDGEQ_TENSORFLOW for the tests) need not have it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf

STEPS, CHANNELS, UNITS = 12, 6, 10
FORMS = ("fused", "unroll", "while")
LAYERS = tf.keras.layers


def _rnn(kind, form, **more):
    """A layer of the kind "LSTM", "GRU", "GRU1" (reset before the product) or "SimpleRNN"."""
    more.setdefault("units", UNITS)
    more["bias_initializer"] = tf.keras.initializers.RandomNormal(stddev=0.3, seed=11)
    if kind == "GRU1":
        kind, more["reset_after"] = "GRU", False
    elif kind == "GRU":
        more["reset_after"] = True
    if form == "while":
        more["recurrent_dropout"] = 0.1  # keeps Keras from the form that the converter fuses
    return getattr(LAYERS, kind)(unroll=form == "unroll", **more)


def _model(*layers, batch=1, steps=STEPS):
    model = tf.keras.Sequential(
        [tf.keras.Input(batch_shape=(batch, steps, CHANNELS)), *layers])
    rng = np.random.default_rng(7)
    for v in model.trainable_variables:  # larger than the initializers', so that gates saturate
        if "bias" not in v.name:
            v.assign(v.numpy() * rng.uniform(1.2, 1.8))
    return model


def _plain(kind, form):
    return _model(_rnn(kind, form))


def _sequences(kind, form):
    return _model(_rnn(kind, form, return_sequences=True), LAYERS.Dense(4))


def _backwards(kind, form):
    return _model(_rnn(kind, form, go_backwards=True))


def _backwards_sequences(kind, form):
    return _model(_rnn(kind, form, go_backwards=True, return_sequences=True))


def _stateful(kind, form):
    return _model(_rnn(kind, form, stateful=True), LAYERS.Dense(4))


def _both(kind, form):
    return _model(LAYERS.Bidirectional(_rnn(kind, form)), LAYERS.Dense(4))


def _both_sequences(kind, form):
    return _model(LAYERS.Bidirectional(_rnn(kind, form, return_sequences=True)), LAYERS.Dense(4))


def _stacked(kind, form):
    return _model(_rnn(kind, form, return_sequences=True), _rnn(kind, form, units=8),
                  LAYERS.Dense(4, activation="softmax"))


def _cells(kind, form):
    cell = getattr(LAYERS, {"GRU1": "GRU"}.get(kind, kind) + "Cell")
    more = {"reset_after": kind == "GRU"} if kind.startswith("GRU") else {}
    return _model(LAYERS.RNN([cell(UNITS, **more), cell(7, **more)], unroll=form == "unroll"))


def _distributed(kind, form):
    return _model(LAYERS.TimeDistributed(LAYERS.Dense(5, activation="relu")),
                  _rnn(kind, form, return_sequences=True),
                  LAYERS.TimeDistributed(LAYERS.Dense(3)))


def _convolved(kind, form):
    return _model(LAYERS.Conv1D(8, 3, padding="same", activation="relu"), _rnn(kind, form),
                  LAYERS.Dense(4))


def _two_steps(kind, form):
    return _model(_rnn(kind, form), LAYERS.Dense(4), steps=2)


def _one_step(kind, form):
    return _model(_rnn(kind, form, stateful=True), LAYERS.Dense(4), steps=1)


SHAPES = {"plain": _plain, "sequences": _sequences, "backwards": _backwards,
          "backwards_sequences": _backwards_sequences, "stateful": _stateful, "both": _both,
          "both_sequences": _both_sequences, "stacked": _stacked, "cells": _cells,
          "distributed": _distributed, "convolved": _convolved, "two_steps": _two_steps,
          "one_step": _one_step}
KINDS = ("LSTM", "GRU", "GRU1", "SimpleRNN")


def _convert(model, samples, int8):
    """The bytes of the file."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([s[None]] for s in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def names():
    """Every model; the converter (2.21) crashes on quantizing a loop, so there is none of these."""
    real = [f"{kind}-{shape}-{form}" for shape in SHAPES for kind in KINDS for form in FORMS]
    ints = [f"{kind}-{shape}-{form}-int8" for kind in KINDS for shape in ("plain", "stacked")
            for form in ("fused", "unroll") if form == "unroll" or kind == "LSTM"]
    return real + ints


def main() -> int:
    folder, wanted = Path(sys.argv[1]), sys.argv[2:] or names()
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in wanted:
        kind, shape, form, *int8 = name.split("-")
        tf.keras.utils.set_random_seed(3)
        model = SHAPES[shape](kind, form)
        n = 64
        steps = model.inputs[0].shape[1]
        samples = np.random.default_rng(5).normal(0, 1, (n, steps, CHANNELS)).astype(np.float32)
        try:
            data = _convert(model, samples, bool(int8))
        except Exception as error:  # what TensorFlow cannot export is no model of ours
            (folder / f"{name}.failed").write_text(str(error)[:2000])
            failed += 1
            continue
        (folder / f"{name}.tflite").write_bytes(data)
        np.savez(folder / f"{name}.npz", x=samples)
    print(f"{len(wanted) - failed} models, {failed} that TensorFlow could not export")
    return 0


if __name__ == "__main__":
    sys.exit(main())
