"""The command line: `edgeq build`, `eval`, `run`, `profile`, `inspect`, `boards`, `ops`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

import edgeq
from edgeq.cli.boards import boards
from edgeq.cli.build import build
from edgeq.cli.debug import debug
from edgeq.cli.evaluate import evaluate
from edgeq.cli.inspect import inspect
from edgeq.cli.ops import ops
from edgeq.cli.profile import profile
from edgeq.cli.run import run
from edgeq.errors import EdgeqError

_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(edgeq.__version__, prog_name="edgeq")
def app() -> None:
    """Float network in, verified integer-only C library for one board out.

    \b
    edgeq build --board cortex-m55            builds the example model
    edgeq build model.tflite --board cortex-m4 --calib samples.npz

    Exit codes: 0 fine, 1 a budget or accuracy target is missed (or bytes differ), 2 bad input or
    usage, 3 a compiler or emulator is missing.
    """


for command in (build, evaluate, run, profile, debug, inspect, boards, ops):
    app.add_command(command)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: runs one command and ends the process with its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    sys.exit(_run(args))


def _run(args: list[str]) -> int:
    try:
        code = app.main(args, prog_name="edgeq", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except EdgeqError as error:
        return _fail(error, as_json="--json" in args)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("edgeq: interrupted", err=True)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone: no message, no traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _fail(error: EdgeqError, as_json: bool) -> int:
    """One line for a person; for a program the same as an object on stdout."""
    click.echo(f"edgeq: error: {error}", err=True)
    if as_json:
        content = {"kind": type(error).__name__, "where": error.where, "found": error.found,
                   "allowed": error.allowed, "fix": error.fix}
        click.echo(json.dumps({"error": content}, indent=2))
    return error.exit_code
