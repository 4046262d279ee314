"""Rows of docs/accuracy.md for the recipes that search: what they choose and what it costs.

    python tests/bench/search.py RECIPE CASE [--max-drop POINTS] [--board NAME]

The search sees the calibration samples only; the row is measured on the evaluation samples.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import real  # noqa: E402

from edgeq.board import Target, load_board  # noqa: E402
from edgeq.cache import cache_dir  # noqa: E402
from edgeq.dataset import load_dataset  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402
from edgeq.search import Goal, choose_recipe, job_of  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", choices=["best", "mixed"])
    parser.add_argument("case", choices=[name for name, case in real.CASES.items() if case.calib])
    parser.add_argument("--max-drop", type=float)
    parser.add_argument("--board", default="cortex-m4")
    args = parser.parse_args()
    shared = ROOT.parent / "shared"
    case, spec = real.load(args.case, lambda path: shared / path), real.CASES[args.case]
    data = load_dataset(str(shared / "data" / spec.calib), spec.preprocess, case.graph)
    job = job_of(case.graph, data.real(), data.y, Target(load_board(args.board)),
                 Goal(max_drop=args.max_drop), lambda plan: (0, 0), lambda what, share: None)
    found = choose_recipe(job, load_recipe(args.recipe), cache_dir())
    for note in found.notes:
        print(note)
    cost = real.cost(case, case.graph, quantize(case.graph, case.calib, found.recipe).graph)
    trial = next(t for t in found.trials if t.recipe == found.text)
    print(f"| {args.case} | {found.recipe.name} | {cost.lost_samples:+d} of {cost.samples} | "
          f"{100 * cost.score.agreement:.1f} | {cost.score.sqnr_db:.1f} | "
          f"{trial.weight_bytes:,} | {found.trials[0].weight_bytes:,} | {len(found.trials)} |")


if __name__ == "__main__":
    main()
