"""Simplification: passes from graph to graph that leave the function as it is."""

from __future__ import annotations

from collections.abc import Callable

from edgeq.ir import Graph
from edgeq.passes.batch_inputs import batch_inputs
from edgeq.passes.batch_outputs import batch_outputs
from edgeq.passes.drop_unused import drop_unused
from edgeq.passes.early_slice import early_slice
from edgeq.passes.expand_operands import expand_operands
from edgeq.passes.fold_bn import fold_bn
from edgeq.passes.fold_constants import fold_constants
from edgeq.passes.fuse_activation import fuse_activation
from edgeq.passes.fuse_div import fuse_div
from edgeq.passes.fuse_functions import fuse_functions
from edgeq.passes.fuse_masks import fuse_masks
from edgeq.passes.fuse_matmul import fuse_matmul
from edgeq.passes.fuse_norm import fuse_norm
from edgeq.passes.fuse_pad import fuse_pad
from edgeq.passes.last_step import last_step
from edgeq.passes.merge_reshapes import merge_reshapes
from edgeq.passes.split_batches import split_batches
from edgeq.passes.split_dense import split_dense

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    batch_inputs,
    batch_outputs,
    fold_constants,  # before the rest, which looks for constant weights, factors and offsets
    fuse_masks,  # after constants are known, before anything looks at what is added to scores
    fuse_norm,  # before factors and offsets behind it move into other layers
    fold_bn,  # before padding moves into layers, which would stop offsets in front of them
    fuse_pad,  # after batch norms are gone, pads stand right before their convolution
    fuse_activation,  # after batch norms are gone, activations stand right behind their layer
    split_dense,  # after layers have their biases and activations
    fuse_matmul,  # after layers took the factors next to them, and slices are gone
    merge_reshapes,  # after products and layers made views
    early_slice,  # after products take any order of axes
    fuse_div,  # after normalizations, which divide too, and before products are expanded
    expand_operands,  # after factors and offsets have moved into layers
    fuse_functions,  # after layers took what they can do for free
    split_batches,  # after layers took their padding and activations
    drop_unused,  # what the others made superfluous
    last_step,  # after the other readers of a recurrent layer's states are gone
)


def simplify(graph: Graph) -> Graph:
    """`graph` with constants folded, and batch norms, pads and activations merged.

    The float function stays the same up to rounding; a quantized graph keeps every bit.
    """
    for step in PASSES:
        graph = step(graph)
        graph.check()
    return graph
