"""`request`, `status` and `download`: exports over HTTP."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.model.output import Dialect
from assets.model.policy import PiiMode
from export_platform.commands.hints import program, typed
from export_platform.commands.kinds import subject
from export_platform.commands.terminal import CommandError, home, screen

if TYPE_CHECKING:
    from export_platform.commands.client import Estimate, Export

_WITH_SCOPE = (PiiMode.FULL, PiiMode.MASKED)
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def request(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="Kind of export: see `types`.")],
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's key.")],
    *,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--option",
            metavar="NAME=VALUE",
            help="Any option that `types TYPE` lists; repeatable; lists with commas.",
        ),
    ] = None,
    dialect: Annotated[
        Dialect | None,
        typer.Option(
            "--dialect", metavar="DIALECT", help=f"How CSV is written: {', '.join(Dialect)}."
        ),
    ] = None,
    pii: Annotated[
        PiiMode | None,
        typer.Option(metavar="MODE", help=f"How much personal data: {', '.join(PiiMode)}."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; needed with --pii full.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", metavar="SCOPE", help="One more scope of the development token; repeatable."
        ),
    ] = None,
    max_age: Annotated[
        int | None,
        typer.Option(
            "--max-age",
            metavar="SECONDS",
            min=0,
            help="Files will do whose snapshot is not older than this.",
        ),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it would come to; ask for nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
) -> None:
    """Ask for an export and print its id."""
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s

    said = {"dialect": dialect, "pii": pii, "reason": reason}
    with bridge() as client:
        schema = client.type(type_name)["params_schema"]
    mode = pii or schema["properties"]["pii"]["default"]
    scopes = [*(scope or ()), *([f"pii:{mode}"] if mode in _WITH_SCOPE else [])]
    with bridge(more_scopes=scopes) as client:
        params = {
            **_options(option or (), schema),
            **{name: str(value) for name, value in said.items() if value is not None},
            subject(schema): campaign,
        }
        if estimate:
            screen().print(_estimated(client.estimate(type_name, params)))
            return
        export = client.create(type_name, params, max_age=max_age)
        typer.echo(export.id)
        if wait:
            _finish(_watched(client, export))


def status(
    export_id: Annotated[str, typer.Argument(metavar="ID", help="As `request` printed it.")],
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
) -> None:
    """Show an export; with --watch, a progress bar until it has ended."""
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s
    from export_platform.commands.watching import described  # noqa: PLC0415

    with bridge() as client:
        export = client.export(export_id)
        if watch:
            export = _watched(client, export)
    screen().print(described(export))
    if export.manifest_sha256 is not None:
        screen().print(f"manifest sha256 {export.manifest_sha256}")
    if watch or export.error:
        _finish(export)


def download(
    export_id: Annotated[str, typer.Argument(metavar="ID", help="As `request` printed it.")],
    to: Annotated[
        Path | None, typer.Option(help="Folder to write into.", show_default=".local/downloads/ID")
    ] = None,
) -> None:
    """Fetch the files and the manifest of an export, checking each digest on the way."""
    from assets.model.policy import PII_SCOPES  # noqa: PLC0415
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s
    from export_platform.commands.fetching import fetch  # noqa: PLC0415

    # What the file shows was decided when it was asked for; to fetch it one must be allowed to.
    with bridge(more_scopes=PII_SCOPES) as client:
        export = client.export(export_id)
        directory = to or home() / "downloads" / export.id
        manifest = fetch(client, export, directory)
    console = screen()
    for entry in manifest.files:
        console.print(f"{directory / entry.name}  {entry.rows:,} rows  {entry.bytes:,} bytes")
    console.print(f"check it with: {program()} verify {typed(directory)}")


def _watched(client: Any, export: "Export") -> "Export":
    from export_platform.commands.watching import watch  # noqa: PLC0415
    from resources.clock import SystemClock  # noqa: PLC0415

    return watch(client, [export], SystemClock())[0]


def _estimated(found: "Estimate") -> str:
    """What nobody can tell is not said."""
    from rich.filesize import decimal  # noqa: PLC0415

    said = {
        "{:,} rows": found.rows,
        "{:,} to read": found.rows_at_most,
        "{}": None if found.bytes is None else decimal(found.bytes),
        "{:g} s of work": found.seconds,
        "{:g} USD for Athena": found.usd,
    }
    known = (text.format(value) for text, value in said.items() if value is not None)
    figures = ", ".join(known) or "nobody can tell: there is no export like it yet"
    return f"{figures}; without {', '.join(found.withheld)}" if found.withheld else figures


def _finish(export: "Export") -> None:
    """End as the export ended."""
    if export.done and export.status != "succeeded":
        raise CommandError(f"the export has {export.status}: {export.error or 'see its audit'}")


def _options(given: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    about = subject(schema)
    properties = {name: one for name, one in schema["properties"].items() if name != about}
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise CommandError("an option is written as name=value, such as -o top_n=10")
        if name == about:
            raise CommandError(f"{name} is no option: it is the argument after TYPE")
        if name not in properties:
            raise CommandError(f"no such option; there are: {', '.join(sorted(properties))}")
        params[name] = _value(name, value, properties[name])
    return params


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    """Text from a command line as the schema wants it; whether it is allowed says the bridge."""
    match schema.get("type"):
        case "array":
            return [part for part in text.split(",") if part]
        case "integer" | "number":
            try:
                return json.loads(text)
            except ValueError:
                raise CommandError(f"{name} is a number") from None
        case "boolean":
            if text.lower() not in (*_YES, *_NO):
                raise CommandError(f"{name} is true or false")
            return text.lower() in _YES
        case _:
            return text
