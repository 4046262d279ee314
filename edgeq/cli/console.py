"""What the commands share: output and progress bars."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from edgeq.jsontypes import Json

_PIPE_WIDTH = 200
_BARS = 6  # of the latest steps, that are seen at once
F = TypeVar("F", bound=Callable[..., object])


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
    tasks, done = dict[str, TaskID](), set[str]()
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                  console=console, transient=True, disable=not console.is_terminal) as bars:

        def show(what: str, share: float) -> None:
            if what in done and share < 1:  # the same once more, as in the trials of a search
                done.remove(what)
                bars.remove_task(tasks.pop(what))
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
                while len(tasks) > _BARS:
                    oldest = next(iter(tasks))
                    done.discard(oldest)
                    bars.remove_task(tasks.pop(oldest))
            bars.update(tasks[what], completed=share)
            if share >= 1:
                done.add(what)

        yield show


def json_option(command: F) -> F:
    """--json: machine-readable result on stdout, everything else on stderr."""
    return click.option("--json", "as_json", is_flag=True,
                        help="Print the result as JSON on stdout.")(command)
