"""Function fusion: elementwise operators that depend on one tensor become one function."""

from __future__ import annotations

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.composite import Composite
from edgeq.ops.elementwise import Binary
from edgeq.ops.lut import Unary
from edgeq.ops.minmax import MinMax


def fuse_functions(graph: Graph) -> Graph:
    """`graph` with chains such as x * sigmoid(x), or a GELU written out, as one `Composite`.

    On int8 that is one look-up in a table of exact values instead of several operators, each
    with its own rounding. Two operators at least, of which nobody else needs a result in
    between; float graphs only.
    """
    if any(t.q is not None for t in graph.tensors.values()):
        return graph
    roots = _roots(graph)
    for op in reversed(graph.ops):
        fused = _fused(graph, op, roots) if op in graph.ops else None
        if fused is not None:
            steps = {id(s) for s in fused.steps}
            ops = tuple(fused if o is op else o for o in graph.ops
                        if o is op or id(o) not in steps)
            graph = graph.replace(ops=ops)
    return graph


def _roots(g: Graph) -> dict[str, tuple[str, ...]]:
    """For every activation the ones of which each of its values is a function, earliest first."""
    roots: dict[str, tuple[str, ...]] = {name: (name,) for name in g.ins}
    for op in g.ops:
        for out in op.outs:
            roots[out] = (out,)
        if not isinstance(op, Unary | Binary | MinMax):
            continue
        (out,) = op.outs
        operands = [n for n in dict.fromkeys(op.ins) if not _single(g, n)]
        if any(g.tensor(n).is_const or g.tensor(n).shape != g.tensor(out).shape
               for n in operands) or not operands:
            continue
        common = [r for r in roots[operands[0]] if all(r in roots[n] for n in operands)]
        roots[out] = (*common, out)
    return roots


def _single(g: Graph, name: str) -> bool:
    """True for a constant of one value."""
    tensor = g.tensor(name)
    return tensor.is_const and tensor.size == 1


def _fused(g: Graph, last: Op, roots: dict[str, tuple[str, ...]]) -> Composite | None:
    """The largest function that ends with `last`, or None."""
    if len(last.outs) != 1:
        return None
    for root in roots[last.outs[0]][:-1]:
        steps = _between(g, root, last)
        if len(steps) > 1 and _private(g, steps, last):
            names = dict.fromkeys(n for op in steps for n in op.ins if _single(g, n))
            return Composite(
                name=last.name, ins=(root,), outs=last.outs, steps=steps,
                constants=tuple(g.tensor(n) for n in names), source=root, result=last.outs[0])
    return None


def _between(g: Graph, root: str, last: Op) -> tuple[Op, ...]:
    """The operators that compute `last` from `root`, in execution order."""
    needed, steps = set(last.ins) - {root}, [last]
    for op in reversed(g.ops[:g.ops.index(last)]):
        if needed & set(op.outs):
            steps.append(op)
            needed |= set(op.ins) - {root}
    return tuple(reversed(steps))


def _private(g: Graph, steps: tuple[Op, ...], last: Op) -> bool:
    """True where only `steps` read what they compute on the way."""
    inside = {id(op) for op in steps}
    for op in steps:
        if op is not last and (set(op.outs) & set(g.outs) or any(
                id(reader) not in inside for out in op.outs for reader in g.consumers(out))):
            return False
    return True
