"""The text of two tiny models, as files beside this one.

A change of templates or portable kernels shows here as a diff to read. Accept it with
`python tests/golden/test_golden.py --write`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "graphs"))

from small_graphs import branches, chain, random_input

from edgeq.board import Target, load_board
from edgeq.emit import EmitOptions, emit
from edgeq.emit_model import SelfTest
from edgeq.execute import run_int
from edgeq.ir import Graph
from edgeq.lower import lower

HERE = Path(__file__).resolve().parent
GRAPHS = {"chain": chain, "branches": branches}


def generated(graph: Graph) -> dict[str, str]:
    """What is generated for this model alone: no copies of the runtime, no host twin."""
    sample = random_input(graph, 1, 5)
    options = EmitOptions(self_test=SelfTest(sample, run_int(graph, sample)), host_twin=False)
    files = emit(lower(graph, Target(load_board("host"))), options)
    return {path: text for path, text in files.items() if "/eq" not in path}


@pytest.mark.parametrize("name", GRAPHS)
def test_generated_text(name: str) -> None:
    files = generated(GRAPHS[name]())
    stored = {str(p.relative_to(HERE / name)): p.read_text(encoding="utf-8")
              for p in (HERE / name).rglob("*") if p.is_file()}
    assert sorted(stored) == sorted(files)
    for path, text in files.items():
        assert text == stored[path], f"{path}: see the first lines of this file"


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    for name, make in GRAPHS.items():
        for path, text in generated(make()).items():
            target = HERE / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
