"""Constants of no axis, which numpy turns into scalars, are tensors like others."""

from __future__ import annotations

import numpy as np

from edgeq.ir import QuantParams, Tensor


def test_a_quantized_scalar_is_a_read_only_array() -> None:
    q = QuantParams(np.float64(0.5), np.int32(0))
    codes = q.quantize(np.asarray(2.0, np.float32))
    data = Tensor("c", (), codes, q).data
    assert isinstance(data, np.ndarray)
    assert data.shape == ()
    assert int(data) == 4
    assert not data.flags.writeable
