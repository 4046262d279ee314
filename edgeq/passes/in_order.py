"""In order: operators sorted so that each follows those whose results it reads."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.ops.base import Op


def in_order(ops: Sequence[Op]) -> tuple[Op, ...] | None:
    """`ops` so that each follows those it reads, else as they are.

    None where an operator needs its own result.
    """
    makers = {n: i for i, op in enumerate(ops) for n in op.outs}
    needs = [{makers[n] for n in op.ins if n in makers} for op in ops]
    done: dict[int, bool] = {}  # False while what it needs is under way
    order: list[Op] = []
    for i in range(len(ops)):
        stack = [i]
        while stack:
            top = stack[-1]
            left = [j for j in needs[top] if j not in done]
            if done.get(top):
                stack.pop()
            elif left and top not in done:
                done[top] = False
                stack += sorted(left, reverse=True)
            elif any(not done[j] for j in needs[top] if j in done) or left:
                return None
            else:
                done[top] = True
                order.append(ops[top])
                stack.pop()
    return tuple(order)
