"""`edgeq build`: a float model in, a folder with a C library out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from edgeq.board import Board, Optimize
from edgeq.cli.console import (
    json_option,
    preprocess_from,
    preprocess_options,
    print_json,
    progress_bar,
    read_options,
    read_options_from,
    stdout,
)
from edgeq.errors import BudgetError, ToolchainError, UsageError
from edgeq.formats import Format

if TYPE_CHECKING:
    from edgeq.streaming import StreamOptions


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--board", help="Name of a board (see `edgeq boards`), or a TOML file.")
@click.option("--calib", help="Samples to calibrate with: .npz, .npy, a folder with labels.csv, "
                              "module:function, or the word random.")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Folder to write, new or made by edgeq. Default: NAME-BOARD.")
@click.option("--name", help="Prefix of the C symbols. Default: from the file name.")
@click.option("--recipe", default="default", show_default=True,
              help="How to quantize: a built-in recipe or a TOML file.")
@click.option("--finetune", type=click.IntRange(min=0), default=0, metavar="EPOCHS",
              help="Train the integers towards the float model on the samples; needs PyTorch.")
@click.option("--format", "layout", type=click.Choice([f.value for f in Format]),
              default=Format.C.value, show_default=True,
              help="The build system that the folder is for; make and CMake always do.")
@click.option("--optimize", type=click.Choice([o.value for o in Optimize]),
              default=Optimize.BALANCED.value, show_default=True,
              help="What kernels and compiler favour: see docs/optimize.md.")
@click.option("--kernels", type=click.Choice(["own", "cmsis-nn"]), default="own",
              show_default=True, help="Whose functions come first; both give the same bytes.")
@click.option("--cmsis-nn", type=click.Path(path_type=Path), envvar="EDGEQ_CMSIS_NN",
              help="Your checkout of CMSIS-NN, for --kernels cmsis-nn.")
@click.option("--max-ram", type=click.IntRange(min=0), metavar="BYTES",
              help="Exit code 1 where arena and stack need more.")
@click.option("--max-flash", type=click.IntRange(min=0), metavar="BYTES",
              help="Exit code 1 where code, weights and constants need more.")
@click.option("--max-drop", type=float, metavar="POINTS",
              help="Exit code 1 where the calibration samples lose more accuracy, in percentage "
                   "points (without labels: where more of them change their answer).")
@click.option("--max-instructions", type=click.IntRange(min=0), metavar="N",
              help="Exit code 1 where an inference executes more; counted under QEMU.")
@click.option("--stream", type=click.Choice(["auto", "window", "sequence"]),
              help="Build the model as steps of a stream, its memory kept between runs: each gives "
                   "what the model gives for the newest window, or the next rows of a sequence.")
@click.option("--hop", type=int, metavar="FRAMES",
              help="New frames of a step, for --stream. Default: as few as the strides allow.")
@click.option("--time-axis", type=int, metavar="AXIS",
              help="Axis of time in the model's inputs, for --stream. Default: the one behind the "
                   "batch, channels last.")
@click.option("--balance", is_flag=True,
              help="Calibrate with every group of the samples equally often.")
@click.option("--force", is_flag=True, help="Write into a folder that edgeq did not make.")
@read_options
@preprocess_options
@json_option
def build(model: Path | None, board: str | None, calib: str | None, output: Path | None,
          name: str | None, recipe: str, finetune: int, layout: str, optimize: str, kernels: str,
          cmsis_nn: Path | None, max_ram: int | None, max_flash: int | None,
          max_drop: float | None, max_instructions: int | None,
          stream: str | None, hop: int | None, time_axis: int | None,
          balance: bool, force: bool, shapes: tuple[str, ...],
          fixed: tuple[str, ...], states: tuple[str, ...],
          custom: tuple[str, ...], scale: str | None, offset: str | None,
          label_offset: int | None, as_json: bool) -> None:
    """Quantize MODEL (a float .tflite file) and write a C library for a board.

    Without MODEL the example is built, a classifier of 8x8 digits. A missed budget still writes
    the folder and shows the report, then ends with exit code 1.
    """
    from edgeq import pipeline
    from edgeq.board import Target, board_names, load_board
    from edgeq.cache import cache_dir
    from edgeq.dataset import Preprocess
    from edgeq.folder import check_folder, write
    from edgeq.recipe import Search, load_recipe
    from edgeq.resources import resource_dir
    from edgeq.search import Goal

    if board is None:
        raise UsageError("--board", "no board is named", ", ".join(board_names()),
                         "add for example --board cortex-m55")
    target = Target(load_board(board), Optimize(optimize),
                    cmsis_nn=_checkout(cmsis_nn) if kernels == "cmsis-nn" else None)
    if target.cmsis_nn is not None and not target.board.bare_metal:
        raise UsageError("--kernels", f"CMSIS-NN is not for {board}", "a Cortex-M board")
    if model is None:
        model = resource_dir("examples") / "digits" / "digits.tflite"
        calib = calib or str(model.with_name("digits_calib.npz"))
    how = load_recipe(recipe)
    how = replace(how, balance=how.balance or balance)
    default = Preprocess(how.scale, how.offset, how.label_offset)
    request = pipeline.Request(
        model=model, target=target, calib=calib, recipe=how, name=name,
        finetune=finetune, format=Format(layout),
        read=read_options_from(shapes, fixed, states, custom),
        stream=_stream_options(stream, hop, time_axis),
        board_file=Path(board).resolve() if board.endswith(".toml") else None,
        preprocess=preprocess_from(scale, offset, label_offset, default),
        goal=Goal(max_drop, max_flash, max_ram, max_instructions),
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
    _check_budgets(result.report, max_ram, max_flash, max_drop)
    if max_instructions is not None:
        _check_instructions(folder, target.board, max_instructions)


def _check_instructions(folder: Path, board: Board, most: int) -> None:
    """Raise BudgetError where one inference executes more under QEMU."""
    from edgeq.target.profile import profile_folder

    counted = profile_folder(folder, board).instructions
    if counted > most:
        raise BudgetError("budget missed", f"{counted:,} instructions of at most {most:,}", "",
                          "`edgeq profile` shows the layers that cost most")


def _stream_options(mode: str | None, hop: int | None,
                    axis: int | None) -> StreamOptions | None:
    """What --stream, --hop and --time-axis ask for."""
    from edgeq.streaming import StreamMode, StreamOptions

    if mode is None and (hop is not None or axis is not None):
        raise UsageError("--hop and --time-axis", "the model is not streamed", "",
                         "add --stream auto")
    return None if mode is None else StreamOptions(StreamMode(mode), hop, axis)


def _checkout(path: Path | None) -> Path:
    """The CMSIS-NN checkout that the user names."""
    from edgeq.cmsis_nn import check_cmsis_nn

    if path is None:
        raise UsageError("--kernels cmsis-nn", "no checkout of CMSIS-NN is named", "",
                         "add --cmsis-nn PATH")
    return check_cmsis_nn(path)


def show(console: Console, report: Mapping[str, object], folder: Path) -> None:
    """The key figures, for a person."""
    from edgeq.report_text import summary

    for line in summary(report):
        console.print(line)
    console.print(f"written to [bold]{folder}[/]; open {folder / 'report.html'}")


def _check_budgets(report: Mapping[str, object], max_ram: int | None, max_flash: int | None,
                   max_drop: float | None) -> None:
    """Raise BudgetError for the budgets that are missed."""
    from edgeq.report_text import accuracy_lost, ram_bytes

    missed = []
    ram, flash = ram_bytes(report), report.get("flash_bytes")
    if max_ram is not None and ram > max_ram:
        missed.append(f"RAM {ram:,} bytes of at most {max_ram:,}")
    if max_flash is not None:
        if not isinstance(flash, int):
            raise ToolchainError("--max-flash", "the board's compiler is not installed, so the "
                                 "code's size is not known", "", "`edgeq run` names the package")
        if flash > max_flash:
            missed.append(f"flash {flash:,} bytes of at most {max_flash:,}")
    lost = 0.0 if max_drop is None else accuracy_lost(report)
    if max_drop is not None and 100 * lost > max_drop:
        missed.append(f"accuracy lost {100 * lost:.2f} points of at most {max_drop:g}")
    if missed:
        raise BudgetError("budget missed", "; ".join(missed), "",
                          "see report.html for the layers that cost most")
