"""Remakes edgeq/search/rates.toml: instructions a MAC or a value, counted under QEMU.

    python tests/bench/rates.py [BOARD ...] > edgeq/search/rates.toml

Counted over kws, ic and vww at each width of weights and activations, boards' compilers needed.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import real  # noqa: E402

from edgeq.board import Target, load_board  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.facts import plan_facts_json  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.plan import Plan  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.recipe import Recipe, load_recipe  # noqa: E402
from edgeq.target.profile import Profile, profile_folder  # noqa: E402

BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53",
          "cortex-a55", "cortex-a510")
MODELS = ("kws", "ic", "vww")
SAMPLES = 4
Sums = dict[str, list[int]]  # by key: instructions, MACs or values


def widths() -> tuple[Recipe, ...]:
    """The precisions that are counted; the first layers' input conversion among them."""
    fast = load_recipe("fast")
    return fast, replace(fast, weight_bits=4), replace(fast, act_bits=16)


def profiled(plan: Plan) -> Profile:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        write({**emit(plan), "report.json": plan_facts_json(plan)}, folder)
        return profile_folder(folder, plan.target.board)


def count(plan: Plan, sums: Sums) -> None:
    """Add the calls of `plan`."""
    calls = {call.name: call for call in plan.calls}
    for layer in profiled(plan).layers:
        call = calls[layer.name]
        tensors = [plan.graph.tensor(n) for n in (*call.ins, *call.outs)]
        bits = tensors[-1].params.bits
        key = f"{call.op} {bits} {call.weight_bits}" if layer.macs else f"{call.op} {bits}"
        sums[key][0] += layer.instructions
        sums[key][1] += layer.macs or max(t.size for t in tensors)


def main() -> None:
    print("# Instructions a MAC (operator, bits of activations, of weights), or a value; made by\n"
          "# tests/bench/rates.py")
    for board in sys.argv[1:] or BOARDS:
        sums: Sums = defaultdict(lambda: [0, 0])
        for name in MODELS:
            case = real.load(name, lambda path: ROOT.parent / "shared" / path)
            for recipe in widths():
                ints = quantize(case.graph, case.calib[:SAMPLES], recipe).graph
                count(lower(ints, Target(load_board(board)), "model"), sums)
        print(f"\n[{board}]")
        for key, (total, of) in sums.items():
            print(f'"{key}" = {total / of:.3f}', flush=True)


if __name__ == "__main__":
    main()
