"""`python -m bench.compilers`: the models on some boards with every compiler of this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from bench.cases import Case
from bench.measure import Figures, measure
from bench.show import DOC, markdown

from edgeq.board import load_board
from edgeq.errors import EdgeqError, ToolchainError
from edgeq.target.toolchain import compiler_version

MODELS = ("kws", "ic")
BOARDS = ("cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53", "cortex-a55")
COMPILERS = ("gcc-13", "gcc-14", "clang", "clang-19")
BEGIN = "<!-- compilers: python -m bench.compilers --update -->\n"
END = "<!-- end of compilers -->\n"


@dataclass(frozen=True)
class Column:
    """A compiler as `--compiler` takes it (None: each board's GCC), by family and major version."""

    title: str
    compiler: str | None


def column(compiler: str | None, boards: Sequence[str]) -> Column | None:
    """The compiler's column; None where it is not on this machine for any of the boards."""
    for board in boards:
        try:
            version = compiler_version(load_board(board), compiler)
        except ToolchainError:
            continue
        number = re.search(r"\b(\d+)\.\d+\.\d+", version)
        family = "clang" if "clang" in version else "GCC"
        return Column(f"{family} {number[1]}" if number else version, compiler)
    return None


def attempt(case: Case, compiler: str | None) -> Figures | str:
    """The figures, or why there are none."""
    try:
        return measure(case, compiler).figures
    except EdgeqError as error:
        return f"{case.key}, {compiler}: {error}"


def tables(columns: Sequence[Column], cases: Sequence[Case],
           found: Sequence[Sequence[Figures | str]]) -> str:
    """Markdown: instructions and code bytes, a row a case, a column a compiler; "–": not there."""
    def body(text: str) -> list[tuple[str, ...]]:
        return [(case.model, case.board, *(
            f"{getattr(f, text):,}" if isinstance(f, Figures) else "–" for f in row))
            for case, row in zip(cases, found, strict=True)]

    head = ("model", "board", *(c.title for c in columns))
    return "\n".join((markdown("Instructions by compiler", head, body("instructions")),
                      markdown("Code bytes by compiler", head, body("code"))))


def update(text: str, path: Path = DOC) -> None:
    """Replace the compilers' tables of docs/benchmarks.md."""
    document = path.read_text(encoding="utf-8")
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin
    assert end
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


@click.command()
@click.option("--compiler", "-c", "names", multiple=True, default=COMPILERS, show_default=True,
              help='As in `edgeq profile --compiler`: "gcc-14", a clang, a command.')
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--board", "boards", multiple=True, default=BOARDS, show_default=True)
@click.option("--update", "write", is_flag=True, help="Write the tables into docs/benchmarks.md.")
@click.option("-j", "--jobs", default=2, show_default=True, type=click.IntRange(min=1))
def compilers(names: tuple[str, ...], models: tuple[str, ...], boards: tuple[str, ...],
              write: bool, jobs: int) -> None:
    """Instructions and code of the models with the boards' own GCC and with other compilers."""
    columns = [c for name in (None, *names) if (c := column(name, boards)) is not None]
    cases = [Case(model, board) for board in boards for model in models]
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [[pool.submit(attempt, case, c.compiler) for c in columns] for case in cases]
        found = [[future.result() for future in row] for row in waiting]
    for failure in (f for row in found for f in row if isinstance(f, str)):
        click.echo(failure, err=True)
    text = tables(columns, cases, found)
    click.echo(text)
    if write:
        update(text)


if __name__ == "__main__":
    compilers()
