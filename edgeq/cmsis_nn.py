"""The user's CMSIS-NN checkout: what of it a generated library needs."""

from __future__ import annotations

from pathlib import Path

from edgeq.errors import UsageError

# below Source/, what the adapters and the functions behind them call; the linker drops the rest
FOLDERS = ("BasicMathFunctions", "ConvolutionFunctions", "FullyConnectedFunctions",
           "NNSupportFunctions", "PoolingFunctions", "SoftmaxFunctions", "TransposeFunctions")
PATTERNS = ("arm_*s8*.c", "arm_q7_*.c")


def check_cmsis_nn(checkout: Path) -> Path:
    """The absolute path of `checkout`; UsageError where it is none."""
    if not (checkout / "Include" / "arm_nnfunctions.h").is_file():
        raise UsageError("--cmsis-nn", f"{checkout} has no Include/arm_nnfunctions.h",
                         "a checkout of CMSIS-NN", "git clone github.com/ARM-software/CMSIS-NN")
    return checkout.resolve()


def cmsis_include(checkout: Path) -> Path:
    """The folder of its headers."""
    return check_cmsis_nn(checkout) / "Include"


def cmsis_sources(checkout: Path) -> tuple[Path, ...]:
    """Its files for int8, sorted."""
    source = check_cmsis_nn(checkout) / "Source"
    return tuple(sorted({path for folder in FOLDERS for pattern in PATTERNS
                         for path in (source / folder).glob(pattern)}))
