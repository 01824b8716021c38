"""`verify`: prove a downloaded export from its files and its manifest alone."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.terminal import CommandError, complain, screen

if TYPE_CHECKING:
    from assets.model.manifest import FileEntry, Manifest
    from assets.steps.manifest import Finding

_CHUNK_BYTES = 1024 * 1024


def verify(
    path: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The manifest or its folder.")],
    sha256: Annotated[
        str | None, typer.Option(help="What the manifest's own SHA-256 must be (from `status`).")
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="JWKS",
            help="Keys that the signature must be of; else those kept at the download.",
        ),
    ] = None,
) -> None:
    """Recompute every claim of a manifest and check its signature; exit code 1 if one fails.

    No server is asked: only the manifest and what lies beside it is read.
    """
    body = _body(path)
    digest = hashlib.sha256(body).hexdigest()
    if sha256 is not None and sha256.lower() != digest:
        raise CommandError(f"the manifest's SHA-256 is {digest}: it is not the one you expect")
    signed = _signed(path, body, keys)
    manifest, findings = proved(path)
    for finding in findings:
        complain(f"{finding.subject}: {finding.problem}")
    if findings:
        raise typer.Exit(1)
    files = f"{len(manifest.files)} file" + ("s" if len(manifest.files) != 1 else "")
    screen().print(f"proved: {files}, {manifest.rows:,} rows, {manifest.size:,} bytes")
    screen().print(f"manifest sha256 {digest}")
    screen().print(signed)


def _signed(path: Path, body: bytes, keys: Path | None) -> str:
    """Who signed the manifest, in a sentence; whoever names keys wants a signature."""
    from export_platform.commands.signature import KEYS_NAME, kept, signer  # noqa: PLC0415 - 0.1 s

    folder = manifest_file(path).parent
    signature = kept(folder)
    if signature is None and keys is None:
        return "not signed: no signature lies beside it"
    if signature is None:
        raise CommandError("no signature lies beside the manifest; download it again")
    kid = signer(body, signature, keys or folder / KEYS_NAME)
    whose = "of the keys you gave" if keys else "of the keys that came with it; --keys takes yours"
    return f"signed by {kid} {whose}"


def proved(path: Path) -> "tuple[Manifest, list[Finding]]":
    """The manifest at a path, and every claim of it that does not hold.

    Raises:
        CommandError: There is no manifest, or it is not one.
    """
    from assets.steps.manifest import verify as recompute  # noqa: PLC0415 - 0.1 s
    from export_platform.commands.fetching import read_manifest  # noqa: PLC0415

    manifest = read_manifest(_body(path))
    folder = manifest_file(path).parent
    try:
        return manifest, recompute(manifest, lambda entry: stored_bytes(folder, entry))
    except (KeyError, TypeError, ValueError):
        raise CommandError("the manifest's request is not one that can be read") from None


def _body(path: Path) -> bytes:
    try:
        return manifest_file(path).read_bytes()
    except OSError:
        raise CommandError("no manifest there; give the _manifest.json or its folder") from None


def manifest_file(path: Path) -> Path:
    """The manifest, where a person named it or its folder."""
    from assets.model.manifest import MANIFEST_NAME  # noqa: PLC0415

    return path / MANIFEST_NAME if path.is_dir() else path


def stored_bytes(folder: Path, entry: "FileEntry") -> Iterator[bytes]:
    """The stored bytes of a file beside its manifest; what cannot be opened counts as missing."""
    path = folder / entry.name
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
