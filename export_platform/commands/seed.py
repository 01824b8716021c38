"""`seed`: campaigns with known contents for the embedded servers."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.hints import program
from export_platform.commands.terminal import CommandError, deployment, home, screen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from export_platform.local.seed.basis.dataset import Dataset
    from export_platform.local.seed.basis.ledger import Ledger

Pack = Annotated[str, typer.Option("--pack", help="Which pack; an unknown one lists them all.")]


def seed(
    pack: Pack = "tiny",
    entries: Annotated[int | None, typer.Option(min=0, help="Size of a sized pack.")] = None,
) -> None:
    """Write a pack into the running servers; doing it again replaces that pack."""
    dataset = named(pack, entries)
    environment = deployment().stack.up()
    ledger = load(dataset, environment)
    console = screen()
    for key in dataset.campaigns:
        console.print(f"campaign {key}")
    console.print(f"{len(ledger.names())} kinds of plants: {plants(dataset.name)}")


def named(pack: str, entries: int | None = None) -> "Dataset":
    """The pack of a name.

    Raises:
        CommandError: There is none, or it has a size of its own.
    """
    from export_platform.local.seed.catalog import pack_named  # noqa: PLC0415 - 0.5 s

    try:
        return pack_named(pack, entries=entries)
    except ValueError as wrong:
        raise CommandError(str(wrong)) from None


def ensure(dataset: "Dataset", environment: "Mapping[str, str]") -> bool:
    """Write a pack unless it is there completely; whether it was written."""
    if plants(dataset.name).exists() and _is_stored(dataset, environment):
        return False
    load(dataset, environment)
    return True


def load(dataset: "Dataset", environment: "Mapping[str, str]") -> "Ledger":
    """Write a pack, with a progress bar."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - 0.4 s
    from pymongo.errors import PyMongoError  # noqa: PLC0415
    from requests import RequestException  # noqa: PLC0415

    # The ledger is written last, so that it also says that the pack is complete.
    plants(dataset.name).unlink(missing_ok=True)
    os.environ.update(credentials(environment))
    try:
        return _load(dataset, environment)
    except (BotoCoreError, ClientError, PyMongoError, RequestException) as error:
        raise CommandError(
            f"the servers did not take the pack ({type(error).__name__});"
            f" see `{program()} stack status`"
        ) from None


def plants(pack: str) -> Path:
    """Where the ledger of a pack is."""
    return home() / "seed" / pack / "plants.json"


def credentials(environment: "Mapping[str, str]") -> dict[str, str]:
    """The variables in which boto3 looks for them, without the endpoints."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("AWS_") and "ENDPOINT" not in name
    }


def _load(dataset: "Dataset", environment: "Mapping[str, str]") -> "Ledger":
    from rich.progress import Progress  # noqa: PLC0415

    from export_platform.commands.terminal import notes  # noqa: PLC0415
    from export_platform.local.seed.loader import lake_client, load  # noqa: PLC0415
    from export_platform.local.services.extensions import put_data_extensions  # noqa: PLC0415
    from resources.wiring import environment as names  # noqa: PLC0415

    put_data_extensions(environment[names.SFMC_REST_URL])
    console = notes()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"seed {dataset.name}", total=None)
        return load(
            dataset,
            mongo_uri=environment[names.MONGODB_URI],
            database=environment[names.MONGODB_DATABASE],
            s3=lake_client(environment[names.AWS_ENDPOINT_URL_S3]),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            plants_directory=home() / "seed",
            codes_url=environment[names.CODES_SERVICE_URL],
            codes_token=environment[names.CODES_SERVICE_TOKEN],
        )


def _is_stored(dataset: "Dataset", environment: "Mapping[str, str]") -> bool:
    from resources.wiring.environment import mongo_stores  # noqa: PLC0415

    stores = mongo_stores(environment)
    try:
        return all(stores.campaigns.by_key(key) is not None for key in dataset.campaigns)
    finally:
        stores.close()
