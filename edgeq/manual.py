"""The manual of operators, made from the classes, their limits and the readers' tables."""

from __future__ import annotations

import inspect

from edgeq.ops import OPS
from edgeq.ops.base import Op

_HEAD = """# Operators

What edgeq reads, computes in integers and prints as C. This text is what `edgeq ops` prints; it is
made from the limits that the code checks (`edgeq ops > docs/operators.md`).
`edgeq ops MODEL` says for every node of a model what becomes of it, or why not and what to do.

Shapes are channels last, (n, h, w, c), with a batch of 1; n is the batch. Where a node works along
the first axis, an axis of size 1 is put in front of it; a batch that a graph makes of one sample
(SPACE_TO_BATCH_ND) runs image by image through the operators that take one. A model whose input
has one axis (values) is taken with samples (n, values).
"""
_WIDTH = 96


def operators_manual() -> str:
    """Markdown: every operator with its formula, the file formats' names for it, its limits."""
    from edgeq.readers import tflite, tflite_parts, tflite_recurrent
    from edgeq.readers.onnx import node_kinds

    parts = [_HEAD, *(_section(op) for op in OPS)]
    parts.append("## TensorFlow Lite nodes that become several operators, or a function\n\n"
                 + _wrapped(sorted({**tflite_parts.NODES, **tflite_recurrent.NODES})) + "\n")
    parts.append("## TensorFlow Lite nodes that the reader resolves\n\n"
                 + _wrapped(sorted(tflite.BORDERS)) + "\n")
    parts.append("## ONNX nodes\n\nNodes on constants are computed while reading, whatever they "
                 "are; the others may be\n\n" + _wrapped(list(node_kinds())) + "\n")
    return "\n".join(parts)


def _section(op: type[Op]) -> str:
    lines = [f"## {op.__name__}", "", "```text", inspect.cleandoc(op.__doc__ or ""), "```", ""]
    if op.tflite_names:
        lines += [f"TensorFlow Lite: {', '.join(op.tflite_names)}.", ""]
    for limit in op.limits:
        lines.append(f"- {limit.text}; otherwise: {limit.fix}")
    if op.limits:
        lines.append("")
    return "\n".join(lines)


def _wrapped(names: list[str]) -> str:
    """The names with commas, in lines."""
    lines, line = [], ""
    for i, name in enumerate(names):
        piece = name + ("," if i + 1 < len(names) else ".")
        if line and len(line) + 1 + len(piece) > _WIDTH:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    return "\n".join([*lines, line])
