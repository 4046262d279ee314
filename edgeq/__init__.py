"""Float network in, verified integer-only C library for one board out.

    graph = edgeq.simplify(edgeq.read("model.tflite"))
    result = edgeq.quantize(graph, samples, edgeq.load_recipe("default"))
    plan = edgeq.lower(result.graph, edgeq.Target(edgeq.load_board("cortex-m4")), "model")
    edgeq.write(edgeq.emit(plan), pathlib.Path("out"))
"""

from importlib.metadata import PackageNotFoundError, version

from edgeq.board import Board, Target, board_names, load_board
from edgeq.emit import emit
from edgeq.errors import EdgeqError
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.from_torch import from_torch
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.passes import simplify
from edgeq.quant import Quantized, quantize
from edgeq.readers import read
from edgeq.recipe import Recipe, load_recipe

try:
    __version__ = version("edgeq")
except PackageNotFoundError:  # run from a tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "Board", "EdgeqError", "Graph", "HostModel", "Quantized", "Recipe", "Target", "__version__",
    "board_names", "emit", "from_torch", "load_board", "load_recipe", "lower", "quantize", "read",
    "run_float", "run_int", "simplify", "write",
]
