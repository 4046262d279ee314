"""C identifiers, literals and comments."""

from __future__ import annotations

import re
from pathlib import PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.ctext import (
    checked_name,
    comment,
    float_literal,
    identifier,
    int_literal,
    model_name,
    string_text,
    table,
    unique_identifiers,
    usable_name,
)
from edgeq.errors import UsageError


@given(st.text() | st.just("0" * 63) | st.just("a" * 80))
def test_every_text_becomes_a_usable_name(text: str) -> None:
    assert checked_name(usable_name(text)) == usable_name(text)
    assert identifier(text).startswith(usable_name(text))


@pytest.mark.parametrize(("path", "name"), [
    ("mlperf_kws-int8.tflite", "mlperf_kws_int8"), ("1st model.onnx", "m_1st_model"),
    ("int.tflite", "m_int"), ("eq.tflite", "m_eq"), ("eq_ops.tflite", "m_eq_ops"),
    ("äöü.tflite", "model"),
])
def test_model_names_from_files(path: str, name: str) -> None:
    assert model_name(PurePath(path)) == name


@pytest.mark.parametrize("name", ["", "2x", "a-b", "while", "eq", "EQ_x", "ä", "a b", "x;"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        checked_name(name)


@given(st.lists(st.sampled_from(["a", "a_2", "a/2", "", "b", "a_2_2", "_"]), max_size=12))
def test_unique_identifiers(names: list[str]) -> None:
    unique = unique_identifiers(names)
    assert len(unique) == len(set(unique)) == len(names)


@given(st.text())
def test_comments_and_strings_stay_closed(text: str) -> None:
    assert "*/" not in comment(text)
    assert "/*" not in comment(text)
    assert comment(text).isascii()
    assert not re.search(r"[\"\\%\n?]", string_text(text))


@given(st.integers(-2**31, 2**32 - 1))
def test_integer_literals(value: int) -> None:
    assert eval(int_literal(value).rstrip("u")) == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_literals_read_back_exactly(value: float) -> None:
    text = float_literal(value)
    assert text.endswith("f")
    assert np.float32(text[:-1]) == np.float32(value)
    assert re.search(r"[.e]", text)


def test_tables_are_complete_and_narrow() -> None:
    data = np.arange(-60, 60, dtype=np.int8)
    text = table(data)
    assert [int(t) for t in text.replace("\n", "").split(",") if t.strip()] == data.tolist()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "-2147483647 - 1" in table(np.array([-2**31, 5], np.int32))
