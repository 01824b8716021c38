"""What the README tells people to type exists: make targets, commands and their options."""

import importlib
import re
import shlex
from typing import Any

import pytest
import typer
from typer.main import get_command

from tests.conventions.repository import ROOT

README = ROOT / "README.md"
OTHERS = {"git", "cd", "curl", "open", "xdg-open"}  # programs a newcomer has


def _commands(text: str) -> list[str]:
    """The commands of the `console` blocks: what follows `$ `, continued lines joined."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    joined = [block.replace("\\\n", " ") for block in blocks]
    return [line[2:] for block in joined for line in block.splitlines() if line.startswith("$ ")]


def _targets() -> set[str]:
    """The documented targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))


def _program() -> Any:
    """The command line as the parser below Typer sees it; loaded only when a README names it."""
    return get_command(importlib.import_module("export_platform.cli").main)


def _wrong(command: str) -> str | None:
    """Why a command cannot be typed as written; None when it can."""
    words = shlex.split(command, comments=True)
    name = words[0].rpartition("/")[2]
    if name == "make":
        unknown = [word for word in words[1:] if "=" not in word and word not in _targets()]
        return f"no make target {unknown}" if unknown else None
    if name == "export-platform":
        return _wrong_words(_program(), words[1:])
    return None if name in OTHERS else f"{name} is not a program everybody has"


def _wrong_words(command: Any, words: list[str]) -> str | None:
    """Follow sub-commands as far as they go, then look at the options."""
    while (commands := getattr(command, "commands", {})) and words and words[0][0] != "-":
        if words[0] not in commands:
            return f"no command {words[0]!r}"
        command, words = commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    return f"no option {sorted(used - known)}" if used - known else None


def test_every_command_of_the_readme_can_be_typed() -> None:
    """Prose drifts: a newcomer's first command must not be one that was renamed."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    commands = _commands(text)
    wrong = {command: reason for command in commands if (reason := _wrong(command))}

    assert wrong == {}
    assert bool(commands) == README.exists()


@pytest.mark.parametrize("command", ["make supper", "make demo supper", "exporter up"])
def test_a_command_that_does_not_exist_is_caught(command: str) -> None:
    """The check above must be able to fail."""
    assert _wrong(command)


def test_commands_are_found_in_console_blocks() -> None:
    """A block in another language, and the output of a command, are not commands."""
    text = "```console\n$ make demo\nlooks good\n$ curl \\\n  -s x\n```\n```python\n$ no\n```\n"

    assert _commands(text) == ["make demo", "curl    -s x"]


def test_the_make_targets_people_are_promised_exist() -> None:
    """The README, CI and the issue name these."""
    promised = {"help", "setup", "demo", "up", "down", "test", "lint", "types", "imports", "check"}

    assert promised <= _targets()


def test_a_wrong_sub_command_or_option_is_caught() -> None:
    """The walk through the commands must stop where a person's shell would."""
    app = typer.Typer()
    stack = typer.Typer()

    @stack.command()
    def up(wait: bool = False) -> None:
        """Start."""
        typer.echo(wait)

    @app.command()
    def demo() -> None:
        """Show."""

    app.add_typer(stack, name="stack")
    program = get_command(app)

    assert _wrong_words(program, ["stack", "up", "--wait"]) is None
    assert _wrong_words(program, ["stack", "sideways"]) == "no command 'sideways'"
    assert _wrong_words(program, ["stack", "up", "--quick"]) == "no option ['--quick']"
