"""The table of docs/qat.md: what fine-tuning on the calibration samples brings to rough integers.

    python tests/bench/finetune.py [kws vww ic]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import real
import torch

from edgeq import qat, quantize
from edgeq.recipe import BiasCorrection, Equalize, Recipe, Rounding

SHARED = Path(__file__).resolve().parents[3] / "shared"
ROUGH = Recipe(weight_bits=4, rounding=Rounding.NEAREST, rollback=False, equalize=Equalize.OFF,
               bias_correction=BiasCorrection.OFF)
EPOCHS = {"kws": (40, 16), "vww": (20, 8), "ic": (12, 32)}  # epochs, batch


def row(name: str) -> str:
    """One line of the table."""
    case = real.load(name, lambda path: SHARED / path)
    start = quantize(case.graph, case.calib, ROUGH)
    model = qat.QatModel(start)
    epochs, batch = EPOCHS[name]
    qat.finetune(model, case.calib, tuning=qat.Tuning(epochs=epochs, batch=batch))
    before, after = (real.cost(case, case.graph, g) for g in (start.graph, model.export().graph))
    return (f"| {name}, {len(case.calib)} samples | {epochs} | {100 * before.float_accuracy:.2f} | "
            f"{100 * before.int_accuracy:.2f} | {100 * after.int_accuracy:.2f} | "
            f"{100 * before.score.agreement:.1f} → {100 * after.score.agreement:.1f} | "
            f"{before.score.sqnr_db:.1f} → {after.score.sqnr_db:.1f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for wanted in sys.argv[1:] or EPOCHS:
        print(row(wanted), flush=True)
