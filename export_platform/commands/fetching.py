"""Download an export: its manifest and its files, each hashed while it arrives."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from assets.model.manifest import MANIFEST_NAME, FileEntry, Manifest
from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.signature import keep
from export_platform.commands.terminal import CommandError, notes

# Our own keys end like this; anything else would be a name that somebody chose for our disk.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def fetch(client: BridgeClient, export: Export, directory: Path) -> Manifest:
    """Write manifest and files of a succeeded export into a folder.

    A file appears under its name only when it is complete and its SHA-256 is right.

    Raises:
        CommandError: Something arrived that is not what the manifest names.
    """
    body, signature = client.manifest(export.id)
    if hashlib.sha256(body).hexdigest() != export.manifest_sha256:
        raise CommandError("the manifest is not the one of this export; run the download again")
    manifest = read_manifest(body)
    directory.mkdir(parents=True, exist_ok=True)
    for number, entry in enumerate(manifest.files, start=1):
        _fetch_file(client, export.id, number, entry, directory)
    (directory / MANIFEST_NAME).write_bytes(body)
    if signature is not None:
        keep(directory, signature, client.signing_keys())
    return manifest


def read_manifest(body: bytes) -> Manifest:
    """Parse a manifest.

    Raises:
        CommandError: It is not one.
    """
    try:
        return Manifest.from_document(json.loads(body))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise CommandError("this is not a manifest; give the _manifest.json of an export") from None


def _fetch_file(
    client: BridgeClient, export_id: str, number: int, entry: FileEntry, directory: Path
) -> None:
    from rich.progress import DownloadColumn, Progress, TextColumn  # noqa: PLC0415 - 0.1 s

    if not _NAME.fullmatch(entry.name):
        raise CommandError("the manifest names a file that cannot be written here")
    partial = directory / f"{entry.name}.partial"
    columns, console = (TextColumn("{task.description}"), DownloadColumn()), notes()
    try:
        with (
            client.file(export_id, number) as chunks,
            partial.open("wb") as file,
            Progress(
                *columns, console=console, transient=True, disable=not console.is_terminal
            ) as bar,
        ):
            task = bar.add_task(entry.name, total=entry.bytes)
            for chunk in _checked(chunks, entry):
                file.write(chunk)
                bar.advance(task, len(chunk))
        partial.replace(directory / entry.name)
    finally:
        partial.unlink(missing_ok=True)


def _checked(chunks: Iterator[bytes], entry: FileEntry) -> Iterator[bytes]:
    """The same bytes; raises where they are not those that were written."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if size > entry.bytes:
            break
        yield chunk
    if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
        raise CommandError(
            f"{entry.name} did not arrive as it was written ({size:,} of {entry.bytes:,} bytes,"
            " or another SHA-256); run the download again"
        )
