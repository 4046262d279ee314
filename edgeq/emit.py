"""Emission: a plan -> the texts of a standalone C library, through templates/ (layout only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jinja2

from edgeq.board import HOST, Target
from edgeq.emit_model import ModelView, SelfTest, model_view, self_test_view
from edgeq.errors import UsageError
from edgeq.facts import plan_facts_json
from edgeq.formats import Format, check_format, with_headers_beside
from edgeq.lower import lower
from edgeq.plan import Plan
from edgeq.resources import resource_dir


@dataclass(frozen=True)
class EmitOptions:
    """What beyond the library itself is written."""

    quant_helpers: bool = True  # include/<name>_quant.h, the only floating point, header only
    self_test: SelfTest | None = None  # src/<name>_selftest.c with these vectors
    host_twin: bool = True  # host/: the same model with the portable kernels
    format: Format = Format.C  # the build system that the folder is for


def emit(plan: Plan, options: EmitOptions | None = None) -> dict[str, str]:
    """{path below the output folder: text}; the same plan and version give the same bytes.

    Raises UsageError where the format does not go with the board.
    """
    chosen = options or EmitOptions()
    check_format(plan.target, chosen.format)
    view = model_view(plan)
    name = view.name
    files = {**_library(plan, view, chosen)}
    files |= {
        "CMakeLists.txt": _render("CMakeLists.txt.j2", view, chosen),
        "Makefile": _render("Makefile.j2", view, chosen),
        "README.md": _render("README.md.j2", view, chosen),
        "example/main.c": _render("main.c.j2", view, chosen),
        "report.json": plan_facts_json(plan, view),
    }
    if chosen.quant_helpers:
        files[f"include/{name}_quant.h"] = _render("quant.h.j2", view, chosen)
    if chosen.host_twin:
        twin = lower(plan.graph, Target(HOST, plan.target.optimize), plan.name)
        for path, text in _library(twin, model_view(twin), chosen).items():
            files[f"host/{path}"] = text
    for path, template in chosen.format.templates.items():
        files[path.format(name=name)] = _render(template, view, chosen)
    if chosen.format is Format.ARDUINO:
        files = with_headers_beside(files)
    return dict(sorted(files.items()))


def _library(plan: Plan, view: ModelView, options: EmitOptions) -> dict[str, str]:
    """include/ and src/: the model and the runtime files that it uses."""
    name = view.name
    files = {
        f"include/{name}.h": _render("model.h.j2", view, options),
        f"src/{name}.c": _render("model.c.j2", view, options),
        f"src/{name}_weights.h": _render("weights.h.j2", view, options),
        f"src/{name}_weights.c": _render("weights.c.j2", view, options),
    }
    if options.self_test is not None:
        files[f"src/{name}_selftest.c"] = _render("selftest.c.j2", view, options)
    runtime = resource_dir("runtime_c")
    for source in plan.sources:
        base = source.rsplit("/", 1)[-1]
        folder = "include" if base == "eq.h" else "src"
        place = f"{folder}/{base}"
        if place in files:
            raise UsageError(source, f"another file is called {base}", "names of your own",
                             "rename this file of the custom operator")
        files[place] = _source_text(runtime / source)
    return files


def _source_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"cannot be read ({error})", "a C file of the custom operator",
                         "see docs/custom-operators.md") from error


def _render(template: str, view: ModelView, options: EmitOptions) -> str:
    test = None if options.self_test is None else self_test_view(view, options.self_test)
    sources = (f"{view.name}.c", f"{view.name}_weights.c",
               *((f"{view.name}_selftest.c",) if test else ()), *view.sources)
    context: Mapping[str, object] = {"m": view, "test": test, "quant": options.quant_helpers,
                                     "sources": sources}
    return _environment().get_template(template).render(context)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("templates")), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
