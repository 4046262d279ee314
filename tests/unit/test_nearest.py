"""What a refused node is told to look at."""

from __future__ import annotations

from edgeq.readers.nearest import nearest
from edgeq.readers.onnx import node_kinds
from edgeq.readers.tflite import translations
from edgeq.readers.types import NO_OPTIONS


def test_forms_are_for_nodes_that_are_not_read() -> None:
    """A form would mislead where the node itself has a translation by now."""
    from edgeq.readers.nearest import _FORMS

    known = {"".join(c for c in k.lower() if c.isalnum())
             for k in (*node_kinds(), *translations(NO_OPTIONS))}
    assert known & _FORMS.keys() == {"where"}  # of ONNX; TensorFlow Lite's is not read


def test_the_nearest_form_is_named() -> None:
    assert "over slices" in nearest("CONV_3D", ())
    assert nearest("AveragePol", ("AveragePool", "Conv")) == "AveragePool (a like name)"
    assert "edgeq ops" in nearest("CUSTOM Nonsense", ("CONV_2D",))
