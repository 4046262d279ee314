"""`edgeq debug`: where quantization loses accuracy, and what is wrong with the samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from edgeq.cli.console import json_option, print_json, progress_bar, stdout, table
from edgeq.cli.options import PreprocessWish, preprocess_options, read_options

if TYPE_CHECKING:
    from edgeq.debug import LayerErrors
    from edgeq.debug_report import Debugged
    from edgeq.readers import ReadOptions

_RANKED = 5  # layers of the ranking that the terminal shows


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calib", required=True,
              help="Samples, with labels for accuracy: .npz, .npy, a folder with labels.csv, "
                   "module:function.")
@click.option("--recipe", default="default", show_default=True,
              help="How to quantize: a built-in recipe or a TOML file.")
@click.option("--samples", type=click.IntRange(min=1), default=32, show_default=True,
              help="How many samples every layer is measured on.")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Folder for debug.html and debug.json.")
@click.option("--balance", is_flag=True,
              help="Calibrate with every group of the samples equally often.")
@click.option("--force", is_flag=True, help="Write into a folder that edgeq did not make.")
@read_options
@preprocess_options
@json_option
def debug(model: Path, calib: str, recipe: str, samples: int, output: Path | None, balance: bool,
          force: bool, read: ReadOptions, preprocess: PreprocessWish, as_json: bool) -> None:
    """Measure every layer of MODEL, integer against float, and examine the samples.

    See docs/debug.md for how to read the figures. Suspicions about the samples are no errors:
    the exit code is 0.
    """
    from edgeq.dataset import Preprocess
    from edgeq.debug_report import debug as run
    from edgeq.debug_report import debug_json, html
    from edgeq.folder import check_folder, write
    from edgeq.recipe import load_recipe

    how = load_recipe(recipe)
    how = replace(how, balance=how.balance or balance)
    default = Preprocess(how.scale, how.offset, how.label_offset)
    if output is not None:
        check_folder(output, force=force)
    with progress_bar() as progress:
        result = run(model, calib, how, preprocess.over(default), samples, progress, read)
    content = debug_json(result)
    if output is not None:
        write({"debug.json": json.dumps(content, indent=2) + "\n", "debug.html": html(result)},
              output, force=force)
    if as_json:
        print_json(content)
        return
    show(stdout(), result)
    if output is not None:
        stdout().print(f"written to [bold]{escape(str(output))}[/]; open {output / 'debug.html'}")


def show(console: Console, d: Debugged) -> None:
    """Findings, figures, layers and ranking, for a person."""
    from edgeq.cli.evaluate import show as show_evaluation

    for f in d.findings:
        console.print(f"[yellow]suspicious:[/] {escape(f'{f.where}: {f.text}')}")
        console.print(f"  what to do: {escape(f.fix)}")
    if not d.findings:
        console.print("samples: nothing suspicious")
    show_evaluation(console, d.evaluation)
    for what, worst in (("class", d.worst_class), ("group", d.worst_group)):
        if worst is not None:
            console.print(f"{what} hurt most: [bold]{escape(worst.name)}[/] loses "
                          f"{100 * worst.drop:.2f} points of {worst.samples} samples")
    _layers(console, d.layers)


def _layers(console: Console, found: LayerErrors) -> None:
    from edgeq.debug_report import decibel_text
    from edgeq.numbertext import percent_text

    console.print(f"\nlayers, on {found.samples} samples:")
    numbers = ("SQNR", "alone", "mean shift", "clipped", "output", "agreement", "without")
    rows = table("#", "layer", "operator", *numbers, right=("#", *numbers))
    for i, e in enumerate(found.layers):
        rows.add_row(str(i), escape(e.name), e.op, decibel_text(e.cumulative_db),
                     decibel_text(e.isolated_db), f"{e.mean_shift:+.4f}",
                     percent_text(e.clipped), decibel_text(e.output_db),
                     percent_text(e.agreement), decibel_text(e.without_db))
    console.print(rows)
    console.print(f"\nmost sensitive (noise that the layer alone puts on {found.measured!r}; "
                  f"all together {decibel_text(found.output_db)}):", markup=False)
    for i, e in enumerate(found.ranking[:_RANKED]):
        console.print(f"  {i + 1}. {escape(e.name)} ({e.op})  {decibel_text(e.output_db)}")
