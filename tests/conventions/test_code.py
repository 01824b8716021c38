"""The shape of the code: packages, values, names that occur once, tests that say why."""

import ast
import dataclasses
import enum
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import is_typeddict

import pytest

from tests.conventions.repository import (
    PACKAGES,
    ROOT,
    imported,
    module_name,
    nodes,
    shown,
    sources,
    suite,
    tree,
)

# Made once a row, in one place: its few fields may be passed by position.
POSITIONAL = {
    "EntryRow",  # three different types, so that a swap is a type error
    "CodeRow",  # the same
}


def test_an_init_file_holds_a_docstring_only() -> None:
    """A re-export gives a name two import paths, and importing one module loads its siblings."""
    inits = [file for file in [*sources(), *suite()] if file.name == "__init__.py"]
    odd = [shown(file) for file in inits if not _docstring_only(tree(file))]

    assert [] == odd
    assert len(inits) > len(PACKAGES)


def _docstring_only(module: ast.Module) -> bool:
    return len(module.body) == 1 and ast.get_docstring(module) is not None


def test_every_folder_with_code_is_a_package() -> None:
    """Without its `__init__.py`, tests/assets is imported as `assets` and shadows the real one."""
    folders = {file.parent for file in [*sources(), *suite()]}

    assert [] == sorted(
        shown(folder) for folder in folders if not (folder / "__init__.py").exists()
    )


def test_no_file_postpones_its_annotations() -> None:
    """Dagster reads annotations at definition time: a postponed `context` fails there."""
    found = [
        f"{shown(file)}:{line}"
        for file in [*sources(), *suite()]
        for line, name in imported(file)
        if name.startswith("__future__.")
    ]

    assert [] == found


def test_nothing_is_mocked() -> None:
    """A mock proves that a call was made; a fake that holds state proves what came of it."""
    found = [
        f"{shown(file)}:{line}"
        for file in [*sources(), *suite()]
        for line, name in imported(file)
        if name.split(".")[0] in {"mock", "pytest_mock"} or name.startswith("unittest.mock")
    ]

    assert [] == found


def test_every_test_says_why_it_matters() -> None:
    """A name says what is true; only the docstring can say what breaks when it is not."""
    functions = [
        (file, node)
        for file in suite()
        for node in nodes(file, "def test_")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]
    silent = [f"{shown(f)}:{node.lineno}" for f, node in functions if not ast.get_docstring(node)]

    assert [] == silent
    assert len(functions) > 10


def test_a_test_that_may_be_skipped_asks_whether_it_runs_on_ci() -> None:
    """A skipped safety test looks like a passed one: in CI what is missing must fail."""
    skips = {"pytest.skip", "pytest.importorskip", "pytest.mark.skip", "pytest.mark.skipif"}
    silent = [
        f"{shown(file)}:{node.lineno}"
        for file in suite()
        for node in nodes(file, "skip")
        if isinstance(node, ast.Attribute) and ast.unparse(node) in skips
        if not re.search(r"""["']CI["']""", file.read_text(encoding="utf-8"))
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("home", "names"),
    [
        ("assets/factory.py", {"asset", "multi_asset", "graph_asset", "graph_multi_asset"}),
        ("export_platform/definitions.py", {"Definitions"}),
    ],
)
def test_dagster_objects_are_made_in_one_place(home: str, names: set[str]) -> None:
    """One asset builder and one composition root: policy added there reaches every export."""
    uses = [
        (shown(file), ast.unparse(node).splitlines()[0])
        for file in sources()
        for node in nodes(file, *names)
        if _makes(node, names)
    ]
    expected = [home] if (ROOT / home).exists() else []

    assert expected == [file for file, _ in uses], uses


def _makes(node: ast.AST, names: set[str]) -> bool:
    """Whether a node is `dg.<name>` as a decorator or a call; a type annotation makes nothing."""
    if isinstance(node, ast.Call):
        return _dagster(node.func, names)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(_dagster(decorator, names) for decorator in node.decorator_list)
    return False


def _dagster(node: ast.AST, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"dg", "dagster"}
        and node.attr in names
    )


def _classes(package: str) -> Iterator[type]:
    """Every class that a module of a package defines."""
    for file in sorted((ROOT / package).rglob("*.py")):
        module = importlib.import_module(module_name(file))
        for _, value in inspect.getmembers(module, inspect.isclass):
            if value.__module__ == module.__name__:
                yield value


def test_every_value_of_the_model_is_frozen_slotted_and_keyword_only() -> None:
    """A value that changes after its check is unchecked; swapped strings fit any position."""
    classes = list(_classes("assets/model"))
    loose = [f"{cls.__module__}.{cls.__qualname__}" for cls in classes if not _is_value(cls)]

    assert [] == loose
    assert classes


def _is_value(cls: type) -> bool:
    """A frozen, slotted, keyword-only dataclass, or one of the closed and open shapes beside it."""
    if issubclass(cls, enum.Enum | Exception) or is_typeddict(cls):
        return True
    if getattr(cls, "_is_protocol", False):
        return True
    if not dataclasses.is_dataclass(cls):
        return False
    lazy = any(isinstance(value, functools.cached_property) for value in vars(cls).values())
    slotted = "__slots__" in vars(cls) or lazy  # a cached property needs an instance dictionary
    named = cls.__name__ in POSITIONAL or all(f.kw_only for f in dataclasses.fields(cls))
    frozen: bool = vars(cls)["__dataclass_params__"].frozen
    return frozen and slotted and named


def test_a_loose_value_is_caught() -> None:
    """The rule above must fail on each of the three ways to be loose."""

    @dataclasses.dataclass(slots=True, kw_only=True)
    class Changeable:
        name: str

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Open:
        name: str

    @dataclasses.dataclass(frozen=True, slots=True)
    class Positional:
        name: str

    assert [False, False, False] == [_is_value(cls) for cls in (Changeable, Open, Positional)]


def _declared(root: Path = ROOT) -> dict[str, list[str]]:
    """Export id to the files whose code calls `ExportType(name="<id>", ...)`."""
    found: dict[str, list[str]] = {}
    for file in sources(root):
        for name in _export_ids(file):
            found.setdefault(name, []).append(shown(file, root))
    return found


def _export_ids(file: Path) -> list[str]:
    calls = [node for node in nodes(file, "ExportType") if isinstance(node, ast.Call)]
    return [
        str(keyword.value.value)
        for call in calls
        if ast.unparse(call.func).split(".")[-1] == "ExportType"
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    ]


def test_an_export_is_declared_once_in_a_module_of_the_catalogue() -> None:
    """Two declarations of one id would answer differently, depending on who asks."""
    modules = [
        file
        for file in (ROOT / "assets" / "exports").rglob("*.py")
        if re.search(r"\bExportType\(", file.read_text(encoding="utf-8"))
    ]
    declared = _declared()

    assert [] == [files for files in declared.values() if len(files) > 1]
    assert sorted(shown(file) for file in modules) == sorted(
        {f for fs in declared.values() for f in fs}
    )


def test_every_module_with_an_export_is_in_the_catalogue() -> None:
    """A module that nobody listed is an export that silently does not exist."""
    listing = ROOT / "assets" / "exports" / "catalog.py"
    listed = {name for _, name in imported(listing)} if listing.exists() else set()
    unlisted = [
        file
        for files in _declared().values()
        for file in files
        if not any(name.startswith(module_name(ROOT / file)) for name in listed)
    ]

    assert [] == unlisted


def test_an_export_id_is_written_in_one_source_file() -> None:
    """An `if export == "..."` elsewhere is a rule that belongs into the declaration."""
    # `entries` also names a collection, `codes` a service and a field, `waitlist` and `scores` a
    # field or a test's word; the stand-ins and the seed write documents.
    ids = set(_declared()) - {"entries", "codes", "waitlist", "scores"}
    written: dict[str, set[str]] = {name: set() for name in ids}
    local = ROOT / "export_platform" / "local"
    for file in sources():
        for node in [] if local in file.parents else ast.walk(tree(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ids:
                written[node.value].add(shown(file))

    assert {} == {name: sorted(files) for name, files in written.items() if len(files) > 1}
