"""Post-training quantization: a float graph and samples in, an integer graph out."""

from __future__ import annotations

from edgeq.quant.simulate import Score
from edgeq.quant.steps import Progress, Quantized, Step, quantize

__all__ = ["Progress", "Quantized", "Score", "Step", "quantize"]
