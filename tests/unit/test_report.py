"""Figures and the page: metrics by hand, a memory map that shows the plan, nothing from outside."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edgeq.board import Target, load_board
from edgeq.evaluate import Comparison, sqnr_db
from edgeq.ir import QuantParams
from edgeq.numbertext import count_text, percent_text, size_text
from edgeq.pipeline import Request, Result, build
from edgeq.recipe import load_recipe
from edgeq.report_html import html, memory_map
from edgeq.resources import resource_dir


@pytest.fixture(scope="module")
def result() -> Result:
    digits = resource_dir("examples") / "digits"
    return build(Request(digits / "digits.tflite", Target(load_board("host")),
                         str(digits / "digits_calib.npz"), load_recipe("fast")))


def params(scale: float, zero: int) -> QuantParams:
    return QuantParams(np.array(scale), np.array(zero, np.int32))


def test_comparison_by_hand() -> None:
    comparison = Comparison({"y": params(0.5, 1)})
    # float picks 0 1 1 1, integers 0 1 0 1
    comparison.add({"y": np.array([[1.0, 0.0], [0.0, 1.0]])}, {"y": np.array([[3, 1], [1, 3]])})
    comparison.add({"y": np.array([[0.0, 1.0], [0.0, 1.0]])}, {"y": np.array([[2, 1], [1, 3]])})
    e = comparison.result(np.array([0, 1, 1, 0]), np.array(["a", "b", "b", "a"]))
    assert (e.samples, e.float_accuracy, e.int_accuracy, e.agreement) == (4, 0.75, 0.5, 0.75)
    assert e.drop == 0.25
    # one sample is off: (0.5, 0) for (0, 1), so noise 0.25 + 1 of signal 4
    assert e.sqnr_db["y"] == pytest.approx(10 * np.log10(4 / 1.25))
    assert [(s.name, s.samples, s.drop) for s in e.groups] == [("a", 2, 0.0), ("b", 2, 0.5)]
    assert [(s.name, s.float_accuracy) for s in e.per_class] == [("0", 0.5), ("1", 1.0)]
    assert e.largest_group_drop is not None
    assert e.largest_group_drop.name == "b"


def test_comparison_without_labels() -> None:
    comparison = Comparison({"y": params(1.0, 0)})
    comparison.add({"y": np.array([[1.0, 2.0]])}, {"y": np.array([[1, 2]])})
    e = comparison.result()
    assert (e.float_accuracy, e.int_accuracy, e.drop, e.agreement) == (None, None, None, 1.0)
    assert e.sqnr_db["y"] is None
    assert (e.per_class, e.groups, e.largest_group_drop) == ((), (), None)


@pytest.mark.parametrize(("signal", "noise", "want"), [
    (100.0, 1.0, 20.0), (1.0, 1.0, 0.0), (1.0, 0.0, None), (0.0, 1.0, None)])
def test_sqnr(signal: float, noise: float, want: float | None) -> None:
    assert sqnr_db(signal, noise) == want


def test_numbers_for_readers() -> None:
    assert [size_text(n) for n in (0, 1023, 1536)] == ["0 B", "1023 B", "1.5 KB"]
    assert size_text(3 << 20) == "3.00 MB"
    assert [count_text(n) for n in (950, 49280, 2656768)] == ["950", "49.3 k", "2.66 M"]
    assert [percent_text(x) for x in (0.985, None)] == ["98.50 %", "–"]


def test_report_agrees_with_the_plan(result: Result) -> None:
    r, plan = result.report, result.plan
    assert r["arena_bytes"] == plan.placement.arena
    assert r["macs"] == sum(call.macs for call in plan.calls) == 49280
    layers = r["layers"]
    assert isinstance(layers, list)
    assert [layer["kernel"] for layer in layers] == [call.func for call in plan.calls]
    assert all(layer["sqnr"] is None or layer["sqnr"] > 20 for layer in layers)
    assert json.loads(result.files["report.json"]) == json.loads(json.dumps(r))


def test_memory_map_shows_every_storage_inside_the_arena(result: Result) -> None:
    drawn = memory_map(result.report)
    storages = result.plan.placement.storages
    assert len(drawn.rects) == len(storages) > 5
    for rect in drawn.rects:
        assert drawn.left <= rect.x
        assert rect.x + rect.width <= drawn.width
        assert rect.y + rect.height <= drawn.bottom + 0.01
        assert rect.y >= 0
    assert {r.kind for r in drawn.rects} >= {"input", "output", "tensor"}
    highest = min(drawn.rects, key=lambda r: r.y)
    at_peak = max(storages, key=lambda s: s.offset + s.size)
    assert str(at_peak.size) in highest.title.replace(",", "")


class _Page(HTMLParser):
    """Collects what a page would load, and checks that tags close."""

    VOID = ("meta", "rect", "line", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "data")]
        if tag in ("script", "iframe", "link"):
            self.loads.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_is_whole_and_loads_nothing(result: Result) -> None:
    page = _Page()
    text = result.files["report.html"]
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert "url(" not in text
    assert "@import" not in text
    for call in result.plan.calls:
        assert call.func in text


def test_page_escapes_names(result: Result) -> None:
    report = {**result.report, "model": "<script>alert(1)</script>"}
    assert "<script>" not in html(report)


def test_no_path_of_the_writer_in_the_c_code(result: Result) -> None:
    here = str(Path.cwd())
    for path, text in result.files.items():
        if path.endswith((".c", ".h", ".txt", "Makefile", "README.md")):
            assert here not in text, path
