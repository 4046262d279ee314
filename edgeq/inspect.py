"""What a model file or a built folder contains, as plain data."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from edgeq.errors import UsageError
from edgeq.ir import Graph
from edgeq.jsontypes import Json
from edgeq.ops.base import Op
from edgeq.passes import simplify
from edgeq.readers import NO_OPTIONS, ReadOptions, read


def inspect_model(path: Path, options: ReadOptions = NO_OPTIONS) -> dict[str, Json]:
    """The simplified graph in the file at `path`: layers, shapes, MACs, parameters."""
    graph = simplify(read(path, options))
    layers: list[dict[str, Json]] = [_layer(graph, op) for op in graph.ops]
    constants = {name for op in graph.ops for name in op.ins
                 if name and graph.tensor(name).is_const}
    return {
        "model": graph.name, "inputs": _tensors(graph, graph.ins),
        "outputs": _tensors(graph, graph.outs),
        "macs": sum(op.macs(graph) for op in graph.ops),
        "parameters": sum(graph.tensor(name).size for name in constants),
        "largest_activation": max((t.size for t in graph.activations()), default=0),
        "layers": layers,
    }


def inspect_folder(path: Path) -> dict[str, Json]:
    """report.json of a folder that `edgeq build` made; raises UsageError."""
    try:
        report = json.loads((path / "report.json").read_text(encoding="utf-8"))
        if isinstance(report, dict) and {"memory", "layers", "arena_bytes"} <= report.keys():
            return report
    except (OSError, ValueError):
        pass
    raise UsageError(str(path), "is not a folder made by `edgeq build`",
                     "a model file, or a folder with edgeq's report.json")


def _layer(graph: Graph, op: Op) -> dict[str, Json]:
    constants = [graph.tensor(name) for name in op.ins if name and graph.tensor(name).is_const]
    return {
        "name": op.name, "op": type(op).__name__,
        "in": [list(graph.tensor(n).shape) for n in op.ins
               if n and not graph.tensor(n).is_const],
        "out": [list(graph.tensor(n).shape) for n in op.outs],
        "macs": op.macs(graph), "parameters": sum(prod(t.shape) for t in constants),
        "reads": [n for n in op.ins if n and not graph.tensor(n).is_const],
        "writes": list(op.outs),
    }


def _tensors(graph: Graph, names: tuple[str, ...]) -> list[Json]:
    return [{"name": name, "shape": list(graph.tensor(name).shape)} for name in names]
