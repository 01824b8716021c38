"""`types`: which exports there are, and what each holds and takes, as the bridge tells it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_platform.commands.hints import program
from export_platform.commands.terminal import notes, show_table

if TYPE_CHECKING:
    from rich.table import Table


def types(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the columns and options of this one.")
    ] = None,
) -> None:
    """List the kinds of export, or the columns and options of one."""
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s

    with bridge() as client:
        if name is not None:
            _show_one(client.type(name))
            return
        listed = client.types()
    rows = [(kind["name"], kind["summary"], kind["scope"]) for kind in listed]
    show_table(_table(("name", "summary", "scope"), rows))
    notes().print(f"columns and options of one: {program()} types NAME")


def subject(schema: Mapping[str, Any]) -> str:
    """The parameter that says what an export is about: its argument on the command line."""
    return str(schema["required"][0])


def _show_one(kind: Mapping[str, Any]) -> None:
    schema = kind["params_schema"]
    about = subject(schema)
    typer.echo(f"{kind['id']}: {kind['summary']}\n")
    columns = [(each["name"], each["pii_class"], each["format"]) for each in kind["columns"]]
    show_table(_table(("column", "class", "format"), ((n, _words(c), f) for n, c, f in columns)))
    typer.echo("")
    options = [
        (name, _default(option), _described(option))
        for name, option in schema["properties"].items()
        if name != about
    ]
    show_table(_table(("-o option", "default", "description"), options))
    notes().print(f"ask for it: {program()} request {kind['name']} {about.upper()}")


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - 0.05 s
    from rich.text import Text  # noqa: PLC0415

    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # not a str: brackets would be markup
    return table


def _default(option: Mapping[str, Any]) -> str:
    value = option.get("default")
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value))  # as -o takes it
    return str(value).lower() if isinstance(value, bool) else str(value)


def _described(option: Mapping[str, Any]) -> str:
    values = option.get("enum") or option.get("items", {}).get("enum")
    said = str(option.get("description", ""))
    return f"{said} One of: {', '.join(map(str, values))}." if values else said


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
