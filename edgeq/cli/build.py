"""`edgeq build`: a float model in, a folder with a C library out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from edgeq.board import Board
from edgeq.cli.console import json_option, print_json, progress_bar, stdout
from edgeq.cli.options import (
    PreprocessWish,
    TargetWish,
    goal_options,
    preprocess_options,
    read_options,
    stream_options,
    target_options,
)
from edgeq.errors import BudgetError, ToolchainError, UsageError
from edgeq.formats import Format

if TYPE_CHECKING:
    from edgeq.readers import ReadOptions
    from edgeq.search import Goal
    from edgeq.streaming import StreamOptions


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--calib", help="Samples to calibrate with: .npz, .npy, a folder with labels.csv, "
                              "module:function, or the word random.")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Folder to write, new or made by edgeq. Default: NAME-BOARD.")
@click.option("--name", help="Prefix of the C symbols. Default: from the file name.")
@click.option("--recipe", default="default", show_default=True,
              help="How to quantize: a built-in recipe or a TOML file.")
@click.option("--finetune", type=click.IntRange(min=0), default=0, metavar="EPOCHS",
              help="Train the integers towards the float model on the samples; needs PyTorch.")
@click.option("--balance", is_flag=True,
              help="Calibrate with every group of the samples equally often.")
@click.option("--format", "layout", type=click.Choice([f.value for f in Format]),
              default=Format.C.value, show_default=True,
              help="The build system that the folder is for; make and CMake always do.")
@click.option("--force", is_flag=True, help="Write into a folder that edgeq did not make.")
@target_options
@goal_options
@stream_options
@read_options
@preprocess_options
@json_option
def build(model: Path | None, calib: str | None, output: Path | None, name: str | None,
          recipe: str, finetune: int, balance: bool, layout: str, force: bool, wish: TargetWish,
          goal: Goal, stream: StreamOptions | None, read: ReadOptions,
          preprocess: PreprocessWish, as_json: bool) -> None:
    """Quantize MODEL (a float .tflite or .onnx file) and write a C library for a board.

    Without MODEL the example is built, a classifier of 8x8 digits. A missed budget still writes
    the folder and shows the report, then ends with exit code 1.
    """
    from edgeq import pipeline
    from edgeq.cache import cache_dir
    from edgeq.dataset import Preprocess
    from edgeq.folder import check_folder, write
    from edgeq.recipe import Search, load_recipe
    from edgeq.resources import resource_dir

    target = wish.target()
    if model is None:
        model = resource_dir("examples") / "digits" / "digits.tflite"
        calib = calib or str(model.with_name("digits_calib.npz"))
    how = load_recipe(recipe)
    how = replace(how, balance=how.balance or balance)
    if goal.min_saving is not None and how.search is not Search.MIXED:
        raise UsageError("--min-saving", f"recipe {recipe!r} does not mix precisions",
                         "--recipe mixed, or one with search = \"mixed\"")
    default = Preprocess(how.scale, how.offset, how.label_offset)
    request = pipeline.Request(
        model=model, target=target, calib=calib, recipe=how, name=name, finetune=finetune,
        format=Format(layout), read=read, stream=stream, board_file=wish.file,
        preprocess=preprocess.over(default), goal=goal,
        cache=None if how.search is Search.NONE else cache_dir())
    folder = output or Path(f"{pipeline.name_of(request)}-{target.board.name}")
    check_folder(folder, force=force)
    with progress_bar() as progress:
        result = pipeline.build(request, progress)
    write(result.files, folder, force=force)
    if as_json:
        print_json({**result.report, "output": str(folder)})
    else:
        show(stdout(), result.report, folder)
    _check_budgets(result.report, goal)
    if goal.max_instructions is not None:
        _check_instructions(folder, target.board, goal.max_instructions)


def _check_instructions(folder: Path, board: Board, most: int) -> None:
    """Raise BudgetError where one inference executes more under QEMU."""
    from edgeq.target.profile import profile_folder

    counted = profile_folder(folder, board).instructions
    if counted > most:
        raise BudgetError("budget missed", f"{counted:,} instructions of at most {most:,}", "",
                          "`edgeq profile` shows the layers that cost most")


def show(console: Console, report: Mapping[str, object], folder: Path) -> None:
    """The key figures, for a person."""
    from edgeq.report_text import summary

    for line in summary(report):
        console.print(line)
    console.print(f"written to [bold]{folder}[/]; open {folder / 'report.html'}")


def _check_budgets(report: Mapping[str, object], goal: Goal) -> None:
    """Raise BudgetError for the budgets that are missed."""
    from edgeq.report_text import accuracy_lost, ram_bytes
    from edgeq.search.report import saved_share

    missed = []
    ram, flash = ram_bytes(report), report.get("flash_bytes")
    if goal.max_ram is not None and ram > goal.max_ram:
        missed.append(f"RAM {ram:,} bytes of at most {goal.max_ram:,}")
    if goal.max_flash is not None:
        if not isinstance(flash, int):
            raise ToolchainError("--max-flash", "the board's compiler is not installed, so the "
                                 "code's size is not known", "", "`edgeq run` names the package")
        if flash > goal.max_flash:
            missed.append(f"flash {flash:,} bytes of at most {goal.max_flash:,}")
    lost = 0.0 if goal.max_drop is None else accuracy_lost(report)
    if goal.max_drop is not None and 100 * lost > goal.max_drop:
        missed.append(f"accuracy lost {100 * lost:.2f} points of at most {goal.max_drop:g}")
    if goal.min_saving is not None:
        saved = 100 * saved_share(report)
        if saved < goal.min_saving:
            missed.append(f"{saved:.1f} % fewer weight bytes of at least {goal.min_saving:g} %")
    if missed:
        raise BudgetError("budget missed", "; ".join(missed), "",
                          "see report.html for the layers that cost most")
