"""What comes nearest to a node that has no translation: for the message that refuses it."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_DFT = "a dense layer whose weights are the cosines and sines, or spectra as the input"
# TensorFlow Lite and ONNX names without domain, case and separators -> the form that edgeq reads
_FORMS = {
    "complexabs": "the root of the sum of two squares, of real and imaginary parts",
    "conv3d": "2-D convolutions over slices",
    "convtranspose3d": "2-D transposed convolutions over slices",
    "decodeimage": "pixels as the input: decode outside the model",
    "dft": _DFT,
    "encodeimage": "pixels as the output: encode outside the model",
    "if": "one branch, chosen before export",
    "loop": "the loop unrolled at export",
    "lrn": "batch normalization, which folds into the layer before",
    "nonmaxsuppressionv4": "TFLite_Detection_PostProcess with fast suppression",
    "nonmaxsuppressionv5": "TFLite_Detection_PostProcess with fast suppression",
    "rfft2d": _DFT,
    "scatternd": "concatenation or padding at constant places",
    "stft": _DFT,
    "where": "SELECT_V2, or ONNX Where with three inputs",
}
_CLOSE = 0.75  # likeness of names from which one is worth a look


def nearest(kind: str, known: Collection[str]) -> str:
    """The nearest form to `kind` among those that are read, in words; where to look if none is."""
    own = kind.split(".")[-1]  # without the domain
    plain = "".join(c for c in own.lower() if c.isalnum())
    alike = get_close_matches(kind, [k for k in known if k != kind], 3, _CLOSE)
    parts = [_FORMS[plain]] if plain in _FORMS else []
    parts += [f"{', '.join(alike)} (a like name)"] if alike and not parts else []
    if not parts and ("." in kind or kind.startswith("CUSTOM ")):
        return "the operators that `edgeq ops` lists, or one of your own with --custom"
    return "; ".join(parts) or "the operators that `edgeq ops` lists"
