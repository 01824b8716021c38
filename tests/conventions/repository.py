"""Where things are: the source packages, their modules, and the files of the repository.

Read by the conventions tests only. It looks at text and syntax trees; it imports nothing of ours.
"""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("resources", "assets", "sensors", "export_platform", "api_bridge")


def sources(root: Path = ROOT) -> list[Path]:
    """Every Python file of the five packages, sorted."""
    return sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))


def suite(root: Path = ROOT) -> list[Path]:
    """Every Python file below tests/, sorted."""
    return sorted((root / "tests").rglob("*.py"))


def module_name(file: Path, root: Path = ROOT) -> str:
    """The import path of a file: the same as its folder path."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def nodes(file: Path, *words: str) -> Iterator[ast.AST]:
    """Every node of a file that has one of some words; most files have none of them."""
    text = file.read_text(encoding="utf-8")
    if any(word in text for word in words):
        yield from ast.walk(tree(file))


@functools.cache
def imported(file: Path) -> tuple[tuple[int, str], ...]:
    """Line and full name of everything a file imports, also inside functions."""
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return tuple(found)


def committed(root: Path = ROOT) -> list[Path]:
    """The files git knows or would add; without git, as in an archive, every file of the tree."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        hidden = {".venv", ".local", "__pycache__", ".git"}
        files = [file for file in root.rglob("*") if not hidden & set(file.parts)]
    else:
        files = [root / name for name in listing.stdout.split("\0") if name]
    return sorted(file for file in files if file.is_file())


def shown(file: Path, root: Path = ROOT) -> str:
    """A file as a person would name it."""
    return str(file.relative_to(root))
