"""What comes nearest to a node that has no translation: for the message that refuses it."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

# TensorFlow Lite and ONNX names without case and separators -> the form that edgeq reads
_FORMS = {
    "conv3d": "2-D convolutions over slices",
    "convtranspose3d": "2-D transposed convolutions over slices",
    "if": "one branch, chosen before export",
    "lrn": "batch normalization, which folds into the layer before",
    "loop": "the loop unrolled at export",
    "nonmaxsuppressionv4": "TFLite_Detection_PostProcess with fast suppression",
    "nonmaxsuppressionv5": "TFLite_Detection_PostProcess with fast suppression",
    "scatternd": "concatenation or padding at constant places",
    "where": "SELECT_V2, or ONNX Where with three inputs",
}
_CLOSE = 0.75  # likeness of names from which one is worth a look


def nearest(kind: str, known: Collection[str]) -> str:
    """The nearest form to `kind` among those that are read, in words; where to look if none is."""
    plain = "".join(c for c in kind.lower() if c.isalnum())
    alike = get_close_matches(kind, [k for k in known if k != kind], 3, _CLOSE)
    parts = [_FORMS[plain]] if plain in _FORMS else []
    parts += [f"{', '.join(alike)} (a like name)"] if alike and not parts else []
    return "; ".join(parts) or "the operators that `edgeq ops` lists"
