"""`edgeq eval`: what the integers cost, measured with the generated C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from edgeq.cli.console import json_option, print_json, progress_bar, stdout, table
from edgeq.cli.options import PreprocessWish, preprocess_options

if TYPE_CHECKING:
    from edgeq.evaluate import Evaluation


@click.command(name="eval")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--data", required=True, help="Samples, with labels for accuracy: .npz, .npy, a "
                                            "folder with labels.csv, module:function.")
@click.option("--model", type=click.Path(path_type=Path),
              help="The float model, where it has moved since the build.")
@preprocess_options
@json_option
def evaluate(folder: Path, data: str, model: Path | None, preprocess: PreprocessWish,
             as_json: bool) -> None:
    """Compare the float model with the generated C code of DIR, compiled for this machine.

    Preprocessing is that of the build unless options say otherwise.
    """
    from edgeq.report import evaluation_json
    from edgeq.verify import evaluate as run
    from edgeq.verify import open_folder

    built = open_folder(folder)
    with progress_bar() as progress:
        result = run(built, data, preprocess.over(built.preprocess), model, progress)
    if as_json:
        print_json(evaluation_json(result))
    else:
        show(stdout(), result)


def show(console: Console, e: Evaluation) -> None:
    """The figures as tables."""
    from edgeq.numbertext import percent_text

    console.print(f"{e.samples} samples")
    if e.float_accuracy is not None and e.int_accuracy is not None and e.drop is not None:
        console.print(f"  accuracy   {percent_text(e.int_accuracy)} in integers, "
                      f"{percent_text(e.float_accuracy)} in float ({_points(-e.drop)} points)")
    console.print(f"  agreement  {percent_text(e.agreement)} of answers are the same")
    for name, value in e.sqnr_db.items():
        console.print(f"  SQNR       {'exact' if value is None else f'{value:.1f} dB'} ({name})")
    if e.groups and e.float_accuracy is None:
        console.print("no labels: of the groups the answers that stay are counted")
    for title, shares in (("class", e.per_class), ("group", e.groups)):
        if shares:
            rows = table(title, "samples", "float", "integers", "change",
                         right=("samples", "float", "integers", "change"))
            for s in shares:
                rows.add_row(s.name, str(s.samples), percent_text(s.float_accuracy),
                             percent_text(s.int_accuracy), _points(-s.drop))
            console.print()
            console.print(rows)
    worst = e.largest_group_drop
    if worst is not None:
        console.print(f"largest drop of a group: {100 * worst.drop:.2f} points ({worst.name})")


def _points(change: float) -> str:
    """A change of a fraction in percentage points, with its sign; never -0.00."""
    return f"{round(100 * change, 2) + 0.0:+.2f}"
