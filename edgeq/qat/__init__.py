"""Quantization-aware training: fine-tune the integers with PyTorch (extra `edgeq[qat]`).

    start = edgeq.quantize(graph, samples, recipe)
    model = qat.QatModel(start)             # a torch.nn.Module; its values are the C code's
    qat.finetune(model, samples)            # or a training loop of your own
    plan = edgeq.lower(model.export().graph, target, "net")
"""

from __future__ import annotations

from edgeq.errors import UsageError

try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise UsageError("edgeq.qat", "PyTorch is not installed", "",
                     "pip install 'edgeq[qat]'") from None

from edgeq.qat.finetune import Epoch, Tuning, finetune, finetuned
from edgeq.qat.model import QatModel

__all__ = ["Epoch", "QatModel", "Tuning", "finetune", "finetuned"]
