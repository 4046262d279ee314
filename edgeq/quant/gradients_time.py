"""Gradients through recurrent layers: back through time, from the last step to the first.

Sources: Werbos 1990; the steps are those of ops/lstm.py, ops/gru.py and ops/rnn.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from edgeq.ir import FloatArray
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm, logistic
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn

Grads = tuple[FloatArray, ...]


def unrolls(op: object) -> bool:
    """True for the layers that `back_through_time` knows: those that start anew every run."""
    return isinstance(op, Gru | Lstm | Rnn) and not op.stateful


def back_through_time(op: Recurrent, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    """d loss / d x, w, r, b (GRU: and the bias of the state), from d loss / d output."""
    states = op.unroll(*xs)[op.outs[0]]  # (n, steps, units)
    by_state = np.zeros_like(states)
    if op.last_only:
        by_state[:, -1] = grad
    else:
        by_state[...] = grad
    before = np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], 1)
    if isinstance(op, Lstm):
        by_sums = _lstm(op, xs, before, by_state)
    elif isinstance(op, Gru):
        return _gru(op, xs, before, by_state)
    else:
        assert isinstance(op, Rnn)
        by_sums = _rnn(xs[2], states, by_state)
    rows = by_sums.reshape(-1, by_sums.shape[2])
    return (by_sums @ xs[1], rows.T @ _rows(xs[0]), rows.T @ _rows(before), rows.sum(0))


def _rows(x: FloatArray) -> FloatArray:
    return x.reshape(-1, x.shape[2])


def _rnn(r: FloatArray, states: FloatArray, by_state: FloatArray) -> FloatArray:
    """d loss / d the sums of every step: (n, steps, units)."""
    by_sums, back = np.empty_like(states), np.zeros_like(states[:, 0])
    for t in reversed(range(states.shape[1])):
        by_sums[:, t] = (by_state[:, t] + back) * (1 - states[:, t] ** 2)
        back = by_sums[:, t] @ r
    return by_sums


def _lstm(op: Lstm, xs: Sequence[FloatArray], before: FloatArray,
          by_state: FloatArray) -> FloatArray:
    """d loss / d the sums of every step and gate: (n, steps, 4 * units)."""
    x, w, r, b = xs[:4]
    clip = op.cell_clip or inf
    sums = np.split(x @ w.T + before @ r.T + b, 4, axis=2)
    i, f, o = (logistic(sums[gate]) for gate in (0, 1, 3))
    g = np.tanh(sums[2])
    cells = op.unroll(*xs)[f"{op.outs[0]}/cell"]
    older = np.concatenate([np.zeros_like(cells[:, :1]), cells[:, :-1]], 1)
    bent, free = np.tanh(cells), np.abs(cells) < clip
    by_sums = np.empty((*cells.shape[:2], r.shape[0]), np.float32)
    back, by_cell = np.zeros_like(cells[:, 0]), np.zeros_like(cells[:, 0])
    for t in reversed(range(cells.shape[1])):
        h = by_state[:, t] + back
        by_cell = (by_cell + h * o[:, t] * (1 - bent[:, t] ** 2)) * free[:, t]
        by_sums[:, t] = np.concatenate([
            by_cell * g[:, t] * i[:, t] * (1 - i[:, t]),
            by_cell * older[:, t] * f[:, t] * (1 - f[:, t]),
            by_cell * i[:, t] * (1 - g[:, t] ** 2),
            h * bent[:, t] * o[:, t] * (1 - o[:, t])], 1)
        back, by_cell = by_sums[:, t] @ r, by_cell * f[:, t]
    return by_sums


def _gru(op: Gru, xs: Sequence[FloatArray], before: FloatArray, by_state: FloatArray) -> Grads:
    x, w, u, b, c = xs[:5]
    units = u.shape[1]
    last = slice(2 * units, None)  # the rows of the third gate
    inner, outer = np.split(x @ w.T + b, 3, axis=2), np.split(before @ u.T + c, 3, axis=2)
    z, r = logistic(inner[0] + outer[0]), logistic(inner[1] + outer[1])
    held = outer[2]  # what r multiplies
    n = np.tanh(inner[2] + ((r * before) @ u[last].T + c[last] if op.reset_first else r * held))
    by_x = np.empty((*z.shape[:2], 3 * units), np.float32)  # sums on the side of the input
    by_h, back = np.empty_like(by_x), np.zeros_like(z[:, 0])
    for t in reversed(range(z.shape[1])):
        h = by_state[:, t] + back
        new = h * (1 - z[:, t]) * (1 - n[:, t] ** 2)
        back = h * z[:, t]
        if op.reset_first:
            through = new @ u[last]
            by_r, by_last = through * before[:, t], new
            back = back + through * r[:, t]
        else:
            by_r, by_last = new * held[:, t], new * r[:, t]
            back = back + by_last @ u[last]
        gates = [h * (before[:, t] - n[:, t]) * z[:, t] * (1 - z[:, t]),
                 by_r * r[:, t] * (1 - r[:, t])]
        by_x[:, t], by_h[:, t] = np.concatenate([*gates, new], 1), np.concatenate(
            [*gates, by_last], 1)
        back = back + by_h[:, t, :2 * units] @ u[:2 * units]
    by_u = _rows(by_h).T @ _rows(before)
    if op.reset_first:
        by_u[last] = _rows(by_h[:, :, last]).T @ _rows(r * before)
    return (by_x @ w, _rows(by_x).T @ _rows(x), by_u, _rows(by_x).sum(0), _rows(by_h).sum(0))
