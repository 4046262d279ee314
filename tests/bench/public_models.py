"""A table of what edgeq makes of a folder of models: `python public_models.py FOLDER`.

Every model is read, checked against LiteRT or ONNX Runtime in float, built for a board, and its C
code, compiled for this machine, is compared with its float network. A model runs in a process of
its own with a time limit. Samples are random unless MODEL.npz (`x`, or one array an input, in the
order of axes that edgeq gives) lies beside the model: the first half calibrates.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from edgeq.board import Target, load_board
from edgeq.dataset import Preprocess
from edgeq.errors import EdgeqError
from edgeq.evaluate import sqnr_db
from edgeq.execute import run_float
from edgeq.folder import write
from edgeq.ir import FloatArray, Graph
from edgeq.jsontypes import Json
from edgeq.litert import interpreter_module
from edgeq.passes import simplify
from edgeq.pipeline import Request, build, is_integer
from edgeq.readers import read, verdicts
from edgeq.recipe import load_recipe
from edgeq.verify import evaluate, open_folder

Row = dict[str, Json]
Feeds = Mapping[str, FloatArray]  # by the graph's names, in the graph's order of axes

_ORACLE_SAMPLES = 2
_LARGE = 50_000_000  # MACs from which a model gets fewer samples
_SCALES = (32, 8, 2)  # pixels: sizes of the coloured blocks of a random picture
_HEADER = ("model", "layers", "MACs", "verdict", "float", "SQNR", "agreement", "arena", "weights")


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--board", default="cortex-m55", show_default=True)
@click.option("--recipe", default="default", show_default=True)
@click.option("--low", default=-1.0, show_default=True, help="Smallest value of random samples.")
@click.option("--high", default=1.0, show_default=True, help="Largest value of random samples.")
@click.option("--samples", default=32, show_default=True, help="As many again compare.")
@click.option("--max-macs", default=300_000_000, show_default=True,
              help="Larger models get a verdict only.")
@click.option("--timeout", default=60, show_default=True, help="Seconds for one model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a model instead of a table.")
def main(folder: Path, board: str, recipe: str, low: float, high: float, samples: int,
         max_macs: int, timeout: int, as_json: bool) -> None:
    """Print a row for every .tflite and .onnx file in FOLDER (or for one file)."""
    files = [folder] if folder.is_file() else sorted(
        p for p in folder.iterdir() if p.suffix in (".tflite", ".onnx"))
    if not as_json:
        print("| " + " | ".join(_HEADER) + " |")
        print("|---|---|--:|---|--:|--:|--:|--:|--:|")
    for path in files:
        how = json.dumps([str(path), board, recipe, low, high, samples, max_macs])
        row = _in_process(path, how, timeout)
        print(json.dumps(row) if as_json else _line(row), flush=True)


def _in_process(path: Path, how: str, timeout: int) -> Row:
    """`study` in a process of its own, so that a hang or a crash of one model stays its own."""
    try:
        done = subprocess.run([sys.executable, __file__, "--study", how], capture_output=True,
                              text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        row = _last_row(_text(error.stdout)) or {"model": path.name}
        return {**row, "verdict": f"not finished in {timeout} s"}
    row = _last_row(done.stdout) or {"model": path.name}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {**row, "verdict": f"CRASH: {last}"}
    return row


def _text(stdout: str | bytes | None) -> str:
    return stdout.decode() if isinstance(stdout, bytes) else stdout or ""


def _last_row(stdout: str) -> Row:
    """The last complete line that `study` printed."""
    lines = [line for line in stdout.splitlines() if line.endswith("}")]
    found: Row = json.loads(lines[-1]) if lines else {}
    return found


def study(path: Path, board: str, recipe: str, low: float, high: float, samples: int,
          max_macs: int) -> None:
    """Print what is known of the model at `path` as JSON, a longer row after each stage."""
    row: Row = {"model": path.name}
    try:
        graph = simplify(read(path))
        macs = sum(op.macs(graph) for op in graph.ops)
        kinds = Counter(type(op).__name__ for op in graph.ops)
        row |= {"layers": len(graph.ops), "macs": macs, "kinds": dict(kinds.most_common()),
                "verdict": "read"}
        print(json.dumps(row), flush=True)
        count = samples if macs < _LARGE else max(4, samples // 4)
        calib, test = _data(path, graph, count, low, high)
        row["float_db"] = None if is_integer(graph) else _float_db(path, graph, test)
        if macs > max_macs:
            row["verdict"] = f"supported; not built ({macs / 1e6:.0f} M MACs)"
        else:
            print(json.dumps(row), flush=True)
            row |= _built(path, board, recipe, graph, calib, test)
    except EdgeqError as error:
        row["verdict"] = f"refused: {error}"
        row["refused"] = _causes(path)
    print(json.dumps(row), flush=True)


def _causes(path: Path) -> list[Json]:
    """The kinds of nodes that are not supported, as `edgeq ops` finds them."""
    try:
        return list(Counter(v.kind for v in verdicts(path) if not v.supported))
    except EdgeqError:
        return []


def _built(path: Path, board: str, recipe: str, graph: Graph, calib: Feeds, test: Feeds) -> Row:
    """Builds, compiles and compares: sizes, SQNR and agreement."""
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        place = Path(name)
        np.savez(place / "calib.npz", allow_pickle=False, **_as_saved(calib))
        np.savez(place / "test.npz", allow_pickle=False, **_as_saved(test))
        result = build(Request(path, Target(load_board(board)), str(place / "calib.npz"),
                               load_recipe(recipe), Preprocess(), "model"))
        write(result.files, place / "built")
        row: Row = {"verdict": "builds", "arena": result.report["arena_bytes"],
                    "weights": result.report["weights_bytes"]}
        if is_integer(graph):
            return row
        found = evaluate(open_folder(place / "built"), str(place / "test.npz"), Preprocess(), path,
                         lambda what, share: None)
    shape = graph.tensor(graph.outs[0]).shape
    return {**row, "samples": found.samples, "sqnr_db": dict(found.sqnr_db),
            "agreement": found.agreement if len(shape) == 2 and shape[1] > 1 else None}


def _as_saved(feeds: Feeds) -> dict[str, FloatArray]:
    return dict(feeds) if len(feeds) > 1 else {"x": next(iter(feeds.values()))}


def _data(path: Path, graph: Graph, count: int, low: float, high: float) -> tuple[Feeds, Feeds]:
    """Samples to calibrate and samples to compare, each (n, ...) by input."""
    own = path.with_suffix(".npz")
    rng = np.random.default_rng(7)
    every: dict[str, FloatArray] = {}
    if own.is_file():
        with np.load(own, allow_pickle=False) as file:
            for name in graph.ins:
                every[name] = file[name if name in file else "x"].astype(np.float32)
    else:
        for name in graph.ins:
            every[name] = _random(rng, 2 * count, graph.tensor(name).shape[1:], low, high)
    half = len(next(iter(every.values()))) // 2
    return {n: x[:half] for n, x in every.items()}, {n: x[half:] for n, x in every.items()}


def _random(rng: np.random.Generator, count: int, shape: tuple[int, ...], low: float,
            high: float) -> FloatArray:
    """Noise (count, *shape) over [low, high]; for pictures, coloured blocks of several sizes."""
    x = rng.random((count, *shape))
    if len(shape) == 3 and min(shape[:2]) >= _SCALES[0] and shape[2] <= 4:
        h, w, c = shape
        x *= 0.1
        for size, share in zip(_SCALES, (0.4, 0.3, 0.2), strict=True):
            coarse = rng.random((count, -(-h // size), -(-w // size), c))
            x += share * coarse.repeat(size, 1).repeat(size, 2)[:, :h, :w]
    return (low + (high - low) * x).astype(np.float32)


def _float_db(path: Path, graph: Graph, test: Feeds) -> float | None:
    """Signal to difference between LiteRT or ONNX Runtime and `graph` in float, the worst output.

    None where they are equal or the reference does not take the model.
    """
    few = {name: x[:_ORACLE_SAMPLES] for name, x in test.items()}
    want = _onnxruntime(path, graph, few) if path.suffix == ".onnx" else _litert(path, graph, few)
    if want is None:
        return None
    got = run_float(graph, few)
    ratios = []
    for name, w in zip(graph.outs, want, strict=True):
        real = w.astype(np.float64).reshape(-1)
        error = got[name].astype(np.float64).reshape(-1) - real
        ratios.append(sqnr_db(float(real @ real), float(error @ error)))
    return min((r for r in ratios if r is not None), default=None)


def _onnxruntime(path: Path, graph: Graph, few: Feeds) -> list[FloatArray] | None:
    """Outputs in the graph's order of axes."""
    try:
        import onnxruntime
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        rows = []
        for i in range(_ORACLE_SAMPLES):
            rows.append(session.run(None, {
                n: x[i:i + 1].transpose(graph.moved[n]) if n in graph.moved else x[i:i + 1]
                for n, x in few.items()}))
    except Exception as error:  # the reference may refuse what edgeq takes: said, not counted
        print(f"ONNX Runtime: {error}", file=sys.stderr)
        return None
    outs = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return [y.transpose(np.argsort(graph.moved[n])) if n in graph.moved else y
            for n, y in zip(graph.outs, outs, strict=True)]


def _litert(path: Path, graph: Graph, few: Feeds) -> list[FloatArray] | None:
    module = interpreter_module()
    try:
        made = module.Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF)
        made.allocate_tensors()
        rows = []
        for i in range(_ORACLE_SAMPLES):
            made.reset_all_variables()
            for detail, name in zip(made.get_input_details(), graph.ins, strict=True):
                made.set_tensor(detail["index"], few[name][i:i + 1].reshape(detail["shape"]))
            made.invoke()
            rows.append([made.get_tensor(d["index"]).copy() for d in made.get_output_details()])
    except (ValueError, RuntimeError) as error:
        print(f"LiteRT: {error}", file=sys.stderr)
        return None
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _line(row: Row) -> str:
    """`row` as a line of a Markdown table."""
    sqnr, kinds = row.get("sqnr_db"), row.get("kinds")
    worst = min((v for v in sqnr.values() if isinstance(v, float)), default=None) \
        if isinstance(sqnr, dict) else None
    layers = f"{row['layers']}: " + ", ".join(kinds) if isinstance(kinds, dict) else ""
    macs, agreement = row.get("macs"), row.get("agreement")
    cells: Sequence[str] = (
        str(row["model"]), layers, f"{macs / 1e6:.2f} M" if isinstance(macs, int) else "",
        str(row.get("verdict", "")).replace("|", "/").replace("\n", " "), _db(row.get("float_db")),
        _db(worst), f"{100 * agreement:.0f} %" if isinstance(agreement, float) else "",
        _kib(row.get("arena")), _kib(row.get("weights")))
    return "| " + " | ".join(cells) + " |"


def _db(value: Json) -> str:
    return f"{value:.1f} dB" if isinstance(value, float) else ""


def _kib(value: Json) -> str:
    return f"{value / 1024:.1f} KiB" if isinstance(value, int) else ""


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--study":
        model, *rest = json.loads(sys.argv[2])
        study(Path(model), *rest)
    else:
        main()
