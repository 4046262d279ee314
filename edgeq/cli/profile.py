"""`edgeq profile`: where the instructions go, counted under QEMU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.console import json_option, print_json, progress_bar, stdout, table
from edgeq.numbertext import count_text

if TYPE_CHECKING:
    from edgeq.target.profile import Profile


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--board", help="Another board than the folder was built for (same instructions).")
@click.option("--compiler", help="Another compiler than the board's, for example clang.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="Seconds.")
@json_option
def profile(folder: Path, board: str | None, compiler: str | None, timeout: float,
            as_json: bool) -> None:
    """Count the instructions of one inference, in total and for every layer, under QEMU.

    The count is exact and repeatable; cycles are an estimate from the instruction mix. The
    figures are added to DIR/report.json and report.html when board and compiler are the folder's.
    """
    from edgeq import verify
    from edgeq.folder import write_some
    from edgeq.report import WINDOW_FOLDER, profile_json, with_profile, with_window
    from edgeq.report_html import html
    from edgeq.target.profile import profile_folder

    built = verify.open_folder(folder)
    own = verify.board_of(built)
    target = verify.other_board(built, board) if board else own
    with progress_bar() as progress:
        progress(f"run on {target.name}", 0.0)
        result = profile_folder(folder, target, compiler=compiler, timeout=timeout)
    if target == own and compiler is None:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        report = with_profile(report, result)
        if built.framing is not None:
            whole = profile_folder(folder / WINDOW_FOLDER, target, timeout=timeout)
            report = with_window(report, whole)
        write_some({"report.json": json.dumps(report, indent=2) + "\n",
                    "report.html": html(report)}, folder)
    if as_json:
        print_json(profile_json(result))
    else:
        _show(result)


def _show(p: Profile) -> None:
    cycles = "" if p.cycles is None else f", about {count_text(p.cycles)} cycles"
    ratio = f", {p.instructions / p.macs:.2f} a MAC" if p.macs else ""
    stdout().print(f"{p.instructions:,} instructions on {p.board}{ratio}{cycles}\n")
    rows = table("layer", "kernel", "instructions", "share", "MACs", "a MAC", "est. cycles",
                 right=("instructions", "share", "MACs", "a MAC", "est. cycles"))
    for layer in p.layers:
        rows.add_row(layer.name, layer.kernel, f"{layer.instructions:,}",
                     f"{100 * layer.instructions / p.instructions:.1f} %",
                     f"{layer.macs:,}" if layer.macs else "",
                     "" if layer.per_mac is None else f"{layer.per_mac:.2f}",
                     "" if layer.cycles is None else f"{layer.cycles:,.0f}")
    rows.add_row("between layers", "", f"{p.outside:,}",
                 f"{100 * p.outside / p.instructions:.1f} %", "", "", "")
    stdout().print(rows)
