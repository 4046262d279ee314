"""Real models against the recorded instructions and sizes; `make bench-update` records anew."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from bench import compilers
from bench.cases import Case, all_cases, select
from bench.measure import Figures, measure
from bench.peers import peer_of
from bench.record import RECORD, changes, load, save
from bench.show import DOC, doc_tables

from edgeq.board import Optimize, load_board
from edgeq.errors import UsageError
from edgeq.target.toolchain import execute

QUICK = tuple(Case(model, board) for model in ("kws", "ad") for board in (
    "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "cortex-a53"))
SLOW = tuple(case for case in all_cases() if case not in QUICK)
# The record was made with this compiler; another one makes other code.
RECORDED_WITH = {"gcc": (12, 2), "clang": (14,)}
ROW = Figures(1000, 2000, 500, 64, 100, 10, 4000, 4200, 128)


def ids(case: Case) -> str:
    return case.key


@pytest.mark.qemu
@pytest.mark.parametrize("case", QUICK, ids=ids)
def test_nothing_grew(case: Case) -> None:
    check(case)


@pytest.mark.qemu
@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW, ids=ids)
def test_nothing_grew_anywhere(case: Case) -> None:
    check(case)


def check(case: Case) -> None:
    """Measure `case` and compare; every difference is printed, a growth fails."""
    if not case.path.is_file():
        pytest.skip(f"{case.path.name} is not beside the repository")
    compiler = "clang" if case.clang else load_board(case.board).compiler
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    version, wanted = compiler_version(compiler), RECORDED_WITH["clang" if case.clang else "gcc"]
    if version[: len(wanted)] != wanted:
        pytest.skip(f"{compiler} is version {version}, the record was made with {wanted}")
    found = changes(case.key, load()[case.key], measure(case).figures)
    for change in found:
        print(change)
    worse = "\n".join(str(change) for change in found if change.worse)
    assert not worse, f"{worse}\n`make bench-update` records it where it is meant"


def compiler_version(compiler: str) -> tuple[int, ...]:
    text = execute([compiler, "-dumpversion" if "gcc" in compiler else "--version"], compiler)
    match = re.search(r"\d+(\.\d+)+|\d+", text)
    assert match is not None
    version = tuple(int(part) for part in match[0].split("."))
    if len(version) > 1:
        return version
    full = execute([compiler, "-dumpfullversion"], compiler)
    return tuple(int(part) for part in full.strip().split("."))


def test_every_case_is_recorded() -> None:
    """The record, the list of cases and the document tell the same."""
    record = load()
    assert set(record) == {case.key for case in all_cases()}
    assert doc_tables(record) in DOC.read_text(encoding="utf-8")


def test_a_record_survives_writing(tmp_path: Path) -> None:
    case = all_cases()[0]
    path = tmp_path / "table.json"
    save({case.key: ROW, "gone:board": ROW}, path)
    assert load(path) == {case.key: ROW}
    assert load(tmp_path / "none.json") == {}
    assert set(json.loads(RECORD.read_text(encoding="utf-8"))) == set(load())


@pytest.mark.parametrize(("new", "worse"), [
    (ROW, []),
    (replace(ROW, instructions=1010), []),
    (replace(ROW, instructions=1011), ["instructions"]),
    (replace(ROW, instructions=500, cycles=1, code=4112), []),
    (replace(ROW, code=4113), ["code"]),
    (replace(ROW, arena=65, weights=117), ["arena", "weights"]),
    (replace(ROW, stack=None), []),
])
def test_what_counts_as_worse(new: Figures, worse: list[str]) -> None:
    assert [c.figure for c in changes("k:b", ROW, new) if c.worse] == worse


@pytest.mark.parametrize(("pattern", "keys"), [
    ("kws:cortex-m55", {"kws:cortex-m55"}),
    ("ad:*-m3*", {"ad:cortex-m3", "ad:cortex-m33"}),
    (":cortex-a7", {f"{m}:cortex-a7" for m in ("kws", "ic", "vww", "ad")}),
    ("vww:*+clang", {"vww:cortex-m4+clang", "vww:cortex-m55+clang"}),
])
def test_select(pattern: str, keys: set[str]) -> None:
    assert {case.key for case in select(all_cases(), [pattern])} == keys


def test_select_nothing() -> None:
    assert select(all_cases(), []) == all_cases()
    with pytest.raises(UsageError, match="names no case"):
        select(all_cases(), ["kws:z80"])


def test_keys_are_unique() -> None:
    keys = [case.key for case in all_cases()]
    assert len(set(keys)) == len(keys)
    assert Case("kws", "cortex-m4", optimize=Optimize.SIZE).key == "kws:cortex-m4+size"
    assert peer_of("kws", "cortex-m55").goal == 860_000
    assert peer_of("kws", "cortex-m85").instructions is None


def test_compilers_table(tmp_path: Path) -> None:
    """A row a case, a column a compiler; what could not be compiled leaves a gap."""
    columns = (compilers.Column("GCC 12", None), compilers.Column("clang 19", "clang-19"))
    text = compilers.tables(columns, [Case("ad", "cortex-a53")], [[ROW, "no such compiler"]])
    assert "| ad | cortex-a53 | 1,000 | – |" in text
    assert "| ad | cortex-a53 | 4,000 | – |" in text
    path = tmp_path / "doc.md"
    path.write_text(f"before\n{compilers.BEGIN}old\n{compilers.END}after\n", encoding="utf-8")
    compilers.update(text, path)
    written = path.read_text(encoding="utf-8")
    assert "old" not in written
    assert text in written
    assert written.endswith("after\n")
