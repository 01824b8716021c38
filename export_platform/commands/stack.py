"""`stack`: the embedded MongoDB, S3 and Athena servers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.terminal import home, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from export_platform.local.processes import Status
    from export_platform.local.stack import Stack

Directory = Annotated[
    Path | None, typer.Option("--dir", help="Where data and logs are kept.", show_default=".local")
]

app = typer.Typer(help="The embedded MongoDB, S3 and Athena servers.", no_args_is_help=True)


@app.command()
def up(directory: Directory = None) -> None:
    """Start the servers that do not run, and wait until all are healthy."""
    stack = _stack(directory)
    stack.up()
    show_status(stack.status())


@app.command()
def down(directory: Directory = None) -> None:
    """Stop the servers; the data stays."""
    _stack(directory).down()


@app.command()
def status(directory: Directory = None) -> None:
    """Show each server; exit code 1 unless all are healthy."""
    found = _stack(directory).status()
    show_status(found)
    if any(each.state != "healthy" for each in found):
        raise typer.Exit(1)


@app.command()
def reset(
    directory: Directory = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the servers and remove everything that they stored."""
    if not yes:
        typer.confirm("Remove all data of the embedded servers?", abort=True)
    _stack(directory).reset()


def show_status(found: "Sequence[Status]") -> None:
    """A table of processes."""
    from rich.table import Table  # noqa: PLC0415 - 0.05 s

    table = Table("process", "state", "pid", "port", "log", box=None, pad_edge=False)
    for each in found:
        colour = "green" if each.state == "healthy" else "red"
        port = "" if each.port is None else str(each.port)
        pid = "" if each.pid is None else str(each.pid)
        table.add_row(each.name, f"[{colour}]{each.state}[/]", pid, port, str(each.log))
    screen().print(table)


def _stack(directory: Path | None) -> "Stack":
    from export_platform.local.stack import Stack  # noqa: PLC0415 - 0.1 s

    return Stack(directory or home())
