"""The vault: only what was committed is there after the process has ended."""

from dataclasses import replace
from pathlib import Path

from export_platform.local.s3.vault import Description, Vault


def stored(vault: Vault, key: str, body: bytes) -> Description:
    """Commits an object."""
    path = vault.new_body()
    path.write_bytes(body)
    description = Description(
        bucket="exports",
        key=key,
        body=path.name,
        size=len(body),
        etag="e",
        last_modified="2026-03-01T00:00:00+00:00",
        storage_class="STANDARD",
    )
    vault.keep(description)
    return description


def test_a_body_without_a_description_is_removed(tmp_path: Path) -> None:
    """The process was killed between the body and its commit: the object never existed."""
    vault = Vault(tmp_path)
    kept = stored(vault, "a", b"a")
    orphan = vault.new_body()
    orphan.write_bytes(b"half")

    assert Vault(tmp_path).load() == [kept]
    assert not orphan.exists()


def test_an_overwritten_object_has_one_body(tmp_path: Path) -> None:
    """The disk must not fill with bodies nobody can reach."""
    vault = Vault(tmp_path)
    stored(vault, "a", b"old")
    new = stored(vault, "a", b"new")

    assert vault.load() == [new]
    assert [path.read_bytes() for path in (tmp_path / "bodies").iterdir()] == [b"new"]


def test_keys_that_differ_only_in_case_or_slashes_are_different(tmp_path: Path) -> None:
    """Keys are not paths: `a/../b` is a key of its own and leaves the folder alone."""
    vault = Vault(tmp_path)
    keys = ["a/b", "A/b", "a//b", "a/../b", "../../etc/passwd", "a\n"]

    for key in keys:
        stored(vault, key, key.encode())

    assert {d.key: vault.body(d).read_bytes().decode() for d in vault.load()} == dict(
        zip(keys, keys, strict=True)
    )


def test_a_dropped_object_is_gone(tmp_path: Path) -> None:
    """Retention deletes for good, and deleting twice is no error."""
    vault = Vault(tmp_path)
    description = replace(stored(vault, "a", b"a"))

    vault.drop("exports", "a")
    vault.drop("exports", "a")

    assert vault.load() == []
    assert not vault.body(description).exists()
