"""What the documents tell people to type: where it stands, and what is wrong with it.

A command stands in a `console` block behind `$ `, or in the text as `code`. Nothing is run here: a
program is asked what it knows, by its own parser, its Makefile or its description of its service.
"""

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from typer.main import get_command

from tests.conventions.repository import ROOT, shown
from tests.docs.pages import pages

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CONTINUED = re.compile(r"\s*\\\n\s*")
_COMMENT = re.compile(r"\s+#\s")
_INSIDE = re.compile(r"\$\(([^)]*)\)")
_VARIABLE = re.compile(r"[A-Z_]+=")
_TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)
# What our Makefile tells pytest and xdist beside what tests/conftest.py adds.
PYTESTS = {"--dist", "--no-loadscope-reorder"}
_OF_MAKE = {"ARGS", "MAKEFLAGS", "MAKEOVERRIDES"}
# Programs of the Makefile's recipes that are looked at.
_OURS = {"python", "export-platform"}
# The shell's own words; in a text they are English.
_SHELL = {"export", "read"}
# What stands for something that the reader knows.
_STANDS_FOR = re.compile(r"<[^>]*>|…|\$\([^)]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something that a page tells people to type.

    Attributes:
        page: Where, from the root of the repository.
        text: As it is typed, continued lines joined.
        pasted: Whether it stands in a block, to be pasted as it is; else in the text.
    """

    page: str
    text: str
    pasted: bool


def documented() -> list[Command]:
    """Every command of every page; of the changelog none, which tells what could be typed then."""
    return [
        command
        for page in pages()
        if page.name != "CHANGELOG.md"
        for command in commands(shown(page), page.read_text(encoding="utf-8"))
    ]


def commands(page: str, text: str) -> Iterator[Command]:
    """The commands of a page, those of blocks first."""
    blocks = [body for language, body in _FENCE.findall(text) if language == "console"]
    for block in blocks:
        for line in _CONTINUED.sub(" ", block).splitlines():
            if line.lstrip().startswith("$ "):
                yield Command(page=page, text=_COMMENT.split(line.lstrip()[2:])[0], pasted=True)
    said = _FENCE.sub("", text) + "".join(blocks)  # a comment in a block names commands, too
    for span in [*_SPAN.findall(said), *_INSIDE.findall("".join(blocks))]:
        if _is_typed(span):
            yield Command(page=page, text=span, pasted=False)


def hidden(text: str) -> list[str]:
    """Commands in a block that is not said to hold any, where nobody would look for them."""
    others = [body for language, body in _FENCE.findall(text) if language in {"", "text", "sh"}]
    return [line for body in others for line in body.splitlines() if _is_typed(line)]


def _is_typed(text: str) -> bool:
    """Whether a text in `code` is a command; the name of a program alone is not."""
    words = _plain(text).split()
    if len(words) < 2 or words[1] in {"=", "import"}:
        return False
    return words[0].rpartition("/")[2] in PROGRAMS or words[0] in _groups()


def _plain(text: str) -> str:
    """Without the variables in front."""
    words = text.split(" ")
    while words and _VARIABLE.match(words[0]):
        words = words[1:]
    return " ".join(words)


@cache
def wrong(command: Command) -> str | None:
    """Why a command cannot be typed as it is written; None when it can."""
    try:
        words = shlex.split(_STANDS_FOR.sub("X", _plain(command.text)), comments=True)
    except ValueError as error:
        return str(error)
    words = words[: words.index(">")] if ">" in words else words  # where it writes to
    if words[0] in _groups():
        words = ["export-platform", *words]
    check = PROGRAMS.get(words[0].rpartition("/")[2])
    if words[0] in _SHELL:
        return None
    if check is None:
        return f"{words[0]} is not a program that people have"
    return check(words[1:], command)


# ── programs ──


def _wrong_for_us(words: list[str], _: Command) -> str | None:
    return wrong_words(_ours(), words)


def _wrong_for_dagster(words: list[str], _: Command) -> str | None:
    return wrong_words(importlib.import_module("dagster._cli").create_dagster_cli(), words)


def wrong_words(program: Any, words: list[str]) -> str | None:
    """Follow sub-commands as far as they go, then let the last one's own parser read the rest.

    An argument that is missing is not wrong: in a text it often is. One too many is.
    """
    while (known := getattr(program, "commands", {})) and words and words[0][0] != "-":
        if words[0] not in known:
            return f"no command {words[0]!r}"
        program, words = known[words[0]], words[1:]
    parser = program.make_parser(program.context_class(program))
    try:
        _, more, _ = parser.parse_args(list(words))
    except Exception as error:  # noqa: BLE001 - Typer and Dagster have each a family of their own
        return str(error)
    return f"does not take {more}" if more else None


def _wrong_for_make(words: list[str], command: Command) -> str | None:
    """The targets are there, and the programs that they would run know what they are told."""
    targets = [word for word in words if "=" not in word]
    if unknown := set(targets) - set(targets_of_make()):
        return f"no make target {sorted(unknown)}"
    answer = subprocess.run(
        # Set-up is not looked at: it is done, or nothing here would run.
        [str(shutil.which("make")), "--dry-run", "--no-print-directory", "-o", "setup", *words],
        cwd=ROOT,
        # Whoever runs the tests by make may have given them arguments of their own.
        env={name: value for name, value in os.environ.items() if name not in _OF_MAKE},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        return answer.stderr
    lines = [shlex.split(line) for line in _CONTINUED.sub(" ", answer.stdout).splitlines()]
    ours = [words for words in lines if words and words[0].rpartition("/")[2] in _OURS]
    found = (PROGRAMS[words[0].rpartition("/")[2]](words[1:], command) for words in ours)
    return next(filter(None, found), None)


def targets_of_make() -> list[str]:
    """The targets that `make help` lists."""
    return _TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))


def _wrong_for_python(words: list[str], _: Command) -> str | None:
    """`python -m` and a module of ours, or pytest with our options."""
    if words[:1] != ["-m"] or len(words) < 2:
        return None  # a file of ours, which the Makefile names
    module, used = words[1], {word.split("=")[0] for word in words[2:] if word.startswith("--")}
    file = ROOT / "tests" / "conftest.py" if module == "pytest" else _file_of(module)
    if file is None:
        return f"no module {module}"
    unknown = used - _options(file) - (PYTESTS if module == "pytest" else {"--help"})
    return f"{module} has no option {sorted(unknown)}" if unknown else None


def _file_of(module: str) -> Path | None:
    """The file that `python -m` runs."""
    path = ROOT.joinpath(*module.split("."))
    found = [path / "__main__.py", path.with_suffix(".py")]
    return next((file for file in found if file.exists()), None)


@cache
def _options(file: Path) -> frozenset[str]:
    """What a program adds to its parser; read, since asking each for its help takes seconds."""
    adds = {"add_argument", "addoption"}
    calls = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in adds
    ]
    given = [one.value for call in calls for one in call.args if isinstance(one, ast.Constant)]
    return frozenset(one for one in given if isinstance(one, str) and one.startswith("--"))


def _wrong_for_aws(words: list[str], _: Command) -> str | None:
    """The service, its operation and the operation's parameters, as botocore describes them."""
    service, operation, *more = words
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return f"AWS has no service {service}"
    model = session.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return f"{service} has no operation {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    known = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    unknown = {word for word in more if word.startswith("--")} - known - {"--query"}  # of each
    return f"{operation} has no option {sorted(unknown)}" if unknown else None


def _wrong_for_terraform(words: list[str], _: Command) -> str | None:
    verb, *more = words
    if verb not in {"init", "fmt", "validate", "test", "plan", "apply", "output"}:
        return f"terraform has no command {verb}"
    declared = (ROOT / "terraform" / "tm-prod" / "outputs.tf").read_text(encoding="utf-8")
    lacking = [name for name in more if verb == "output" and f'output "{name}"' not in declared]
    return f"there is no output {lacking}" if lacking else None


def _wrong_for_files(words: list[str], command: Command) -> str | None:
    """Of a program that we have not: the files that it is given are there."""
    place = (ROOT / command.page).parent
    lacking = [
        word
        for word in words
        if "/" in word and not any((root / word).exists() for root in (place, ROOT))
    ]
    return f"there is no {lacking}" if lacking else None


def _nothing_known(words: list[str], _: Command) -> str | None:
    """Of a program that says itself what is wrong, when it is run."""
    return None if words else "nothing is said to it"


# A program that a reader has, and how its words are looked at.
PROGRAMS: Mapping[str, Callable[[list[str], Command], str | None]] = {
    "export-platform": _wrong_for_us,
    "make": _wrong_for_make,
    "python": _wrong_for_python,
    "dagster": _wrong_for_dagster,
    "aws": _wrong_for_aws,
    "terraform": _wrong_for_terraform,
    "promtool": _wrong_for_files,
    "npm": _wrong_for_files,
    "docker": _wrong_for_files,
    "curl": _nothing_known,
    "cd": _wrong_for_files,
}


@cache
def _ours() -> Any:
    """The command line as the parser below Typer sees it."""
    return get_command(importlib.import_module("export_platform.cli").main)


@cache
def _groups() -> frozenset[str]:
    """Commands of ours with commands of their own: a text may name these without the program."""
    return frozenset(name for name, one in _ours().commands.items() if hasattr(one, "commands"))
