"""Options that belong together, given to a command as one value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from edgeq.board import Optimize
from edgeq.errors import UsageError

if TYPE_CHECKING:
    from edgeq.board import Target
    from edgeq.dataset import Preprocess
    from edgeq.readers import ReadOptions
    from edgeq.search import Goal
    from edgeq.streaming import StreamOptions

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")


def _together(name: str, make: Callable[..., object], *options: click.Option) -> Callable[[F], F]:
    """A decorator that adds `options` and passes make(their values, in order) as `name`."""
    keys = [str(option.name) for option in options]

    def add(command: F) -> F:
        @wraps(command)
        def inner(**given: object) -> object:
            values = [given.pop(key) for key in keys]
            return command(**{name: make(*values)}, **given)

        inner.__click_params__ = [  # type: ignore[attr-defined]
            *getattr(command, "__click_params__", []), *reversed(options)]
        return inner  # type: ignore[return-value]

    return add


@dataclass(frozen=True)
class PreprocessWish:
    """--scale, --offset and --label-offset; None where not given."""

    scale: str | None
    offset: str | None
    label_offset: int | None

    def over(self, default: Preprocess) -> Preprocess:
        """The options where given, else `default`; raises UsageError."""
        from edgeq.dataset import Preprocess

        return Preprocess(
            default.scale if self.scale is None else _numbers("--scale", self.scale),
            default.offset if self.offset is None else _numbers("--offset", self.offset),
            default.label_offset if self.label_offset is None else self.label_offset)


def preprocess_options(command: F) -> F:
    """--scale, --offset, --label-offset, as `preprocess`."""
    return _together(
        "preprocess", PreprocessWish,
        click.Option(["--scale"], help="The model's input is SCALE * sample + OFFSET."),
        click.Option(["--offset"],
                     help="See --scale; one number or one for each channel: 0,0,0."),
        click.Option(["--label-offset"], type=int, help="Add this to every label."))(command)


def read_options(command: F) -> F:
    """--shape, --fix, --state and --custom, as `read`: ReadOptions."""
    return _together(
        "read", _read,
        click.Option(["--shape"], multiple=True, metavar="INPUT=N,N,...",
                     help="The shape of an input whose sizes the model leaves open; may be "
                          "given once for each input."),
        click.Option(["--fix"], multiple=True, metavar="INPUT=NUMBER",
                     help="Make an input a constant, for example a sample rate; may be given once "
                          "for each input."),
        click.Option(["--state"], multiple=True, metavar="INPUT=OUTPUT",
                     help="An input that takes in the next run what this output gives: it is kept "
                          "inside, samples are steps. May be given once for each state."),
        click.Option(["--custom"], multiple=True, metavar="FILE.py:CLASS",
                     help="An operator of your own for nodes that edgeq does not know "
                          "(docs/custom-operators.md); may be given several times."))(command)


def _read(shapes: tuple[str, ...], fixed: tuple[str, ...], states: tuple[str, ...],
          custom: tuple[str, ...]) -> ReadOptions:
    """The options as the readers take them; raises UsageError."""
    from edgeq.readers import ReadOptions, with_custom
    from edgeq.recipe import resolved

    found = _named("--shape", shapes, "INPUT=N,N,...",
                   lambda text: tuple(int(n) for n in text.split(",")))
    values = _named("--fix", fixed, "INPUT=NUMBER", float)
    pairs = tuple((name, result) for name, _, result in (s.partition("=") for s in states))
    for text, (name, result) in zip(states, pairs, strict=True):
        if not name or not result:
            raise UsageError(f"--state {text}", "names no pair", "INPUT=OUTPUT",
                             "for example --state h_in=h_out")
    specs = [resolved(spec, Path.cwd()) for spec in custom]
    return with_custom(ReadOptions(found, values, pairs), specs)


@dataclass(frozen=True)
class TargetWish:
    """--board, --optimize, --kernels and --cmsis-nn."""

    board: str | None
    optimize: str
    kernels: str
    cmsis_nn: Path | None

    def target(self) -> Target:
        """The board with what its code favours; raises UsageError."""
        from edgeq.board import Target, board_names, load_board

        if self.board is None:
            raise UsageError("--board", "no board is named", ", ".join(board_names()),
                             "add for example --board cortex-m55")
        checkout = _checkout(self.cmsis_nn) if self.kernels == "cmsis-nn" else None
        target = Target(load_board(self.board), Optimize(self.optimize), cmsis_nn=checkout)
        if target.cmsis_nn is not None and not target.board.bare_metal:
            raise UsageError("--kernels", f"CMSIS-NN is not for {self.board}", "a Cortex-M board")
        return target

    @property
    def file(self) -> Path | None:
        """The TOML file of a board that is not built in."""
        named = self.board is not None and self.board.endswith(".toml")
        return Path(str(self.board)).resolve() if named else None


def target_options(command: F) -> F:
    """--board, --optimize, --kernels, --cmsis-nn, as `wish`: TargetWish."""
    return _together(
        "wish", TargetWish,
        click.Option(["--board"], help="Name of a board (see `edgeq boards`), or a TOML file."),
        click.Option(["--optimize"], type=click.Choice([o.value for o in Optimize]),
                     default=Optimize.BALANCED.value, show_default=True,
                     help="What kernels and compiler favour: see docs/optimize.md."),
        click.Option(["--kernels"], type=click.Choice(["own", "cmsis-nn"]), default="own",
                     show_default=True,
                     help="Whose functions come first; both give the same bytes."),
        click.Option(["--cmsis-nn"], type=click.Path(path_type=Path), envvar="EDGEQ_CMSIS_NN",
                     help="Your checkout of CMSIS-NN, for --kernels cmsis-nn."))(command)


def _checkout(path: Path | None) -> Path:
    """The CMSIS-NN checkout that the user names."""
    from edgeq.cmsis_nn import check_cmsis_nn

    if path is None:
        raise UsageError("--kernels cmsis-nn", "no checkout of CMSIS-NN is named", "",
                         "add --cmsis-nn PATH")
    return check_cmsis_nn(path)


def goal_options(command: F) -> F:
    """--max-drop, --max-flash, --max-ram, --max-instructions, as `goal`: Goal."""
    return _together(
        "goal", _goal,
        click.Option(["--max-drop"], type=float, metavar="POINTS",
                     help="Exit code 1 where the calibration samples lose more accuracy, in "
                          "percentage points (without labels: where more of them change their "
                          "answer)."),
        click.Option(["--max-flash"], type=click.IntRange(min=0), metavar="BYTES",
                     help="Exit code 1 where code, weights and constants need more."),
        click.Option(["--max-ram"], type=click.IntRange(min=0), metavar="BYTES",
                     help="Exit code 1 where arena and stack need more."),
        click.Option(["--max-instructions"], type=click.IntRange(min=0), metavar="N",
                     help="Exit code 1 where an inference executes more; counted under QEMU."),
        click.Option(["--min-saving"], type=click.FloatRange(0, 90), metavar="PERCENT",
                     help="With --recipe mixed: stop at so many percent fewer weight bytes than "
                          "with 8 bits, and take the least noise that saves them.")
    )(command)


def _goal(drop: float | None, flash: int | None, ram: int | None, instructions: int | None,
          saving: float | None) -> Goal:
    from edgeq.search import Goal

    if drop is not None and not math.isfinite(drop):
        raise UsageError("--max-drop", f"{drop}", "a number of percentage points")
    return Goal(drop, flash, ram, instructions, saving)


def stream_options(command: F) -> F:
    """--stream, --hop, --time-axis, --stream-save, as `stream`: StreamOptions or None."""
    return _together(
        "stream", _stream,
        click.Option(["--stream"], type=click.Choice(["auto", "window", "sequence"]),
                     help="Build the model as steps of a stream, its memory kept between runs: "
                          "each gives what the model gives for the newest window, or the next "
                          "rows of a sequence."),
        click.Option(["--hop"], type=int, metavar="FRAMES",
                     help="New frames of a step, for --stream. Default: as few as the strides "
                          "allow."),
        click.Option(["--time-axis"], type=int, metavar="AXIS",
                     help="Axis of time in the model's inputs, for --stream. Default: the one "
                          "behind the batch, channels last."),
        click.Option(["--stream-save", "save"], type=click.Choice(["work", "ram"]),
                     help="What a step over a window spares: work (default; rows of every layer "
                          "are kept) or ram (rows near the ends are computed from the frames)."),
    )(command)


def _stream(mode: str | None, hop: int | None, axis: int | None,
            save: str | None) -> StreamOptions | None:
    from edgeq.streaming import StreamMode, StreamOptions, StreamSave

    if mode is None and any(option is not None for option in (hop, axis, save)):
        raise UsageError("--hop, --time-axis and --stream-save", "the model is not streamed", "",
                         "add --stream auto")
    if mode is None:
        return None
    return StreamOptions(StreamMode(mode), hop, axis, StreamSave(save or "work"))


def _named(option: str, texts: tuple[str, ...], form: str,
           value: Callable[[str], T]) -> dict[str, T]:
    """The values of an option of the form NAME=..., by name."""
    found = {}
    for text in texts:
        name, _, told = text.rpartition("=")
        try:
            found[name] = value(told)
        except ValueError:
            name = ""
        if not name:
            raise UsageError(f"{option} {text}", "cannot be understood", form, "see docs/cli.md")
    return found


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise UsageError(option, repr(text), "a number, a fraction such as 1/255, or one of "
                         "these for each channel with commas between") from None


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)
