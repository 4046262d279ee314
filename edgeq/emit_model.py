"""What the templates print: every decision about the generated C is made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeq.board import Board
from edgeq.cmsis_nn import FOLDERS, PATTERNS
from edgeq.ctext import (
    comment,
    float_literal,
    identifier,
    int_literal,
    shape_text,
    string_text,
    table,
    unique_identifiers,
    wrapped,
)
from edgeq.emit_strips import StripsView, strips_view
from edgeq.ir import Array, Graph, IntArray, dtype_of
from edgeq.lower import tensor_bytes
from edgeq.plan import Blob, Call, Plan

# ISA suffix of a runtime file -> what the compiler must define for it, and how to ask for it
_ISA_CHECKS = {
    "mve": ("defined(__ARM_FEATURE_MVE)", "Helium (MVE)"),
    "dsp": ("defined(__ARM_FEATURE_DSP)", "the DSP extension"),
    "neon": ("defined(__ARM_NEON)", "NEON"),
    "dot": ("defined(__ARM_FEATURE_DOTPROD)", "NEON dot products"),
    "i8mm": ("defined(__ARM_FEATURE_MATMUL_INT8)", "NEON int8 matrix multiplication"),
}


# what the model's prefix stands before in the API and beside it
_API = ("init", "run", "reset", "info", "t", "selftest", "input", "output", "input_info",
        "output_info")


@dataclass(frozen=True, eq=False)
class SelfTest:
    """Vectors of kws_selftest(): one integer array for each graph input and output."""

    inputs: Mapping[str, IntArray]
    outputs: Mapping[str, IntArray]


@dataclass(frozen=True, eq=False)
class TableView:
    """One constant table of <name>_weights.c."""

    symbol: str
    ctype: str
    count: int
    align: int
    title: str
    data: Array

    @property
    def rows(self) -> str:
        """Initializer lines."""
        return table(self.data)


@dataclass(frozen=True)
class PortView:
    """One graph input or output."""

    suffix: str  # "" for number 0, "_1" for number 1, ...
    macro: str  # "kws_INPUT", "kws_INPUT_1"
    tensor: str  # its name, safe in comments
    c_string: str  # its name, safe in a string literal
    ctype: str
    size: int
    nbytes: int
    bits: int
    shape: tuple[int, ...]
    shape_text: str
    scale: str
    zero: int
    real: str  # the real value as a formula of q
    qmin: int
    qmax: int
    pointer: str  # expression over `m->arena`
    const_pointer: str


@dataclass(frozen=True)
class StateView:
    """A state, and how <name>_reset fills it: with one byte, or with a table over and over."""

    title: str
    place: str  # expression over `m->arena`
    nbytes: int
    fill: int
    table: str  # symbol, or "" for `fill`
    period: int  # bytes of the table


@dataclass(frozen=True)
class LayerView:
    """One call of <name>_run."""

    index: int
    symbol: str  # of its parameters struct
    struct: str
    func: str
    title: str
    details: tuple[str, ...]
    fields: tuple[str, ...]  # lines of designated initializers
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class RunView:
    """One line of <name>_run, and the layers that are done behind it."""

    call: str
    layers: tuple[int, ...]


@dataclass(frozen=True)
class IsaView:
    """A compile-time check of the target."""

    condition: str
    needs: str


@dataclass(frozen=True)
class ModelView:
    """The whole model as text pieces."""

    name: str
    guard: str
    board: Board
    cross: str  # compiler prefix, e.g. "arm-none-eabi-"
    cmake_system: str
    cflags: str  # without the optimization level
    opt: str  # the optimization level, e.g. "-O2"
    arena: int
    arena_bound: int
    macs: int
    weight_bytes: int
    table_bytes: int
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    states: tuple[StateView, ...]
    state_bytes: int
    layers: tuple[LayerView, ...]
    strips: tuple[StripsView, ...]
    runs: tuple[RunView, ...]
    tables: tuple[TableView, ...]
    isa: tuple[IsaView, ...]
    sources: tuple[str, ...]  # runtime C files, bare names
    float_sources: tuple[str, ...]  # those of them that compute in float32
    headers: tuple[str, ...]  # that declare the functions of the calls, bare names
    cmsis_nn: str  # path of the checkout whose functions are called, or ""
    cmsis_globs: tuple[str, ...]  # its C files, below that path


def model_view(plan: Plan) -> ModelView:
    """The view of a plan."""
    layers = unique_identifiers((call.name for call in plan.calls), _API)
    tables, symbols = _tables(plan, layers)
    states, patterns = _states(plan)
    tables += patterns
    board = plan.target.board
    views = tuple(_layer(plan, i, layers[i], symbols) for i in range(len(plan.calls)))
    strips = tuple(_strips(plan, i, views, symbols) for i in range(len(plan.strips)))
    names = tuple(s.rsplit("/", 1)[-1] for s in plan.sources)
    levels = [f for f in (*board.cflags, *plan.target.cflags) if f.startswith("-O")]
    own = ("-ffunction-sections", "-fdata-sections")  # the build files have these
    arch = [f for f in board.cflags if f not in (*levels, *own)]
    return ModelView(
        name=plan.name, guard=f"{plan.name}_H", board=board,
        cross=board.compiler.removesuffix("gcc") if board.compiler.endswith("-gcc") else "",
        cmake_system="Generic" if board.bare_metal else "Linux",
        cflags=" ".join(arch), opt=levels[-1] if levels else "-O2",
        arena=max(plan.placement.arena, 1),
        arena_bound=plan.placement.bound, macs=sum(call.macs for call in plan.calls),
        weight_bytes=_nbytes(tables, weights=True), table_bytes=_nbytes(tables, weights=False),
        inputs=tuple(_port(plan, n, "INPUT", i) for i, n in enumerate(plan.graph.ins)),
        outputs=tuple(_port(plan, n, "OUTPUT", i) for i, n in enumerate(plan.graph.outs)),
        states=states, state_bytes=sum(s.nbytes for s in states),
        layers=views, strips=strips, runs=_runs(plan, views, strips),
        tables=tuple(t for t, _ in tables),
        isa=_isa_checks(names), sources=tuple(n for n in names if n.endswith(".c")),
        float_sources=tuple(n for n in names if n.endswith("_f32.c")),
        headers=tuple(_headers(plan)),
        cmsis_nn=str(plan.target.cmsis_nn or ""),
        cmsis_globs=tuple(f"Source/{f}/{p}" for f in FOLDERS for p in PATTERNS),
    )


def _headers(plan: Plan) -> Iterator[str]:
    """Those of the operator families and of custom operators."""
    for source in plan.sources:
        path = Path(source)
        own = path.is_absolute() and path.suffix == ".h"
        if own or (source.startswith("include/") and path.name not in ("eq.h", "eq_requant.h")):
            yield path.name


def _nbytes(tables: list[tuple[TableView, Blob]], *, weights: bool) -> int:
    return sum(b.nbytes for _, b in tables if (b.name == "weights") == weights)


def _isa_checks(names: tuple[str, ...]) -> tuple[IsaView, ...]:
    parts = {part for n in names if n.endswith(".c") for part in n[:-2].split("_")}
    return tuple(IsaView(*_ISA_CHECKS[isa]) for isa in _ISA_CHECKS if isa in parts)


def _tables(plan: Plan, layers: tuple[str, ...]
            ) -> tuple[list[tuple[TableView, Blob]], dict[tuple[int, str], str]]:
    """Every table once, and the symbol behind (call number, blob name or constant input)."""
    taken = {f"{plan.name}_{layer}" for layer in layers}  # symbols of parameters
    found: dict[tuple[str, bytes], str] = {}
    blobs: dict[str, tuple[Blob, str]] = {}
    symbols: dict[tuple[int, str], str] = {}
    for i, call in enumerate(plan.calls):
        for blob in (*call.blobs, *_constant_inputs(plan.graph, call)):
            key = (blob.ctype, blob.data.tobytes())
            symbol = f"{plan.name}_{layers[i]}_{identifier(blob.name)}"
            while symbol in taken:  # a layer may be called as the table of another one
                symbol += "_"
            symbol = found.setdefault(key, symbol)
            symbols[i, blob.name] = symbol
            old = blobs.get(symbol)
            if old is None or old[0].align < blob.align:
                blobs[symbol] = (blob, call.name if old is None else old[1])
    views = []
    for symbol, (blob, layer) in blobs.items():
        note = f": {blob.note}" if blob.note else ""
        views.append((TableView(symbol, blob.ctype, blob.data.size, blob.align,
                                comment(f"{layer} {blob.name}{note}"), blob.data), blob))
    return views, symbols


def _constant_inputs(graph: Graph, call: Call) -> tuple[Blob, ...]:
    """Inputs of a call that are constants of the graph, as tables."""
    constants = (graph.tensor(n) for n in dict.fromkeys(call.ins))
    return tuple(Blob(f"const_{t.name}", _ctype(t.params.bits), _flat(t.data))
                 for t in constants if t.data is not None)


def _flat(data: Array) -> Array:
    return np.ascontiguousarray(data).reshape(-1)


def _ctype(bits: int) -> str:
    return f"int{dtype_of(bits)().itemsize * 8}_t"


def _at(base: str, offset: int, ctype: str, *, const: bool = False) -> str:
    """A typed pointer `offset` bytes into the arena."""
    place = f"{base} + {offset}" if offset else base
    if ctype == "int8_t":
        return place
    qualifier = "const " if const else ""
    return f"({qualifier}{ctype} *)({qualifier}void *)({place})"


def _port(plan: Plan, name: str, kind: str, number: int) -> PortView:
    tensor = plan.graph.tensor(name)
    q, ctype = tensor.params, _ctype(tensor.params.bits)
    suffix = f"_{number}" if number else ""
    offset = plan.placement.offsets[name]
    return PortView(
        suffix=suffix, macro=f"{plan.name}_{kind}{suffix}", tensor=comment(name),
        c_string=string_text(name), ctype=ctype, size=tensor.size,
        nbytes=tensor_bytes(plan.graph, name), bits=q.bits, shape=tensor.shape,
        shape_text=shape_text(tensor.shape), scale=float_literal(float(q.scale)),
        zero=int(q.zero), real=_real_value(float(q.scale), int(q.zero)), qmin=q.qmin, qmax=q.qmax,
        pointer=_at("m->arena", offset, ctype),
        const_pointer=_at("m->arena", offset, ctype, const=True),
    )


def _states(plan: Plan) -> tuple[tuple[StateView, ...], list[tuple[TableView, Blob]]]:
    """The states, and the tables that their reset needs."""
    views, tables = [], []
    for i, state in enumerate(plan.graph.states):
        raw = np.frombuffer(np.ascontiguousarray(plan.graph.initial(state)).tobytes(), np.int8)
        period = next(n for n in range(1, raw.size + 1)
                      if raw.size % n == 0 and not np.any(raw.reshape(-1, n) != raw[:n]))
        shape = plan.graph.tensor(state.source).shape
        symbol, title = "", comment(f"{state.source}: {shape_text(shape)}")
        if period > 1:
            symbol = f"{plan.name}_reset_{i}"
            blob = Blob("state", "int8_t", raw[:period], align=1)
            tables.append((TableView(symbol, "int8_t", period, 1,
                                     comment(f"{state.source} at reset"), blob.data), blob))
        views.append(StateView(title, _at("m->arena", plan.placement.offsets[state.source],
                                          "int8_t"), raw.size, int(raw[0]), symbol, period))
    return tuple(views), tables


def _real_value(scale: float, zero: int) -> str:
    if zero == 0:
        return f"{scale:.9g} * q"
    return f"{scale:.9g} * (q {'-' if zero > 0 else '+'} {abs(zero)})"


def _layer(plan: Plan, i: int, layer: str, symbols: Mapping[tuple[int, str], str]) -> LayerView:
    call = plan.calls[i]
    fields = [f".{n} = {symbols[i, v.name] if isinstance(v, Blob) else int_literal(v)},"
              for n, v in call.fields]
    symbol = f"{plan.name}_{layer}"
    return LayerView(
        index=i, symbol=symbol, struct=call.struct, func=call.func,
        title=comment(f"{i}: {call.name} ({call.op})"), details=_details(plan, call, i),
        fields=wrapped(fields), arguments=(f"&{symbol}", *_arguments(plan, call, i, symbols)),
    )


def _arguments(plan: Plan, call: Call, i: int, symbols: Mapping[tuple[int, str], str]
               ) -> tuple[str, ...]:
    def pointer(name: str, *, const: bool) -> str:
        tensor = plan.graph.tensor(name)
        if tensor.is_const:
            symbol = symbols[i, f"const_{name}"]
            wide = call.as_bytes and tensor.params.bits > 8
            return f"(const int8_t *)(const void *){symbol}" if wide else symbol
        ctype = "int8_t" if call.as_bytes else _ctype(tensor.params.bits)
        return _at("arena", plan.placement.offsets[name], ctype, const=const)

    scratch: tuple[str, ...] = ()
    if call.scratch is not None:
        where = plan.placement.scratch[i]
        scratch = ("NULL" if where is None else f"arena + {where}",)
    return (*(pointer(n, const=True) for n in call.ins),
            *(pointer(n, const=False) for n in call.outs), *scratch)


def _strips(plan: Plan, number: int, layers: tuple[LayerView, ...],
            symbols: Mapping[tuple[int, str], str]) -> StripsView:
    first = plan.strips[number].first

    def pointer(name: str, offset: str) -> str:
        ctype = _ctype(plan.graph.tensor(name).params.bits)
        base = _at("arena", plan.placement.offsets[name], "int8_t")
        place = f"{base} + {offset}" if offset else base
        return place if ctype == "int8_t" else f"({ctype} *)(void *)({place})"

    def scratch(i: int) -> str:
        return _arguments(plan, plan.calls[i], i, symbols)[-1]

    assert not any(plan.calls[i].as_bytes for i in range(first, plan.strips[number].last + 1))
    return strips_view(plan, number, tuple(layer.symbol for layer in layers), pointer, scratch)


def _runs(plan: Plan, layers: tuple[LayerView, ...], strips: tuple[StripsView, ...],
          ) -> tuple[RunView, ...]:
    """The lines of <name>_run in order."""
    together = {s.first: (view, s) for view, s in zip(strips, plan.strips, strict=True)}
    runs: list[RunView] = []
    i = 0
    while i < len(layers):
        if i in together:
            view, s = together[i]
            runs.append(RunView(f"{view.symbol}(arena)", tuple(range(s.first, s.last + 1))))
            i = s.last + 1
        else:
            runs.append(RunView(f"{layers[i].func}({', '.join(layers[i].arguments)})", (i,)))
            i += 1
    return tuple(runs)


def _details(plan: Plan, call: Call, i: int) -> tuple[str, ...]:
    """Comment lines: tensors with shape, place and parameters, then the work."""
    def tensor_line(role: str, name: str) -> str:
        tensor = plan.graph.tensor(name)
        q = tensor.params
        scale = f"{float(q.scale):.6g}" if q.axis is None else "per channel"
        zero = int(q.zero) if q.axis is None else 0
        where = "table" if tensor.is_const else f"arena + {plan.placement.offsets[name]}"
        return comment(f"{role} {shape_text(tensor.shape)} at {where}, "
                       f"scale {scale}, zero {zero}")

    lines = [tensor_line("in ", n) for n in call.ins] + [tensor_line("out", n) for n in call.outs]
    if call.scratch:
        lines.append(f"scratch {call.scratch} bytes at arena + {plan.placement.scratch[i]}")
    work = [f"{call.macs:,} MACs".replace(",", " ")] if call.macs else []
    if call.note:
        work.append(call.note)
    if work:
        lines.append(comment(", ".join(work)))
    return tuple(lines)


@dataclass(frozen=True)
class VectorView:
    """One embedded vector of the self-test."""

    port: PortView
    rows: str


@dataclass(frozen=True)
class SelfTestView:
    """The vectors of kws_selftest()."""

    inputs: tuple[VectorView, ...]
    outputs: tuple[VectorView, ...]


def self_test_view(view: ModelView, test: SelfTest) -> SelfTestView:
    """The vectors in the order of the model's inputs and outputs."""
    def vectors(ports: tuple[PortView, ...], values: Mapping[str, IntArray]
                ) -> tuple[VectorView, ...]:
        arrays = tuple(values.values())
        assert len(arrays) == len(ports)
        for port, array in zip(ports, arrays, strict=True):
            assert array.size == port.size, (port.macro, array.shape)
        return tuple(VectorView(p, table(a)) for p, a in zip(ports, arrays, strict=True))

    return SelfTestView(vectors(view.inputs, test.inputs), vectors(view.outputs, test.outputs))
