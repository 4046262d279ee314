"""Instructions a multiplication of layers of signs with 1-bit weights: bits against int8 loops.

    PYTHONPATH=tests/target python tests/bench/signs.py

prints the table of docs/precisions.md; bold: the generator takes it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from kernel_program import Trial, run_trials
from test_kernels import FAMILIES, Family, Shape, inputs_for, make_layer, with_factors

from edgeq.board import Target, load_board
from edgeq.kernels.base import MacLayer, choose

BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-a7", "cortex-a53", "cortex-a55")
CONV, DENSE = FAMILIES[0], FAMILIES[2]
LAYERS = (
    ("3x3, 64 to 64, 8x8", CONV, Shape(8, 8, 64, 64, (3, 3))),
    ("1x1, 128 to 64, 8x8", CONV, Shape(8, 8, 128, 64)),
    ("1x1, 64 to 64, 8x8", CONV, Shape(8, 8, 64, 64)),
    ("1x1, 32 to 32, 8x8", CONV, Shape(8, 8, 32, 32)),
    ("3x3, 32 to 32, 8x8", CONV, Shape(8, 8, 32, 32, (3, 3))),
    ("3x3, 16 to 16, 8x8", CONV, Shape(8, 8, 16, 16, (3, 3))),
    ("3x3, 24 to 24, 8x8", CONV, Shape(8, 8, 24, 24, (3, 3))),
    ("dense, 1024 to 128", DENSE, Shape(1, 1, 1024, 128)),
    ("dense, 512 to 10", DENSE, Shape(1, 1, 512, 10)),
)


def layer_of(family: Family, s: Shape) -> MacLayer:
    """A layer of signs of that shape, with a fused ReLU."""
    rng = np.random.default_rng(4)
    weights = (s.out_c, *s.k, s.in_c) if family is CONV else (s.out_c, s.in_c)
    layer = make_layer(rng, s, weights, s.k[0] * s.k[1] * s.in_c, tuple(range(1, len(weights))))
    layer = replace(layer, act_min=-128, act_max=127, out_zero=-128, in_zero=0, signs=64,
                    shift=np.minimum(layer.shift, -1).astype(np.int8))
    return with_factors(layer, 1, rng)


def measure(name: str) -> list[str]:
    """Instructions a multiplication for every layer on a board, int8 loop and bits."""
    board = load_board(name)
    trials: list[Trial] = []
    macs, taken = [], []
    for _, family, shape in LAYERS:
        layer = layer_of(family, shape)
        x = inputs_for(layer, np.random.default_rng(5))
        size = layer.out_h * layer.out_w * layer.out_c
        plain = choose(family.kernels, replace(layer, signs=0), Target(board))
        bits = next(k for isa in board.isa for k in family.kernels if k.signs and k.isa == isa)
        trials += [Trial(family.call(layer, k), (x,), size) for k in (plain, bits)]
        taken.append(choose(family.kernels, layer, Target(board)).signs)
        macs.append(size * layer.kh * layer.kw * layer.in_c)
    counts = [o.instructions or 0 for o in run_trials(board, trials, count=True)]
    pairs = zip(counts[::2], counts[1::2], macs, taken, strict=True)
    return [f"{a / n:.2f}, " + (f"**{b / n:.2f}**" if own else f"{b / n:.2f}")
            for a, b, n, own in pairs]


def main() -> None:
    """Print the table."""
    print("| layer | " + " | ".join(BOARDS) + " |\n|---|" + "--:|" * len(BOARDS))
    columns = [measure(name) for name in BOARDS]
    for i, (text, _, _) in enumerate(LAYERS):
        print(f"| {text} | " + " | ".join(c[i] for c in columns) + " |")


if __name__ == "__main__":
    main()
