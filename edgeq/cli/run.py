"""`edgeq run`: the library for its board, under QEMU, byte for byte against the host."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli.console import json_option, print_json, progress_bar, stdout
from edgeq.errors import UsageError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--qemu", is_flag=True, help="Run under QEMU (the only place so far).")
@click.option("--data", help="Samples, as for `edgeq build`. Default: four of random integers.")
@click.option("--samples", type=click.IntRange(min=1), default=10, show_default=True,
              help="At most this many of them.")
@click.option("--board", help="Another board than the folder was built for (same instructions).")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="Seconds.")
@json_option
def run(folder: Path, qemu: bool, data: str | None, samples: int, board: str | None,
        timeout: float, as_json: bool) -> int:
    """Cross-compile the library in DIR, run it under QEMU, compare every output with the host.

    Exit code 0: all bytes are equal. 1: they are not. 3: compiler or emulator missing.
    """
    from edgeq import verify
    from edgeq.dataset import load_dataset
    from edgeq.explicit_states import closed

    if not qemu:
        raise UsageError("edgeq run", "no place to run is named", "--qemu", "add --qemu")
    built = verify.open_folder(folder)
    target = verify.other_board(built, board) if board else verify.board_of(built)
    with progress_bar() as progress:
        progress(f"run on {target.name}", 0.0)
        if data is None:
            inputs = verify.noise(built)
        else:
            graph = closed(verify.model_graph(built, None))
            inputs = verify.integer_inputs(
                built, load_dataset(data, built.preprocess, graph), samples)
        check = verify.check_on_board(built, inputs, target, timeout)
    d = check.difference
    if as_json:
        print_json({
            "board": target.name, "samples": check.samples, "values": check.values,
            "equal": d is None, "stack_used": check.stack_used,
            "first_difference": None if d is None else {
                "sample": d.sample, "output": d.output, "element": d.element, "board": d.board,
                "host": d.host}})
    elif d is None:
        stdout().print(f"[green]equal[/]: {check.values} output values of {check.samples} samples "
                       f"on {target.name} are those of the host")
    else:
        stdout().print(f"[red]different[/]: sample {d.sample}, output {d.output}, element "
                       f"{d.element}: {target.name} gives {d.board}, the host {d.host}")
    return 0 if d is None else 1
