"""LiteRT, the float and int8 reference interpreter, under whichever name it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeq.errors import ToolchainError

if TYPE_CHECKING:
    from types import ModuleType


def interpreter_module() -> ModuleType:
    """The module with Interpreter and OpResolverType; raises ToolchainError where none is."""
    try:
        from ai_edge_litert import interpreter as module
    except ImportError:
        try:
            from tflite_runtime import interpreter as module
        except ImportError as error:
            raise ToolchainError("LiteRT", "not installed", "ai-edge-litert or tflite-runtime",
                                 "pip install ai-edge-litert") from error
    return module  # type: ignore[no-any-return]
