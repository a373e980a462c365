"""The house rules, read off the source: who may import whom, how long a file and a function may be, what is public."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

import cascade

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cascade"

# A part imports only parts that stand before it, and itself. "cascade" is the package's own `__init__`.
ORDER = [
    "errors",
    "graph",
    "nn",
    "docs",
    "data",
    "retrieval",
    "tasks",
    "registry",
    "model",
    "storage",
    "evaluation",
    "training",
    "config",
    "answering",
    "diagnostics",
    "components",
    "testing",
    "cascade",
    "cli",
]
FORBIDDEN = {
    "errors": {"torch", "spacy", "thinc"},
    "graph": {"torch", "spacy", "thinc"},
    "nn": {"spacy", "thinc"},
}
MAX_FILE, MAX_FUNCTION = 400, 60


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf8"), filename=str(path))


def dotted(path: Path) -> str:
    """`.../cascade/nn/edges.py` -> `cascade.nn.edges`; an `__init__` is its package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(module: str) -> str:
    """`cascade.nn.edges` -> `nn`; `cascade` -> `cascade`."""
    return module.split(".")[1] if "." in module else module


def imports(tree: ast.Module, module: str, *, package: bool) -> Iterator[tuple[int, str, str | None]]:
    """Every import statement, at any depth and under `TYPE_CHECKING` too, as (line, module, name or None)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: None if package and node.level == 1 else -node.level + package]
            base = ".".join([*parents, *filter(None, [node.module])]) if node.level else node.module or ""
            yield from ((node.lineno, base, alias.name) for alias in node.names)


MODULES = {dotted(path): path for path in sources(PACKAGE)}


def internal_imports(module: str) -> Iterator[tuple[int, str]]:
    """The modules of ours that a module imports; `from cascade.nn import edges` imports `cascade.nn.edges`."""
    path = MODULES[module]
    for line, base, name in imports(parse(path), module, package=path.name == "__init__.py"):
        if part(base) in ORDER and base.split(".")[0] == "cascade":
            yield line, f"{base}.{name}" if f"{base}.{name}" in MODULES else base


def report(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_every_part_has_its_place_in_the_order() -> None:
    report([f"{m}: {part(m)!r} is not in ORDER" for m in MODULES if part(m) not in {*ORDER, "__main__"}])


def test_imports_go_downwards() -> None:
    report(
        [
            f"{where(MODULES[module], line)}: {part(module)} may not import {target}"
            for module in MODULES
            for line, target in internal_imports(module)
            if part(module) in ORDER and ORDER.index(part(target)) > ORDER.index(part(module))
        ]
    )


def test_the_lower_parts_know_no_torch_and_no_spacy() -> None:
    report(
        [
            f"{where(path, line)}: {part(module)} may not import {base}"
            for module, path in MODULES.items()
            for line, base, _ in imports(parse(path), module, package=path.name == "__init__.py")
            if base.split(".")[0] in FORBIDDEN.get(part(module), set())
        ]
    )


def test_no_circular_imports() -> None:
    graph = nx.DiGraph((m, target) for m in MODULES for _, target in internal_imports(m) if target != m)
    report([" -> ".join([*cycle, cycle[0]]) for cycle in nx.simple_cycles(graph)])


def test_no_utils() -> None:
    report([str(path.relative_to(ROOT)) for path in sources(PACKAGE) if path.stem in {"utils", "util"}])


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf8").splitlines()) for path in sources(PACKAGE)}
    report([f"{p.relative_to(ROOT)}: {n} lines, at most {MAX_FILE}" for p, n in lengths.items() if n > MAX_FILE])


def test_functions_are_short() -> None:
    functions = [
        (path, node, (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in sources(PACKAGE)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    report([f"{where(p, f.lineno)}: {f.name} has {n} lines" for p, f, n in functions if n > MAX_FUNCTION])


@pytest.fixture
def public() -> list[str]:
    if not hasattr(cascade, "__all__"):
        pytest.skip("cascade has no __all__")
    return list(cascade.__all__)


def test_the_public_surface_is_exactly_all(public: list[str]) -> None:
    """A part of the package is an attribute once it is imported; it is public only if `__all__` has it."""
    names = {name for name in dir(cascade) if not name.startswith("_")} - {"annotations"}
    parts = {name for name in names if f"cascade.{name}" in MODULES}
    report(
        [f"in __all__ twice: {name}" for name in set(public) if public.count(name) > 1]
        + [f"in __all__ and missing: {name}" for name in public if not hasattr(cascade, name)]
        + [f"public and not in __all__: {name}" for name in names - parts - set(public)]
    )


def outside_use(path: Path) -> Iterator[tuple[int, str]]:
    """The names of `cascade` that a script uses, as `from cascade import NAME` or `cs.NAME`; `cascade.x` for others."""
    tree = parse(path)
    aliases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cascade":
            only_names = node.module == "cascade"
            yield from ((node.lineno, alias.name if only_names else str(node.module)) for alias in node.names)
        elif isinstance(node, ast.Import):
            aliases |= {alias.asname or alias.name for alias in node.names if alias.name == "cascade"}
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.startswith("cascade."))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.lineno, node.attr


@pytest.mark.parametrize("folder", ["examples", "pipelines"])
def test_scripts_use_public_names_alone(folder: str, public: list[str]) -> None:
    report(
        [
            f"{where(path, line)}: {name} is not a public name"
            for path in sources(ROOT / folder)
            for line, name in outside_use(path)
            if name not in public and name != "__version__"
        ]
    )
