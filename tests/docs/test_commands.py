"""What the documents tell people to type can be typed; what they paste is run, or says why not."""

from dataclasses import replace

import pytest
import typer
from typer.main import get_command

from tests.docs.commands import (
    Command,
    commands,
    documented,
    hidden,
    targets_of_make,
    wrong,
    wrong_words,
)
from tests.docs.pages import pages
from tests.docs.pasted import NOT_RUN, OUTSIDE, runnable

COMMAND = Command(page="docs/runbook.md", text="", pasted=True)


def test_every_command_can_be_typed() -> None:
    """Prose drifts: a renamed command is found in every page, in blocks and in the text."""
    found = documented()

    assert [(one, why) for one in found if (why := wrong(one))] == []
    assert len(found) > 80


@pytest.mark.parametrize(
    "text",
    [
        "make supper",
        "make demo supper",
        "make bench ARGS='--sices 20000'",
        'make test ARGS="--kk waitlist"',
        "make demo ARGS=--pak",
        "exporter up",
        "export-platform status ID --folow",
        "export-platform status ID OTHER",
        "mongo inspekt <id>",
        ".venv/bin/export-platform stack sideways",
        "python -m tests.no_such_thing",
        "python -m tests.faults --kils 3",
        "aws ecs list-task --cluster x",
        "aws ecs list-tasks --clusters x",
        "terraform output secrets",
        "promtool check rules monitoring/nothing.yaml",
        "dagster instance migrat",
        'curl "unbalanced',
    ],
)
def test_a_command_that_does_not_exist_is_caught(text: str) -> None:
    """The check above must be able to fail, for each program and each part of a command."""
    assert wrong(replace(COMMAND, text=text))


def test_a_page_with_a_wrong_option_is_red() -> None:
    """The control of the whole: in a block, in its comments, in the text and inside of another."""
    text = (
        "Type `export-platform list --al` or `make up`.\n"
        "```console\n$ make down --sideways  # not `make dwn`\n"
        "$ curl $(export-platform token --scop x)\nmake no\n```\n"
    )

    found = list(commands("README.md", text))

    assert [one.text for one in found if wrong(one)] == [
        "make down --sideways",
        "export-platform list --al",
        "make dwn",
        "export-platform token --scop x",
    ]
    assert [one.text for one in found if not wrong(one)] == [
        "curl $(export-platform token --scop x)",
        "make up",
    ]


def test_commands_stand_in_blocks_that_say_so() -> None:
    """One in a block of plain text would be looked at by nobody."""
    assert {page: found for page in pages() if (found := hidden(page.read_text("utf-8")))} == {}
    assert hidden("```text\nmake demo\nmake = 3\n```\n```python\nmake demo\n```\n") == ["make demo"]


def test_what_is_pasted_is_run_or_says_why_not() -> None:
    """A command of a block is run by tests/e2e; the list of the others has none that has gone."""
    pasted = {one.text for one in documented() if one.pasted}
    others = {text for text in pasted if not runnable(text)}

    assert {text for text in others if OUTSIDE not in text} == set(NOT_RUN)
    assert all(NOT_RUN.values())
    assert len(pasted - others) >= 6


def test_commands_are_found_in_console_blocks() -> None:
    """A block in another language, and the output of a command, are not commands."""
    text = "```console\n$ make demo\nlooks good\n$ curl \\\n  -s x\n```\n```python\n$ no\n```\n"

    assert [one.text for one in commands("", text)] == ["make demo", "curl -s x"]


def test_the_make_targets_people_are_promised_exist() -> None:
    """The README, CI and the issues name these."""
    promised = {"help", "setup", "demo", "up", "down", "test", "lint", "types", "imports", "check"}

    assert promised <= set(targets_of_make())


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

    assert wrong_words(program, ["stack", "up", "--wait"]) is None
    assert wrong_words(program, ["stack", "sideways"]) == "no command 'sideways'"
    assert wrong_words(program, ["stack", "up", "here"]) == "does not take ['here']"
    assert "--quick" in str(wrong_words(program, ["stack", "up", "--quick"]))
