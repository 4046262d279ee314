"""`edgeq inspect`: what is in a model, or where a built library keeps its tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.console import json_option, print_json, stdout, table
from edgeq.cli.options import read_options
from edgeq.jsontypes import Json
from edgeq.numbertext import count_text, size_text

if TYPE_CHECKING:
    from edgeq.readers import ReadOptions

_WIDTH = 48  # characters that a memory map may take


@click.command()
@click.argument("path", metavar="MODEL|DIR", type=click.Path(path_type=Path))
@read_options
@json_option
def inspect(path: Path, read: ReadOptions, as_json: bool) -> None:
    """Show the graph, shapes and MACs of a model, or the memory map of a built folder."""
    from edgeq.inspect import inspect_folder, inspect_model

    content = inspect_folder(path) if path.is_dir() else inspect_model(path, read)
    if as_json:
        print_json(content)
    elif path.is_dir():
        _show_folder(content)
    else:
        _show_model(content)


def _show_model(m: Mapping[str, Json]) -> None:
    out = stdout()
    out.print(f"[bold]{m['model']}[/]: {count_text(_int(m['macs']))} MACs, "
              f"{count_text(_int(m['parameters']))} parameters")
    for what in ("inputs", "outputs"):
        for t in _tables(m[what]):
            out.print(f"  {what[:-1]:7}{t['name']} {_shape(t['shape'])}")
    rows = table("layer", "operator", "input", "output", "MACs", "parameters",
                 right=("MACs", "parameters"))
    for layer in _tables(m["layers"]):
        rows.add_row(str(layer["name"]), str(layer["op"]), _shapes(layer["in"]),
                     _shapes(layer["out"]), f"{_int(layer['macs']):,}" if layer["macs"] else "",
                     f"{_int(layer['parameters']):,}" if layer["parameters"] else "")
    out.print()
    out.print(rows)


def _show_folder(r: Mapping[str, Json]) -> None:
    from edgeq.report_text import summary

    out = stdout()
    for line in summary(r):
        out.print(line)
    memory = r["memory"]
    assert isinstance(memory, Mapping)
    calls = [str(name) for name in _list(memory["steps"])]
    step = max(1, -(-(len(calls) + 2) // _WIDTH))
    rows = table("offset", "bytes", "tensor", "calls 0 to " + str(len(calls) - 1),
                 right=("offset", "bytes"))
    by_time = sorted(_tables(memory["storages"]),
                     key=lambda s: (_int(s["first"]), _int(s["offset"])))
    for s in by_time:
        first, last = _int(s["first"]) + 1, _int(s["last"]) + 1
        bar = " " * (first // step) + "█" * (last // step - first // step + 1)
        names = ", ".join(str(n) for n in _list(s["tensors"])) or f"scratch of {calls[first - 1]}"
        rows.add_row(f"{_int(s['offset']):,}", f"{_int(s['size']):,}", names, bar)
    out.print()
    out.print(rows)
    out.print(f"arena {size_text(_int(r['arena_bytes']))}; these calls in this order need at "
              f"least {size_text(_int(memory['bound']))}")


def _shapes(value: Json) -> str:
    return ", ".join(_shape(shape) for shape in _list(value))


def _shape(value: Json) -> str:
    return "x".join(str(n) for n in _list(value))


def _list(value: Json) -> Sequence[Json]:
    assert isinstance(value, list)
    return value


def _tables(value: Json) -> list[Mapping[str, Json]]:
    tables = []
    for item in _list(value):
        assert isinstance(item, Mapping)
        tables.append(item)
    return tables


def _int(value: Json) -> int:
    assert isinstance(value, int)
    return value
