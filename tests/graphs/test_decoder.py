"""A decoder, one token at a time with its keys and values as states: float, integers, C, M55."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the onnx package is not installed")
torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_decoder import EACH, HEADS, LAYERS, PAST, Decoder, Step, texts, trained  # noqa: E402

from edgeq.board import HOST, Target, load_board  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.errors import ToolchainError  # noqa: E402
from edgeq.execute import run_float_steps, run_steps  # noqa: E402
from edgeq.explicit_states import closed, with_state_values  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.host import HostModel  # noqa: E402
from edgeq.ir import Graph  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.quant.simulate import sqnr_db  # noqa: E402
from edgeq.readers import ReadOptions, read  # noqa: E402
from edgeq.recipe import Recipe  # noqa: E402
from edgeq.target import run_folder  # noqa: E402

CACHES = [f"{kind}{i}" for i in range(LAYERS) for kind in ("k", "v")]
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return trained()


def read_step(decoder: Decoder, newer: bool, folder: Path) -> Graph:
    """The step through one of PyTorch's exporters, its keys and values as states."""
    given = (torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1, dtype=torch.long),
             torch.ones(1, PAST + 1, dtype=torch.bool))
    past = tuple(torch.zeros(1, HEADS, PAST, EACH) for _ in CACHES)
    names = {"input_names": ["word", "place", "keep", *CACHES],
             "output_names": ["logits", *(f"{c}_next" for c in CACHES)]}
    path = folder / "step.onnx"
    if newer:
        pytest.importorskip("onnxscript", reason="the newer exporter needs onnxscript")
        torch.onnx.export(Step(decoder), (*given, *past), dynamo=True, verbose=False,
                          **names).save(path)
    else:
        file = io.BytesIO()
        torch.onnx.export(Step(decoder), (*given, *past), file, dynamo=False, **names)
        path.write_bytes(file.getvalue())
    return simplify(read(path, ReadOptions(states=tuple((c, f"{c}_next") for c in CACHES))))


def steps_of(text: np.ndarray) -> dict[str, np.ndarray]:
    """One text (tokens,) as what each step is given."""
    n = len(text)
    keep = np.arange(PAST + 1)[None] >= PAST - np.arange(n)[:, None]
    return {"word": text[:, None].astype(np.float32),
            "place": np.arange(n)[:, None].astype(np.float32), "keep": keep.astype(np.float32)}


@pytest.mark.parametrize("newer", [False, True], ids=["older", "newer"])
def test_steps_give_what_all_tokens_at_once_give(decoder: Decoder, newer: bool,
                                                 tmp_path: Path) -> None:
    step = closed(read_step(decoder, newer, tmp_path))
    assert len(step.states) == 2 * LAYERS
    text = texts(1)[0][:, :PAST + 1]
    with torch.no_grad():
        want = decoder(text).numpy()[0]
    feeds = {n: x[None] for n, x in steps_of(text.numpy()[0]).items()}
    (got,) = run_float_steps(step, feeds).values()
    np.testing.assert_allclose(got.reshape(want.shape), want, atol=1e-4)


def integers(decoder: Decoder, folder: Path) -> tuple[Graph, Graph]:
    """The open float graph, and the closed integer one."""
    graph = read_step(decoder, False, folder)
    many = [with_state_values(graph, steps_of(t.numpy()[0, :PAST + 1])) for t in texts(12)]
    samples = tuple(np.concatenate([m[n] for m in many]) for n in graph.ins)
    return graph, closed(quantize(graph, samples, Recipe(rollback=False)).graph)


def test_integers_follow_over_all_steps_and_the_c_code_is_equal(decoder: Decoder,
                                                                tmp_path: Path) -> None:
    graph, step = integers(decoder, tmp_path)
    texts_seen = [t.numpy()[0, :PAST + 1] for t in texts(6)]
    feeds = [steps_of(t) for t in texts_seen]
    given = {n: np.stack([f[n] for f in feeds]) for n in step.ins}
    (real,) = run_float_steps(closed(graph), given).values()
    qs = {n: np.stack([step.tensor(n).params.quantize(x) for x in given[n]]) for n in step.ins}
    (want,) = run_steps(step, qs).values()
    assert sqnr_db(real, step.tensor("logits").params.dequantize(want)) > 20
    same = (real.argmax(-1) == want.argmax(-1)).mean()
    assert same > 0.9, same
    write(emit(lower(step, Target(HOST), "step")), tmp_path / "out")
    (got,) = HostModel(tmp_path / "out").run(*(qs[n] for n in step.ins))
    np.testing.assert_array_equal(got.reshape(want.shape), want)
    print(f"SQNR {sqnr_db(real, step.tensor('logits').params.dequantize(want)):.1f} dB, "
          f"the same next token {100 * same:.1f} %")


@pytest.mark.qemu
def test_the_m55_gives_the_same_bytes(decoder: Decoder, tmp_path: Path) -> None:
    _, step = integers(decoder, tmp_path)
    given = steps_of(texts(1)[0].numpy()[0, :PAST + 1])
    qs = {n: step.tensor(n).params.quantize(given[n])[None] for n in step.ins}
    (want,) = run_steps(step, qs).values()
    board = load_board("cortex-m55")
    write(emit(lower(step, Target(board), "step")), tmp_path / "out")
    try:
        run = run_folder(tmp_path / "out", board, [qs[n] for n in step.ins])
    except ToolchainError as error:
        pytest.skip(str(error))
    np.testing.assert_array_equal(run.outputs[0].reshape(want.shape), want)
