"""`edgeq ops`: what is supported, and what a model asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.console import json_option, print_json, stdout, table
from edgeq.cli.options import read_options

if TYPE_CHECKING:
    from edgeq.readers import ReadOptions


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@read_options
@json_option
def ops(model: Path | None, read: ReadOptions, as_json: bool) -> int:
    """Print the manual of operators, or say for every node of MODEL whether it is supported.

    A verdict has the cause and what to do about it. Sizes that MODEL leaves open are given
    values for it, which are printed; --shape gives others.

    Exit code 0: every node is supported. 2: at least one is not.
    """
    if model is None:
        return _all(as_json)
    return _of_model(model, read, as_json)


def _all(as_json: bool) -> int:
    from edgeq.manual import operators_manual
    from edgeq.ops import OPS

    if as_json:
        print_json([{"op": op.__name__, "tflite": list(op.tflite_names),
                     "limits": [limit.text for limit in op.limits],
                     "summary": _summary(op.__doc__)} for op in OPS])
        return 0
    click.echo(operators_manual(), nl=False)
    return 0


def _of_model(model: Path, options: ReadOptions, as_json: bool) -> int:
    from edgeq.readers import tried_shapes, verdicts

    found, tried = verdicts(model, options), tried_shapes(model, options)
    if as_json:
        print_json({"model": str(model), "supported": all(v.supported for v in found),
                    "tried_shapes": {name: list(shape) for name, shape in tried.items()},
                    "nodes": [{"index": v.index, "name": v.name, "kind": v.kind,
                               "supported": v.supported, "note": v.note} for v in found]})
    else:
        rows = table("node", "kind", "verdict", "", right=("node",))
        for v in found:
            rows.add_row(str(v.index), v.kind,
                         "[green]fine[/]" if v.supported else "[red]not supported[/]", v.note)
        stdout().print(rows)
        for name, shape in tried.items():
            sizes = ",".join(map(str, shape))
            stdout().print(f"input {name!r} leaves sizes open: the verdicts are those of --shape "
                           f"{name}={sizes}, give your sizes so", markup=False)
    return 0 if all(v.supported for v in found) else 2


def _summary(doc: str | None) -> str:
    return (doc or "").strip().split("\n", 1)[0]
