"""What every command shares: where data stands, how to speak, and how an error reads.

An error is one line that says what to do, on stderr, with exit code 1. Heavy modules are imported
by the command that needs them, so that `--help` answers at once.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup

from export_platform.commands.hints import program, starter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from export_platform.local.deployment import Deployment

HOME_VARIABLE = "EXPORT_PLATFORM_HOME"
TRACEBACK_VARIABLE = "EXPORT_PLATFORM_TRACEBACK"
TIMING_VARIABLE = "EXPORT_TIMING_FACTOR"

# Wider than any row: what reads a pipe wants one line a row.
_ENDLESS = 10_000


class CommandError(Exception):
    """A command cannot do what was asked; the text is one line that says what to do."""


class OneLineErrors(TyperGroup):
    """A group whose commands end with one line instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if os.environ.get(TRACEBACK_VARIABLE):
                raise
            usage = _usage(error)
            complain(usage or _line(error))
            raise typer.Exit(2 if usage else 1) from None


def home() -> Path:
    """Where the embedded platform keeps its data (`.local` of the checkout).

    `EXPORT_PLATFORM_HOME` tells it.
    """
    told = os.environ.get(HOME_VARIABLE)
    return Path(told).absolute() if told else Path(__file__).resolve().parents[2] / ".local"


def deployment(directory: Path | None = None) -> "Deployment":
    """The embedded platform of this checkout, or of a folder.

    On PostgreSQL with production's settings where `DAGSTER_PG_HOST` names a server.
    """
    from export_platform.local.deployment import Deployment  # noqa: PLC0415 - starts with bson
    from resources.clock import SystemClock  # noqa: PLC0415

    timing = os.environ.get(TIMING_VARIABLE)
    variables = {TIMING_VARIABLE: timing} if timing else {}
    place = directory or home()
    if os.environ.get("DAGSTER_PG_HOST"):
        return _on_postgresql(place, variables)
    return Deployment(place, SystemClock(), variables=variables)


def _on_postgresql(directory: Path, variables: Mapping[str, str]) -> "Deployment":
    from export_platform.local import postgresql  # noqa: PLC0415 - 0.3 s of SQLAlchemy
    from export_platform.local.deployment import Deployment  # noqa: PLC0415
    from resources.clock import SystemClock  # noqa: PLC0415

    try:
        storage = postgresql.variables(os.environ)
    except ValueError as error:
        raise CommandError(str(error)) from None
    return Deployment(
        directory,
        SystemClock(),
        variables={**variables, **storage},
        instance=postgresql.instance(directory),
        heartbeat=lambda _: postgresql.heartbeat(storage),
    )


def screen() -> "Console":
    """Where results go."""
    from rich.console import Console  # noqa: PLC0415 - 0.05 s

    return Console(highlight=False, soft_wrap=True)


def notes() -> "Console":
    """Where progress goes: stderr, so that a result can be piped."""
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_table(table: "Table") -> None:
    """A table: wrapped to a terminal, and plain lines of one row each to anything else."""
    from rich.console import Console  # noqa: PLC0415

    console = screen()
    if console.is_terminal:
        console.print(table, soft_wrap=False)
        return
    plain = StringIO()
    Console(file=plain, width=_ENDLESS, force_terminal=False, no_color=True).print(table)
    for line in plain.getvalue().splitlines():
        typer.echo(line.rstrip())


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Within it, SIGTERM ends a command as Ctrl-C does: what it started is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def complain(line: str) -> None:
    """Say what is wrong, on stderr."""
    typer.secho(f"error: {line}", err=True, fg=typer.colors.RED)


def _usage(error: Exception) -> str | None:
    """What is wrong with a command line, in Typer's words; None for any other error."""
    context = getattr(error, "ctx", None)
    if context is None or not hasattr(error, "format_message"):
        return None
    said = " ".join(error.format_message().split()).rstrip(".")
    command = context.command_path.partition(" ")[2]
    return f"{said}; see `{' '.join(filter(None, [program(), command, '--help']))}`"


def _line(error: Exception) -> str:
    if isinstance(error, CommandError):
        return str(error)
    return _known(error) or (
        f"{type(error).__name__}; run it again with {TRACEBACK_VARIABLE}=1 and report what it shows"
    )


def _known(error: Exception) -> str | None:
    from export_platform.local.processes import NotStartedError  # noqa: PLC0415
    from resources.errors import DoorError  # noqa: PLC0415

    if isinstance(error, NotStartedError):
        what, _, log = str(error).partition("; the end of ")
        where = log.partition(":\n")[0]
        return f"{what}; read {where}" if where else f"{what}; run `{starter()}` first"
    if isinstance(error, DoorError):
        return f"{error}; see `{program()} stack status`"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return None
