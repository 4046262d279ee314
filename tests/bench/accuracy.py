"""Tables of docs/accuracy.md: what quantization costs on the real models, by recipe.

    python tests/bench/accuracy.py [CASE ...] [--recipe NAME ...]

Cases: kws ic vww mobilenet ad. The models and data lie in ../shared beside the repository.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import real  # noqa: E402

from edgeq.quant import quantize  # noqa: E402
from edgeq.recipe import (  # noqa: E402
    BiasCorrection,
    Equalize,
    Layer,
    Recipe,
    Rounding,
    WeightRange,
    load_recipe,
)

IN_PARTS = "w8a16, four layers' weights in two parts"
WIDE_START = "default, first three layers 16 bits"


def recipes() -> dict[str, Recipe]:
    """The rows of the table."""
    fast, tensor = load_recipe("fast"), load_recipe("per-tensor")
    naive = replace(fast, per_channel=False)
    four = load_recipe("w4a8")
    small = replace(four, keep_small=0.01, across=False)
    return {
        "fast": fast,
        "default": load_recipe("default"),
        "best": load_recipe("best"),
        "per-tensor, round to nearest": naive,
        "per-tensor, CLE + bias correction": replace(
            naive, act_range=tensor.act_range, weight_range=WeightRange.MSE,
            equalize=Equalize.WEIGHTS,
            bias_correction=BiasCorrection.EMPIRICAL, rollback=True),
        "per-tensor": tensor,
        "default, learned": learned(load_recipe("default")),
        "w4a8, round to nearest": replace(fast, weight_bits=4),
        "w4a8": four,
        "w4a8, learned": learned(four),
        "w4a8, small layers 8": small,
        "w4a8, small layers and ends 8": replace(small, keep_ends=True),
        "w4a8, small layers 8, groups of 32": replace(small, group_size=32),
        "w8a16": load_recipe("w8a16"),
        IN_PARTS: replace(load_recipe("w8a16"), layers=tuple(
            Layer(f"fully_connected_{i}", weight_bits=16) for i in (1, 2, 3, 4))),
        WIDE_START: replace(load_recipe("default"), layers=tuple(
            Layer(name, act_bits=16) for name in ("conv_2d_0", "depthwise_conv_2d_1",
                                                  "conv_2d_2"))),
    }


def learned(recipe: Recipe) -> Recipe:
    """All that learns, each step measured on samples set aside."""
    return replace(recipe, rounding=Rounding.BLOCK, learn_steps=True)


def row(name: str, case: real.Loaded, label: str, recipe: Recipe) -> str:
    """One line of the table."""
    begin = time.process_time()
    result = quantize(case.graph, case.calib, recipe)
    seconds = time.process_time() - begin
    cost = real.cost(case, case.graph, result.graph)
    accuracy = ("– | – | –" if case.y is None else
                f"{100 * cost.float_accuracy:.2f} | {100 * cost.int_accuracy:.2f} | "
                f"{cost.lost_samples:+d} of {cost.samples}")
    return (f"| {name} | {label} | {accuracy} | {100 * cost.score.agreement:.1f} | "
            f"{cost.score.sqnr_db:.1f} | {seconds:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", default=list(real.CASES))
    parser.add_argument("--recipe", nargs="*", default=list(recipes()))
    args = parser.parse_args()
    shared = ROOT.parent / "shared"
    print("| model | recipe | float % | int8 % | samples lost | agreement % | SQNR dB | CPU s |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for name in args.cases:
        case = real.load(name, lambda path: shared / path)
        for label in args.recipe:
            if label == WIDE_START and name not in ("mobilenet", "vww"):
                continue  # other networks begin otherwise
            if label == IN_PARTS and name != "ad":
                continue  # its layers are named
            print(row(name, case, label, recipes()[label]), flush=True)
    if "vww" in args.cases:
        scaled(real.load("vww", lambda path: shared / path))


def scaled(case: real.Loaded) -> None:
    """The check that equalization matters: channels of vww scaled by up to 100."""
    hard = replace(case, graph=real.scrambled(case.graph, 100.0, np.random.default_rng(0)))
    for label in ("per-tensor, round to nearest", "per-tensor, CLE + bias correction"):
        print(row("vww, channels scaled", hard, label, recipes()[label]), flush=True)


if __name__ == "__main__":
    main()
