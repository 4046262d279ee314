"""What the commands share: output, progress bars and common options."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from edgeq.errors import UsageError
from edgeq.jsontypes import Json

if TYPE_CHECKING:
    from edgeq.dataset import Preprocess
    from edgeq.readers import ReadOptions

_PIPE_WIDTH = 200
F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")


def stdout() -> Console:
    """Where results go; a file or pipe gets lines as long as they are."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def table(*columns: str, right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A plain table; the columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def print_json(content: Json) -> None:
    """`content` as the only thing on stdout."""
    click.echo(json.dumps(content, indent=2))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """A callback (what is being done, share done) that draws bars on stderr, if a person looks."""
    console = Console(stderr=True)
    tasks: dict[str, TaskID] = {}
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                  console=console, transient=True, disable=not console.is_terminal) as bars:

        def show(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=share)

        yield show


def json_option(command: F) -> F:
    """--json: machine-readable result on stdout, everything else on stderr."""
    return click.option("--json", "as_json", is_flag=True,
                        help="Print the result as JSON on stdout.")(command)


def preprocess_options(command: F) -> F:
    """--scale, --offset, --label-offset."""
    for option in (
        click.option("--label-offset", type=int, help="Add this to every label."),
        click.option("--offset", help="See --scale; one number or one for each channel: 0,0,0."),
        click.option("--scale", help="The model's input is SCALE * sample + OFFSET."),
    ):
        command = option(command)
    return command


def read_options(command: F) -> F:
    """--shape, --fix, --state and --custom, as `shapes`, `fixed`, `states` and `custom`."""
    for option in (
        click.option("--shape", "shapes", multiple=True, metavar="INPUT=N,N,...",
                     help="The shape of an input whose sizes the model leaves open; may be "
                          "given once for each input."),
        click.option("--fix", "fixed", multiple=True, metavar="INPUT=NUMBER",
                     help="Make an input a constant, for example a sample rate; may be given once "
                          "for each input."),
        click.option("--state", "states", multiple=True, metavar="INPUT=OUTPUT",
                     help="An input that takes in the next run what this output gives: it is kept "
                          "inside, samples are steps. May be given once for each state."),
        click.option("--custom", multiple=True, metavar="FILE.py:CLASS",
                     help="An operator of your own for nodes that edgeq does not know "
                          "(docs/custom-operators.md); may be given several times."),
    ):
        command = option(command)
    return command


def read_options_from(shapes: tuple[str, ...], fixed: tuple[str, ...],
                      states: tuple[str, ...], custom: tuple[str, ...]) -> ReadOptions:
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


def preprocess_from(scale: str | None, offset: str | None, label_offset: int | None,
                    default: Preprocess) -> Preprocess:
    """The options where given, else `default`."""
    from edgeq.dataset import Preprocess

    return Preprocess(
        default.scale if scale is None else _numbers("--scale", scale),
        default.offset if offset is None else _numbers("--offset", offset),
        default.label_offset if label_offset is None else label_offset)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise UsageError(option, repr(text), "a number, a fraction such as 1/255, or one of "
                         "these for each channel with commas between") from None


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)
