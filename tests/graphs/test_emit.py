"""Whole graphs: the emitted C equals run_int, is clean for every compiler, and is reproducible."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import Builder, branches, chain, random_graph, random_input

from edgeq.board import Target, load_board
from edgeq.emit import EmitOptions, emit
from edgeq.emit_model import SelfTest
from edgeq.execute import run_int
from edgeq.facts import plan_facts
from edgeq.folder import write
from edgeq.host import HostModel, run_sanitized
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.readers import read

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef",
          "-Wcast-qual", "-Wmissing-prototypes", "-Werror")
BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53",
          "cortex-a76", "cortex-a510")


def build(graph: Graph, folder: Path, board: str = "host",
          options: EmitOptions | None = None) -> Path:
    """The emitted folder of a graph."""
    write(emit(lower(graph, Target(load_board(board))), options), folder)
    return folder


def self_test(graph: Graph) -> SelfTest:
    sample = random_input(graph, 1, 5)
    return SelfTest(sample, run_int(graph, sample))


def need(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def cc(tool: str, *args: str | Path) -> None:
    done = subprocess.run([need(tool), *map(str, args)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def assert_equal_to_run_int(graph: Graph, folder: Path, count: int = 20) -> None:
    inputs = random_input(graph, count, 7)
    expected = run_int(graph, inputs)
    got = HostModel(folder).run(*(inputs[n] for n in graph.ins))
    for name, y in zip(graph.outs, got, strict=True):
        np.testing.assert_array_equal(y, expected[name])


@pytest.mark.parametrize("graph", [chain(), branches()], ids=["chain", "branches"])
def test_host_code_equals_run_int(graph: Graph, tmp_path: Path) -> None:
    assert_equal_to_run_int(graph, build(graph, tmp_path / "out"), 40)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_random_graphs_equal_run_int(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    graph = random_graph(seed)
    assert_equal_to_run_int(graph, build(graph, tmp_path_factory.mktemp("net") / "out"))


@pytest.mark.parametrize("graph", [chain(), branches(), random_graph(3), random_graph(11)],
                         ids=lambda g: g.name)
def test_sanitizers_are_silent(graph: Graph, tmp_path: Path) -> None:
    folder = build(graph, tmp_path / "out")
    inputs = random_input(graph, 5, 9)
    expected = run_int(graph, inputs)
    got = run_sanitized(folder, *(inputs[n] for n in graph.ins))
    for name, y in zip(graph.outs, got, strict=True):
        np.testing.assert_array_equal(y, expected[name])


@pytest.mark.parametrize("model", ["kws", "ic", "vww", "ad"])
def test_published_models_equal_run_int(model: str, shared: Callable[[str], Path],
                                        tmp_path: Path) -> None:
    graph = read(shared(f"models/mlperf_{model}_int8.tflite"))
    assert_equal_to_run_int(graph, build(graph, tmp_path / "out"), 4)


@pytest.mark.parametrize("tool", ["gcc", "clang"])
@pytest.mark.parametrize("graph", [chain(), branches()], ids=["chain", "branches"])
def test_strict_warnings_on_the_host(graph: Graph, tool: str, tmp_path: Path) -> None:
    folder = build(graph, tmp_path / "out", options=EmitOptions(self_test=self_test(graph)))
    quant = tmp_path / "quant.c"
    quant.write_text(f'#include "{graph.name}_quant.h"\n', encoding="utf-8")
    cc(tool, *STRICT, "-O2", f"-I{folder / 'include'}", f"-I{folder / 'src'}",
       *sorted((folder / "src").glob("*.c")), folder / "example" / "main.c", quant,
       "-o", tmp_path / "program")
    done = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == sum(graph.tensor(n).size for n in graph.outs)


@pytest.mark.parametrize("board", BOARDS)
def test_strict_warnings_for_boards(board: str, tmp_path: Path) -> None:
    target = load_board(board)
    graph = branches()
    folder = build(graph, tmp_path / "out", board, EmitOptions(self_test=self_test(graph)))
    for number, source in enumerate(sorted((folder / "src").glob("*.c"))):
        cc(target.compiler, *STRICT, *target.cflags, f"-I{folder / 'include'}",
           f"-I{folder / 'src'}", "-c", source, "-o", tmp_path / f"{number}.o")


def test_code_for_another_core_is_refused(tmp_path: Path) -> None:
    b = Builder(np.random.default_rng(3))
    graph = b.graph([b.input("x", 8, 8, 16)], [b.conv("x", 16, 1)])
    folder = build(graph, tmp_path / "out", "cortex-m55")
    done = subprocess.run(
        [need("arm-none-eabi-gcc"), "-mcpu=cortex-m3", "-mthumb", f"-I{folder / 'include'}",
         f"-I{folder / 'src'}", "-c", folder / "src" / "tiny.c", "-o", tmp_path / "x.o"],
        capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Helium (MVE)" in done.stderr


def test_another_runtime_version_is_refused(tmp_path: Path) -> None:
    folder = build(chain(), tmp_path / "out")
    header = folder / "include" / "eq.h"
    header.write_text(header.read_text(encoding="utf-8").replace(
        "#define EQ_RUNTIME_VERSION 1", "#define EQ_RUNTIME_VERSION 2"), encoding="utf-8")
    for source in ("chain.c", "chain_weights.c"):
        done = subprocess.run(
            [need("gcc"), f"-I{folder / 'include'}", f"-I{folder / 'src'}", "-c",
             folder / "src" / source, "-o", tmp_path / "x.o"],
            capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "runtime 1" in done.stderr


TWO_MODELS = """
#include <string.h>
#include "chain.h"
#include "branches.h"
static EQ_ALIGNED(16) unsigned char a1[chain_ARENA_SIZE], a2[chain_ARENA_SIZE + 16];
static EQ_ALIGNED(16) unsigned char b1[branches_ARENA_SIZE];
int main(void)
{
    chain_t m1, m2;
    if (chain_selftest(a1, sizeof a1) != EQ_OK) return 1;
    if (branches_selftest(b1, sizeof b1) != EQ_OK) return 2;
    if (chain_init(&m1, a1, sizeof a1 - 1) != EQ_ERR_ARENA) return 3;
    if (chain_init(&m1, a2 + 1, sizeof a1) != EQ_ERR_ALIGN) return 4;
    if (chain_init(NULL, a1, sizeof a1) != EQ_ERR_NULL) return 5;
    if (chain_run(NULL) != EQ_ERR_NULL) return 6;
    m2.arena = NULL;
    if (chain_run(&m2) != EQ_ERR_NOT_INIT || chain_input(&m2) != NULL) return 7;
    if (chain_init(&m1, a1, sizeof a1) != EQ_OK) return 8;
    if (chain_init(&m2, a2, sizeof a2) != EQ_OK) return 8;
    memset(chain_input(&m1), 3, chain_INPUT_SIZE);
    memset(chain_input(&m2), -70, chain_INPUT_SIZE);
    if (chain_run(&m1) != EQ_OK || chain_run(&m2) != EQ_OK) return 9;
    if (memcmp(chain_output(&m1), chain_output(&m2), chain_OUTPUT_SIZE) == 0) return 10;
    if (chain_info.arena_size != chain_ARENA_SIZE || branches_info.inputs != 2) return 11;
    return 0;
}
"""


def test_two_models_and_two_instances_in_one_program(tmp_path: Path) -> None:
    args: list[str | Path] = []
    for graph in (chain(), branches()):
        folder = build(graph, tmp_path / graph.name,
                       options=EmitOptions(self_test=self_test(graph)))
        done = subprocess.run([need("make"), "-C", folder, "-s"], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr
        args += [f"-I{folder / 'include'}", folder / "build" / f"lib{graph.name}.a"]
    main = tmp_path / "main.c"
    main.write_text(TWO_MODELS, encoding="utf-8")
    cc("gcc", "-std=c99", "-Wall", "-Werror", main, *args, "-o", tmp_path / "program")
    assert subprocess.run([tmp_path / "program"], check=False).returncode == 0


def test_cmake_builds_the_library_for_the_board(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    folder = build(chain(), tmp_path / "out", "cortex-m4")
    made = str(tmp_path / "b")
    for command in (["-S", str(folder), "-B", made], ["--build", made]):
        done = subprocess.run([need("cmake"), *command], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "b" / "libchain.a").is_file()


def test_library_without_floats_heap_or_writable_globals(tmp_path: Path) -> None:
    folder = build(branches(), tmp_path / "out", "cortex-m3")
    objects = []
    for number, source in enumerate(sorted((folder / "src").glob("*.c"))):
        objects.append(tmp_path / f"{number}.o")
        cc("arm-none-eabi-gcc", *load_board("cortex-m3").cflags, f"-I{folder / 'include'}",
           f"-I{folder / 'src'}", "-c", source, "-o", objects[-1])
    listing = subprocess.run([need("arm-none-eabi-nm"), *objects], capture_output=True, text=True,
                             check=True).stdout
    symbols = [line.split()[-2:] for line in listing.splitlines() if len(line.split()) >= 2]
    assert not [name for kind, name in symbols if kind in "bBdDC"]
    outside = {name for kind, name in symbols if kind == "U" and not name.startswith(
        ("eq_", "branches_"))}
    floats = ("__aeabi_f", "__aeabi_d", "__aeabi_i2f", "__aeabi_i2d")
    assert not [name for name in outside if name.startswith(floats) or name in (
        "malloc", "free", "printf")]


def test_same_graph_same_bytes() -> None:
    target = Target(load_board("cortex-m4"))
    assert emit(lower(branches(), target)) == emit(lower(branches(), target))


def test_every_generated_symbol_has_the_models_prefix(tmp_path: Path) -> None:
    folder = build(branches(), tmp_path / "out")
    objects = []
    for source in ("branches.c", "branches_weights.c"):
        objects.append(tmp_path / f"{source}.o")
        cc("gcc", f"-I{folder / 'include'}", f"-I{folder / 'src'}", "-c", folder / "src" / source,
           "-o", objects[-1])
    listing = subprocess.run([need("nm"), "-g", "--defined-only", *objects], capture_output=True,
                             text=True, check=True).stdout
    names = [line.split()[2] for line in listing.splitlines() if len(line.split()) == 3]
    assert names
    assert all(name.startswith("branches_") for name in names)


def test_only_used_runtime_files_are_written() -> None:
    files = emit(lower(chain(), Target(load_board("host"))))
    assert "src/eq_conv2d_s8.c" in files
    assert "src/eq_add_s8.c" not in files
    assert "src/chain_selftest.c" not in files


def test_layers_named_as_tables_or_functions(tmp_path: Path) -> None:
    """`run` is a function of every library, `run_shift` a table of the layer `run`."""
    graph = chain()
    first, second, *rest = graph.ops
    ops = (replace(first, name="run"), replace(second, name="run_shift"), *rest)
    renamed = graph.replace(ops=ops)
    assert_equal_to_run_int(renamed, build(renamed, tmp_path / "out"), 3)


def test_equal_tables_are_stored_once(tmp_path: Path) -> None:
    b = Builder(np.random.default_rng(4))
    y = b.conv(b.input("x", 4, 4, 2), 2)
    graph = b.graph(["x"], [b.logistic(y), b.logistic(y)])  # two calls, one table of 256
    plan = lower(graph, Target(load_board("host")))
    facts = plan_facts(plan)
    all_tables = sum(blob.nbytes for call in plan.calls for blob in call.blobs)
    assert facts["weights_bytes"] + facts["const_bytes"] == all_tables - 256
    assert_equal_to_run_int(graph, build(graph, tmp_path / "out"))


def test_batch_progress_counts_every_sample(tmp_path: Path) -> None:
    graph = chain()
    model = HostModel(build(graph, tmp_path / "out"))
    seen: list[int] = []
    (y,) = model.run(random_input(graph, 50, 1)["x"], progress=seen.append)
    assert y.shape == (50, 3)
    assert seen[-1] == 50
    assert seen == sorted(seen)


def test_the_headers_are_cpp_too(tmp_path: Path) -> None:
    folder = build(branches(), tmp_path / "out")
    source = tmp_path / "use.cpp"
    source.write_text('#include "branches.h"\n#include "branches_quant.h"\n'
                      "int size() { return (int)branches_quantize_input(branches_INPUT_SCALE); }\n",
                      encoding="utf-8")
    cc("g++", "-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror",
       f"-I{folder / 'include'}", "-c", source, "-o", tmp_path / "use.o")


def test_quantize_helpers_equal_the_tools_rounding(tmp_path: Path) -> None:
    graph = chain()
    folder = build(graph, tmp_path / "out")
    q = graph.tensor("x").params
    reals = np.concatenate([np.linspace(-8, 8, 999), [1e30, -1e30]]).astype(np.float32)
    source = tmp_path / "main.c"
    source.write_text('#include <stdio.h>\n#include "chain_quant.h"\nint main(void)\n{\n'
                      "    float x;\n    while (scanf(\"%f\", &x) == 1)\n"
                      '        printf("%d\\n", chain_quantize_input(x));\n    return 0;\n}\n',
                      encoding="utf-8")
    cc("gcc", *STRICT, "-fsanitize=undefined", "-fno-sanitize-recover=all",
       f"-I{folder / 'include'}", source, "-o", tmp_path / "program")
    done = subprocess.run([tmp_path / "program"], input=" ".join(f"{r:.9g}" for r in reals),
                          capture_output=True, text=True, check=True)
    got = np.array(done.stdout.split(), np.int64)
    # the helper divides in float32: a real within 1e-5 of a rounding border may go either way
    border = np.abs(np.abs(reals.astype(np.float64) / float(q.scale)) % 1 - 0.5) < 1e-4
    assert (got == q.quantize(reals))[~border].all()
    assert np.abs(got - q.quantize(reals)).max() <= 1
