"""From a model file to C for a board: byte equality everywhere, accuracy on real networks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import shared

from edgeq import verify
from edgeq.board import Target, load_board
from edgeq.dataset import Preprocess, load_dataset
from edgeq.evaluate import Evaluation
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.pipeline import Request, Result, build, quantized_inputs
from edgeq.recipe import load_recipe
from edgeq.resources import resource_dir
from edgeq.target.profile import profile_folder

ROOT = Path(__file__).resolve().parents[2]
DIGITS = resource_dir("examples") / "digits"


def build_into(folder: Path, model: Path, calib: str, board: str = "host",
               preprocess: Preprocess | None = None) -> Result:
    """The folder that `edgeq build` would write."""
    result = build(Request(model, Target(load_board(board)), calib, load_recipe("default"),
                           preprocess or Preprocess()))
    write(result.files, folder)
    return result


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def test_numpy_and_c_are_the_same_bytes(tmp_path: Path) -> None:
    result = build_into(tmp_path / "digits", DIGITS / "digits.tflite",
                        str(DIGITS / "digits_calib.npz"))
    ints = result.quantized.graph
    data = load_dataset(str(DIGITS / "digits_eval.npz"), Preprocess(), ints)
    inputs = quantized_inputs(ints, data.real(0, 200))
    want = run_int(ints, inputs)
    got = HostModel(tmp_path / "digits").run(*(inputs[n] for n in ints.ins))
    for name, value in zip(ints.outs, got, strict=True):
        np.testing.assert_array_equal(value.reshape(want[name].shape), want[name])


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7",
                                   "cortex-m33", "cortex-m55", "cortex-a7", "cortex-a53",
                                   "cortex-a55"])
def test_board_gives_the_bytes_of_the_host(tmp_path: Path, board: str) -> None:
    target = load_board(board)
    assert target.qemu is not None
    need(target.compiler, target.qemu.program)
    build_into(tmp_path / "digits", DIGITS / "digits.tflite",
               str(DIGITS / "digits_calib.npz"), board)
    folder = verify.open_folder(tmp_path / "digits")
    data = load_dataset(str(DIGITS / "digits_eval.npz"), folder.preprocess,
                        verify.model_graph(folder, None))
    for inputs in (verify.noise(folder), verify.integer_inputs(folder, data, 20)):
        check = verify.check_on_board(folder, inputs, target, 120.0)
        assert check.difference is None
        assert check.values == 10 * len(inputs[0])


@pytest.mark.qemu
def test_a_wrong_byte_is_found(tmp_path: Path) -> None:
    """The comparison itself can fail: a table of the board's code is changed, the host's is not."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    build_into(tmp_path / "digits", DIGITS / "digits.tflite",
               str(DIGITS / "digits_calib.npz"), "cortex-m4")
    weights = tmp_path / "digits" / "src" / "digits_weights.c"
    text = weights.read_text()
    at = text.index("{", text.index("weights[")) + 1
    end = text.index("}", at)
    numbers = text[at:end].split(",")
    changed = [str(~int(n)) if n.strip() else n for n in numbers]
    weights.write_text(text[:at] + ",".join(changed) + text[end:])
    folder = verify.open_folder(tmp_path / "digits")
    check = verify.check_on_board(folder, verify.noise(folder), load_board("cortex-m4"), 120.0)
    assert check.difference is not None


@pytest.mark.qemu
def test_profile_counts_the_same_twice(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    result = build_into(tmp_path / "digits", DIGITS / "digits.tflite",
                        str(DIGITS / "digits_calib.npz"), "cortex-m4")
    one, two = (profile_folder(tmp_path / "digits", load_board("cortex-m4")) for _ in range(2))
    assert one.instructions == two.instructions
    assert one.instructions == sum(x.instructions for x in one.layers) + one.outside
    assert [x.name for x in one.layers] == [call.name for call in result.plan.calls]


@dataclass(frozen=True)
class Real:
    """A published network with data; the bars are those of the project."""

    model: str
    calib: str
    data: str
    agreement: float
    preprocess: Preprocess = Preprocess()  # noqa: RUF009 - frozen


REAL = {
    "kws": Real("mlperf_kws_float32", "mlperf_kws_calib.npz", "mlperf_kws_eval.npz", 0.97),
    "ic": Real("mlperf_ic_float32", "cifar10_calib.npz", "cifar10_eval.npz", 0.97),
    "vww": Real("mlperf_vww_float32", "vww_calib.npz", "vww_eval.npz", 0.97,
                Preprocess((1 / 255,))),
    "mobilenet": Real("mobilenet_v1_025_224_float32", "imagenet_calib", "imagenet_eval", 0.90,
                      Preprocess((1 / 127.5,), (-1.0,), 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_networks_keep_their_accuracy(tmp_path: Path, name: str) -> None:
    real = REAL[name]
    folder = tmp_path / name
    build_into(folder, shared(f"models/{real.model}.tflite"), str(shared(f"data/{real.calib}")),
               preprocess=real.preprocess)
    e = verify.evaluate(verify.open_folder(folder), str(shared(f"data/{real.data}")),
                        real.preprocess, None, lambda what, share: None)
    assert e.agreement is not None
    assert e.agreement >= real.agreement
    assert lost_samples(e) <= max(2, 0.005 * e.samples)


def lost_samples(e: Evaluation) -> float:
    assert e.drop is not None
    return round(e.drop * e.samples)


@pytest.mark.slow
def test_auto_encoder_keeps_its_signal(tmp_path: Path) -> None:
    """No data are published with it: smooth noise in its input range."""
    model = shared("models/mlperf_ad_float32.tflite")
    rng = np.random.default_rng(3)
    steps = rng.normal(0, 1.0, (96, 5, 128)).cumsum(2)
    x = (steps - steps.mean(2, keepdims=True)).reshape(96, 640).astype(np.float32)
    x = (x / np.abs(x).max() * 2.0).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=x[:64])
    result = build_into(tmp_path / "ad", model, str(tmp_path / "calib.npz"))
    ints, floats = result.quantized.graph, result.quantized.float_graph
    batch = {ints.ins[0]: x[64:]}
    out = ints.outs[0]
    real = run_float(floats, batch)[out].astype(np.float64)
    got = ints.tensor(out).params.dequantize(run_int(ints, quantized_inputs(ints, batch))[out])
    assert 10 * np.log10((real**2).sum() / ((got - real) ** 2).sum()) >= 25


@pytest.mark.slow
@pytest.mark.qemu
def test_firmware_reads_its_digits(tmp_path: Path) -> None:
    need("make", "arm-none-eabi-gcc", "qemu-system-arm")
    folder = tmp_path / "examples" / "firmware"
    shutil.copytree(ROOT / "examples" / "firmware", folder,
                    ignore=shutil.ignore_patterns("build", "digits"))
    done = subprocess.run(["make", "run", f"EDGEQ={sys.executable} -m edgeq"], cwd=folder,
                          capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "10 of 10 digits read right" in done.stdout + done.stderr


@pytest.mark.slow
def test_training_gives_the_committed_bytes(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    folder = tmp_path / "digits"
    shutil.copytree(DIGITS, folder)
    names = ("digits.tflite", "digits_calib.npz", "digits_eval.npz")
    for name in names:
        (folder / name).unlink()
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True, timeout=600)
    for name in names:
        assert (folder / name).read_bytes() == (DIGITS / name).read_bytes(), name


@pytest.mark.slow
def test_wheel_works_outside_the_repository(tmp_path: Path) -> None:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    need("cc")
    run = subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir",
                          str(tmp_path), str(ROOT)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    wheel = next(tmp_path.glob("edgeq-*.whl"))
    venv.create(tmp_path / "venv", with_pip=False, system_site_packages=False)
    python = tmp_path / "venv" / "bin" / "python"
    packages = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    shutil.unpack_archive(wheel, packages, "zip")
    # edgeq's dependencies from this environment, edgeq itself from the wheel alone
    own = [p for p in sys.path if p.endswith("site-packages")]
    code = ("import sys; from edgeq.cli import main; import edgeq; "
            f"assert edgeq.__file__.startswith({str(packages)!r}); main(sys.argv[1:])")
    command = [str(python), "-c", f"import sys; sys.path += {own!r}; {code}"]
    done = subprocess.run([*command, "build", "--board", "cortex-m55", "-o", "out"],
                          cwd=tmp_path, capture_output=True, text=True, check=False,
                          env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "src" / "digits.c").is_file()
