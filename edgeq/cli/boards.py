"""`edgeq boards`: the boards that code can be generated for."""

from __future__ import annotations

import click

from edgeq.cli.console import json_option, print_json, stdout, table


@click.command()
@json_option
def boards(as_json: bool) -> None:
    """List the boards, their kernels and how their programs run here.

    A board of your own is a TOML file: --board path/to/board.toml
    """
    from edgeq.board import board_names, load_board
    from edgeq.numbertext import size_text
    from edgeq.report import board_json

    known = [load_board(name) for name in board_names()]
    if as_json:
        print_json([{**board_json(b), "compiler": b.compiler,
                     "runs_on": b.qemu.machine or b.qemu.cpu if b.qemu else "this machine"}
                    for b in known])
        return
    rows = table("board", "kernels", "flash", "RAM", "clock", "runs here on", "",
                 right=("flash", "RAM", "clock"))
    for b in known:
        runs = f"QEMU {b.qemu.machine or b.qemu.cpu}" if b.qemu else "this machine"
        rows.add_row(b.name, " > ".join(b.isa), size_text(b.flash) if b.flash else "",
                     size_text(b.ram) if b.ram else "",
                     f"{b.clock_hz / 1e6:.0f} MHz" if b.clock_hz else "", runs, b.description)
    stdout().print(rows)
