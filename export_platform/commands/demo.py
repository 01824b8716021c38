"""`demo`: from nothing to verified files, everything real, in one command."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.hints import starter
from export_platform.commands.seed import Pack, credentials
from export_platform.commands.terminal import (
    CommandError,
    deployment,
    ended_by_sigterm,
    home,
    notes,
    screen,
    show_table,
)

if TYPE_CHECKING:
    from assets.model.export_type import ExportType
    from assets.model.manifest import Manifest
    from assets.steps.manifest import Finding
    from export_platform.commands.client import BridgeClient, Export
    from export_platform.commands.counting import Expected
    from export_platform.local.deployment import Deployment, Places

# A cold machine with two busy cores took 50 s; after three minutes something is wrong.
_EXPORT_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One export of the demo, proved.

    Attributes:
        export: As the bridge shows it.
        manifest: As it was downloaded.
        counted: What the independent count says, in words.
        problems: What does not hold; empty when proved.
    """

    export: "Export"
    manifest: "Manifest"
    counted: str
    problems: tuple[str, ...]


def demo(
    pack: Pack = "tiny",
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running.")] = False,
) -> None:
    """Start everything, request every kind of export, download, verify and count; then stop.

    What ran before keeps running.
    """
    local = deployment()
    stop = not keep and not local.is_up()
    try:
        with ended_by_sigterm():
            places = _start(local, pack)
            outcomes = _export(local, places, pack)
        show(outcomes)
        _judge(outcomes)
    finally:
        if stop:
            with notes().status("stopping"):
                local.down()
    _say_where(places, stopped=stop)


def _start(local: "Deployment", pack: str) -> "Places":
    from export_platform.commands.platform import start  # noqa: PLC0415

    return start(local, pack)


def _say_where(places: "Places", *, stopped: bool) -> None:
    from export_platform.commands.platform import show_places  # noqa: PLC0415

    console = screen()
    console.print(f"files    {home() / 'downloads'}")
    if stopped:
        console.print(f"logs     {places.logs}")
        console.print(f"all stopped; `{starter()}` does the same and stays up")
    else:
        show_places(places)


def _export(local: "Deployment", places: "Places", pack: str) -> list[Outcome]:
    """Every kind of export of the pack's first campaign, over HTTP."""
    from assets.exports.catalog import CATALOG  # noqa: PLC0415 - 0.2 s
    from assets.model.policy import PII_SCOPES  # noqa: PLC0415
    from export_platform.commands.client import BridgeClient  # noqa: PLC0415
    from export_platform.commands.seed import named  # noqa: PLC0415
    from export_platform.commands.watching import watch  # noqa: PLC0415
    from export_platform.local.issuer import BASE_SCOPES  # noqa: PLC0415
    from export_platform.local.seed.asking import sample_params  # noqa: PLC0415
    from resources.clock import SystemClock  # noqa: PLC0415

    campaign = next(iter(named(pack).campaigns))
    kinds = list(CATALOG.values())
    token = local.issuer.token(subject="demo", scopes=(*BASE_SCOPES, *PII_SCOPES))
    notes().print(f"asking for {len(kinds)} exports of {campaign}")
    with BridgeClient(places.bridge_url, token) as client:
        asked = [client.create(kind.name, sample_params(kind, campaign)) for kind in kinds]
        ended = watch(client, asked, SystemClock(), seconds=_EXPORT_SECONDS)
        _check_ended(ended, places)
        return [
            _prove(client, export, places, kind=kind, campaign=campaign)
            for kind, export in zip(kinds, ended, strict=True)
        ]


def _check_ended(exports: "Sequence[Export]", places: "Places") -> None:
    short = [f"{e.type} {e.status} ({e.error})" for e in exports if e.status != "succeeded"]
    if short:
        raise CommandError(f"not every export succeeded: {'; '.join(short)}; read {places.logs}")


def _prove(
    client: "BridgeClient",
    export: "Export",
    places: "Places",
    *,
    kind: "ExportType",
    campaign: str,
) -> Outcome:
    """Hold one export against its manifest and against a count of our own."""
    from export_platform.commands.counting import Counter  # noqa: PLC0415 - 0.3 s
    from resources.clock import SystemClock  # noqa: PLC0415

    look = _downloaded if kind.downloadable else _in_the_bucket
    manifest, findings = look(client, export, places)
    expected = Counter(places.environment, SystemClock()).expected(kind.name, campaign)
    return Outcome(
        export=export,
        manifest=manifest,
        counted=counted(manifest, expected),
        problems=tuple(judged(manifest, findings, expected)),
    )


def _downloaded(
    client: "BridgeClient", export: "Export", _: "Places"
) -> "tuple[Manifest, list[Finding]]":
    from export_platform.commands.fetching import fetch  # noqa: PLC0415
    from export_platform.commands.verify import proved  # noqa: PLC0415

    directory = home() / "downloads" / export.id
    fetch(client, export, directory)
    return proved(directory)


def _in_the_bucket(
    client: "BridgeClient", export: "Export", places: "Places"
) -> "tuple[Manifest, list[Finding]]":
    """What nobody may download is proved where it lies."""
    from assets.steps.manifest import verify  # noqa: PLC0415
    from export_platform.commands.fetching import read_manifest  # noqa: PLC0415
    from resources.wiring.environment import object_store  # noqa: PLC0415

    os.environ.update(credentials(places.environment))  # where boto3 looks for them
    manifest = read_manifest(client.manifest(export.id)[0])
    with closing(object_store(places.environment)) as bucket:
        return manifest, verify(manifest, lambda entry: bucket.read(entry.key))


def counted(manifest: "Manifest", expected: "Expected | None") -> str:
    """What an independent count says, in words: ours, or that of the run itself."""
    if expected is None:
        return f"{manifest.accounting.expected:,} by its own count"
    return f"{expected.kept:,} of {expected.read:,} read"


def judged(
    manifest: "Manifest", findings: "Sequence[Finding]", expected: "Expected | None"
) -> list[str]:
    """What does not hold of an export: in its files, or against a count of our own."""
    problems = [f"{finding.subject}: {finding.problem}" for finding in findings]
    if expected is None:
        return problems
    accounting = manifest.accounting
    kept = accounting.written + accounting.rejects
    if accounting.read != expected.read:
        problems.append(f"{accounting.read} rows were read, the count says {expected.read}")
    if kept != expected.kept:
        problems.append(f"{kept} rows were kept, the count says {expected.kept}")
    return problems


def show(outcomes: Sequence[Outcome]) -> None:
    """The table at the end, one row an export."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    table.add_column("export")
    for name in ("rows", "bytes", "independent count", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("sha256 begins")
    for outcome in outcomes:
        table.add_row(
            outcome.export.type,
            f"{outcome.manifest.rows:,}",
            f"{outcome.manifest.size:,}",
            f"[{'red' if outcome.problems else 'green'}]{outcome.counted}[/]",
            f"{outcome.export.seconds or 0:.1f}",
            " ".join(entry.sha256[:12] for entry in outcome.manifest.files[:1]),
        )
    screen().print("each file verified against its manifest, its rows counted on their own:")
    show_table(table)


def _judge(outcomes: Sequence[Outcome]) -> None:
    wrong = [f"{outcome.export.type}: {text}" for outcome in outcomes for text in outcome.problems]
    if wrong:
        raise CommandError(f"not proved: {'; '.join(wrong)}")
