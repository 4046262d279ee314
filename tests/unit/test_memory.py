"""Memory planning and call order on random graphs of calls."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.memory import (
    SCRATCH_ALIGN,
    TENSOR_ALIGN,
    Item,
    Problem,
    build_problem,
    check_placement,
    peak_of,
    place,
    plan_memory,
)
from edgeq.plan import Call
from edgeq.schedule import best_order


def call(name: str, ins: Sequence[str], outs: Sequence[str],
         overlap: Sequence[int | None] | None = None, scratch: int | None = None) -> Call:
    """A call without parameters."""
    return Call(name=name, op="Op", func="f", struct="s", fields=(), ins=tuple(ins),
                outs=tuple(outs), sources=(), scratch=scratch,
                overlap=tuple([None] * len(ins) if overlap is None else overlap))


@dataclass(frozen=True)
class Net:
    """What plan_memory takes."""

    calls: tuple[Call, ...]
    sizes: dict[str, int]
    views: dict[str, str]
    ins: tuple[str, ...]
    outs: tuple[str, ...]


@st.composite
def nets(draw: st.DrawFn) -> Net:
    """Random graphs: several inputs and outputs, views, scratch, overlap, partial writers."""
    ins = tuple(f"in{i}" for i in range(draw(st.integers(1, 2))))
    sizes = {n: draw(st.integers(1, 300)) for n in ins}
    views: dict[str, str] = {}
    calls = []
    for i in range(draw(st.integers(0, 9))):
        if draw(st.integers(0, 5)) == 0:
            source = draw(st.sampled_from(sorted(sizes)))
            views[f"v{i}"] = source
            sizes[f"v{i}"] = sizes[source]
            continue
        reads = draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=3))
        outs = [f"t{i}"] + ([f"u{i}"] if draw(st.integers(0, 6)) == 0 else [])
        overlap = [draw(st.sampled_from([None, 0, 0, 3, 40])) for _ in reads]
        scratch = draw(st.sampled_from([None, 0, 5, 64]))
        for name in outs:
            sizes[name] = draw(st.integers(1, 300))
        parts = draw(st.integers(1, 2))
        calls += [call(f"c{i}_{p}", reads, outs, overlap, scratch) for p in range(parts)]
    outs_of_graph = draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=3))
    return Net(tuple(calls), sizes, views, ins, tuple(outs_of_graph))


def simulate(net: Net, order: Sequence[Call], offsets: dict[str, int],
             scratch: Sequence[int | None]) -> None:
    """Run the calls on a byte map: every read must find what the writer left there.

    The kernel model is the worst that a permission D allows: it writes output byte k only after
    it has read all input bytes below k - D + 1, and everything else of the input later.
    """
    owner: dict[int, tuple[str, int]] = {}

    def root(name: str) -> str:
        while name in net.views:
            name = net.views[name]
        return name

    def write(name: str) -> None:
        for k in range(net.sizes[name]):
            owner[offsets[name] + k] = (root(name), k)

    def check(name: str, first: int = 0) -> None:
        for k in range(first, net.sizes[name]):
            assert owner[offsets[name] + k] == (root(name), k), (name, k)

    for name in net.ins:
        write(name)
    for t, c in enumerate(order):
        place_of_scratch = scratch[t]
        if c.scratch and place_of_scratch is not None:
            for k in range(c.scratch):
                owner[place_of_scratch + k] = (f"scratch {t}", k)
        for name in c.ins:
            check(name)
        for k in range(net.sizes[c.outs[0]]):
            for name, distance in zip(c.ins, c.overlap, strict=True):
                if distance is None:  # may read its first byte last
                    check(name)
                else:
                    check(name, max(0, k - distance + 1) if k >= distance else 0)
            owner[offsets[c.outs[0]] + k] = (root(c.outs[0]), k)
        for name in c.outs[1:]:
            write(name)
        if c.scratch and place_of_scratch is not None:
            for k in range(c.scratch):
                assert owner[place_of_scratch + k] == (f"scratch {t}", k)
        for name in c.outs:
            check(name)
    for name in net.outs:
        check(name)


@settings(max_examples=120, deadline=None)
@given(nets())
def test_random_graphs_keep_every_value_until_its_last_reader(net: Net) -> None:
    placement = plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs)
    assert placement.arena >= placement.bound
    simulate(net, net.calls, dict(placement.offsets), placement.scratch)


@settings(max_examples=120, deadline=None)
@given(nets())
def test_a_new_order_respects_all_dependencies_and_never_costs_memory(net: Net) -> None:
    order = best_order(net.calls, net.sizes, net.views, net.ins, net.outs)
    assert sorted(c.name for c in order) == sorted(c.name for c in net.calls)
    given_bound = build_problem(net.calls, net.sizes, net.views, net.ins, net.outs).bound()
    found_bound = build_problem(order, net.sizes, net.views, net.ins, net.outs).bound()
    assert found_bound <= given_bound
    placement = plan_memory(order, net.sizes, net.views, net.ins, net.outs)
    simulate(net, order, dict(placement.offsets), placement.scratch)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4), st.integers(0, 3)),
                min_size=1, max_size=6))
def test_small_problems_are_placed_optimally(spec: list[tuple[int, int, int]]) -> None:
    items = tuple(Item((f"t{i}",), size * 4, first, first + length)
                  for i, (size, first, length) in enumerate(spec))
    problem = Problem(items, {}, 8)
    best = min(_first_fit_peak(problem, order)
               for order in itertools.permutations(range(len(items))))
    assert peak_of(problem, place(problem)) == best


def _first_fit_peak(problem: Problem, order: Sequence[int]) -> int:
    """Peak of first fit in `order`, written plainly for problems without permissions."""
    at: dict[int, int] = {}
    for i in order:
        a = problem.items[i]
        offset = 0
        while any(a.first <= problem.items[j].last and problem.items[j].first <= a.last
                  and offset < at[j] + problem.items[j].size and at[j] < offset + a.size
                  for j in at):
            offset += TENSOR_ALIGN
        at[i] = offset
    return max(at[i] + problem.items[i].size for i in at)


def chain(*sizes: int, overlap: int | None = None) -> Net:
    names = [f"t{i}" for i in range(len(sizes))]
    calls = tuple(call(f"c{i}", [a], [b], [overlap])
                  for i, (a, b) in enumerate(itertools.pairwise(names)))
    return Net(calls, dict(zip(names, sizes, strict=True)), {}, (names[0],), (names[-1],))


def arena(net: Net) -> int:
    return plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs).arena


def test_a_chain_needs_its_largest_pair() -> None:
    assert arena(chain(640, 128, 128, 8, 128, 640)) == 768


def test_in_place_needs_the_largest_tensor() -> None:
    assert arena(chain(640, 640, 640, overlap=0)) == 640


def test_output_slides_below_the_dying_input_by_the_least_distance() -> None:
    net = chain(1000, 1000, overlap=24)
    placement = plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs)
    assert placement.arena == placement.bound == 1024
    assert placement.offsets["t1"] + 24 == placement.offsets["t0"]


def test_in_place_beats_a_slide_that_the_same_call_allows() -> None:
    net = chain(1000, 1000, overlap=24)
    calls = tuple(replace(c, in_place=True) for c in net.calls)
    placement = plan_memory(calls, net.sizes, net.views, net.ins, net.outs)
    assert placement.arena == placement.bound == 1000


def test_an_output_larger_than_its_input_extends_beyond_it() -> None:
    assert arena(chain(100, 1000, overlap=0)) == 1000


def test_an_input_with_a_later_reader_is_not_overwritten() -> None:
    net = Net((call("a", ["x"], ["y"], [0]), call("b", ["x", "y"], ["z"], [0, 0])),
              {"x": 100, "y": 100, "z": 100}, {}, ("x",), ("z",))
    assert arena(net) == 200


def test_a_view_keeps_its_source_alive() -> None:
    net = Net((call("a", ["x"], ["y"], [0]), call("b", ["v", "y"], ["z"], [0, 0])),
              {"x": 100, "v": 100, "y": 100, "z": 100}, {"v": "x"}, ("x",), ("z",))
    placement = plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs)
    assert placement.offsets["v"] == placement.offsets["x"] != placement.offsets["y"]


def test_a_graph_output_is_never_the_place_of_a_later_output() -> None:
    net = replace(chain(64, 64, 64, overlap=0), outs=("t1", "t2"))
    placement = plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs)
    assert placement.arena == 128


def test_reading_a_tensor_twice_needs_both_permissions() -> None:
    net = Net((call("a", ["x", "x"], ["y"], [0, None]),), {"x": 64, "y": 64}, {}, ("x",), ("y",))
    assert arena(net) == 128


def test_scratch_fills_a_gap_that_tensors_leave() -> None:
    calls = (call("a", ["x"], ["y"], scratch=400), call("b", ["y"], ["z"]))
    net = Net(calls, {"x": 64, "y": 64, "z": 900}, {}, ("x",), ("z",))
    placement = plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs)
    assert placement.arena == 964  # not 964 + 400
    offset = placement.scratch[0]
    assert offset is not None
    assert offset % SCRATCH_ALIGN == 0


def test_two_wide_branches_run_one_after_the_other() -> None:
    calls = (call("a1", ["x"], ["wide1"]), call("b1", ["x"], ["wide2"]),
             call("a2", ["wide1"], ["thin1"]), call("b2", ["wide2"], ["thin2"]),
             call("join", ["thin1", "thin2"], ["y"], [0, 0]))
    sizes = {"x": 8, "wide1": 1000, "wide2": 1000, "thin1": 8, "thin2": 8, "y": 8}
    order = best_order(calls, sizes, {}, ("x",), ("y",))
    assert [c.name for c in order] in (["a1", "a2", "b1", "b2", "join"],
                                       ["b1", "b2", "a1", "a2", "join"])
    assert plan_memory(order, sizes, {}, ("x",), ("y",)).arena == 1016


def test_the_given_order_stays_where_no_other_is_better() -> None:
    calls = (call("a", ["x"], ["l"]), call("b", ["x"], ["r"]), call("c", ["l", "r"], ["y"]))
    sizes = {"x": 8, "l": 8, "r": 8, "y": 8}
    assert best_order(calls, sizes, {}, ("x",), ("y",)) == calls


def test_the_search_is_repeatable() -> None:
    net = chain(100, 700, 300, 900, 50, 620, overlap=12)
    assert (plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs)
            == plan_memory(net.calls, net.sizes, net.views, net.ins, net.outs))


@pytest.mark.parametrize("offsets", [(0, 0), (0, 60), (8, 0), (2, 64)])
def test_the_check_finds_illegal_placements(offsets: tuple[int, int]) -> None:
    slide = {(1, 0): 12}  # item 1 may start 12 or more bytes below item 0
    problem = Problem((Item(("x",), 64, -1, 0), Item(("y",), 64, 0, 1)), slide, 1)
    with pytest.raises(AssertionError):
        check_placement(problem, offsets)


def test_the_check_accepts_the_distance_and_more() -> None:
    problem = Problem((Item(("x",), 64, -1, 0), Item(("y",), 64, 0, 1)), {(1, 0): 12}, 1)
    for offsets in ((12, 0), (32, 0), (0, 64), (64, 0)):
        check_placement(problem, offsets)
