"""`make bench`: measures the MLPerf Tiny models on every board and shows them beside the record."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import click
from bench.cases import Case, all_cases, select
from bench.measure import Measured, measure
from bench.record import changes, load, save
from bench.show import layers, summary, update_doc
from rich.console import Console

from edgeq.board import Optimize
from edgeq.cmsis_nn import check_cmsis_nn
from edgeq.errors import EdgeqError


@click.command()
@click.option("--only", multiple=True, metavar="MODEL:BOARD",
              help="Some cases: kws:cortex-m55, kws, :cortex-m4, 'ad:*-a*', kws:cortex-m4+clang.")
@click.option("--update", is_flag=True, help="Write what was measured into the recorded table.")
@click.option("--float", "floats", is_flag=True,
              help="Quantize the float models with the default recipe (never recorded).")
@click.option("--cmsis-nn", type=click.Path(path_type=Path), envvar="EDGEQ_CMSIS_NN",
              help="A checkout of CMSIS-NN, measured beside ours on every Cortex-M.")
@click.option("-v", "--verbose", is_flag=True, help="A table of the layers of every case.")
@click.option("-j", "--jobs", default=2, show_default=True, type=click.IntRange(min=1))
def bench(only: tuple[str, ...], update: bool, floats: bool, cmsis_nn: Path | None,
          verbose: bool, jobs: int) -> None:
    """Executed instructions, sizes and estimated cycles of real models."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 200
    try:
        cases = _possible(console, select(all_cases(), only))
        if floats:
            cases = tuple(replace(c, float_model=True) for c in cases)
        if cmsis_nn is not None:
            cases = with_peers(cases, check_cmsis_nn(cmsis_nn))
        results = _measure_all(console, cases, jobs)
    except EdgeqError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)
    done = [result for result in results if isinstance(result, Measured)]
    failed = [result for result in results if isinstance(result, Failure)]
    if verbose:
        for measured in done:
            layers(console, measured)
    summary(console, {m.case: m.figures for m in done})
    recorded = [m for m in done if not m.case.float_model and m.case.cmsis_nn is None]
    worse = _compare(console, recorded, update=update) if recorded else False
    for failure in failed:
        console.print(f"{failure.case.key} failed: {failure.message}", style="red")
    sys.exit(int(worse or bool(failed)))


def with_peers(cases: Sequence[Case], checkout: Path) -> tuple[Case, ...]:
    """Behind every balanced Cortex-M case the same one with CMSIS-NN's functions."""
    def both(case: Case) -> tuple[Case, ...]:
        if not case.board.startswith("cortex-m") or case.optimize is not Optimize.BALANCED:
            return (case,)
        return (case, replace(case, cmsis_nn=checkout))

    return tuple(c for case in cases for c in both(case))


def _possible(console: Console, cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases whose model and compiler are here; says which are not."""
    def reason(case: Case) -> str:
        if not case.path.is_file():
            return f"no {case.path.name} in {case.path.parent.parent.name}/models"
        return "clang is not installed" if case.clang and not shutil.which("clang") else ""

    for why in dict.fromkeys(filter(None, map(reason, cases))):
        console.print(f"left out: {why}", style="yellow")
    return tuple(case for case in cases if not reason(case))


@dataclass(frozen=True)
class Failure:
    """A case that could not be measured."""

    case: Case
    message: str


def attempt(case: Case) -> Measured | Failure:
    """`measure`, whose errors must not take the other cases along."""
    try:
        return measure(case)
    except EdgeqError as error:
        return Failure(case, str(error))


def _measure_all(console: Console, cases: Sequence[Case], jobs: int) -> list[Measured | Failure]:
    """The measurements in the order of `cases`."""
    done: dict[Case, Measured | Failure] = {}
    with ProcessPoolExecutor(min(jobs, max(1, len(cases)))) as pool:
        waiting = {pool.submit(attempt, case): case for case in cases}
        for future in as_completed(waiting):
            done[waiting[future]] = future.result()
            if console.is_terminal:
                console.print(f"{len(done)} of {len(cases)}: {waiting[future].key}", end="\r")
    return [done[case] for case in cases]


def _compare(console: Console, done: Sequence[Measured], *, update: bool) -> bool:
    """Print what differs from the record; True where it got worse and is not recorded now."""
    record = load()
    found = [change for m in done if (old := record.get(m.case.key)) is not None
             for change in changes(m.case.key, old, m.figures)]
    new = [m.case.key for m in done if m.case.key not in record]
    for change in found:
        console.print(str(change), style="red" if change.worse else "")
    if new:
        console.print(f"not in the record yet: {', '.join(new)}")
    if not found and not new:
        console.print("nothing differs from the record")
    if update:
        record |= {m.case.key: m.figures for m in done}
        save(record)
        update_doc(record)
    return any(change.worse for change in found) and not update


if __name__ == "__main__":
    bench()
