"""One suspicion of the calibration doctor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a finding is about; the values are what JSON shows."""

    NOT_FINITE = "not finite"
    FEW_SAMPLES = "few samples"
    CONSTANT = "constant samples"
    DUPLICATES = "duplicates"
    INPUT_RANGE = "input range"
    CHANNEL_ORDER = "channel order"
    LABEL_OFFSET = "label offset"
    GUESSING = "no better than guessing"
    OUTLIERS = "outliers"
    SATURATED = "saturated outputs"
    ONE_ANSWER = "one answer"


@dataclass(frozen=True)
class Finding:
    """One suspicion: what was seen and what to do about it."""

    kind: Kind
    where: str  # the data, an input or a tensor
    text: str
    fix: str
