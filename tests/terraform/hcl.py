"""Terraform's files as plain values: blocks with their labels, expressions as text in `${…}`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import hcl2

from tests.conventions.repository import ROOT

TERRAFORM = ROOT / "terraform"
MODULES = sorted(path.name for path in (TERRAFORM / "modules").iterdir())
ENVIRONMENTS = ("tm-nonprod", "tm-prod")

_OPTIONS = hcl2.SerializationOptions(with_comments=False, strip_string_quotes=True)


@dataclass(frozen=True, slots=True)
class Block:
    """A block such as `resource "aws_kms_key" "this"`.

    Attributes:
        folder: Where it stands, below terraform/.
        kind: `resource`, `data`, `variable`, `locals`, ...
        labels: What stands in quotes after it.
        body: Its arguments; blocks inside are lists.
    """

    folder: str
    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The first label: the type of a resource."""
        return self.labels[0]

    @property
    def name(self) -> str:
        """The last label."""
        return self.labels[-1]

    def one(self, name: str) -> Mapping[str, Any]:
        """The one block of that name inside; empty when there is none."""
        found = self.body.get(name, [{}])
        return dict(found[0]) if found else {}

    def __str__(self) -> str:
        """As a person would find it."""
        return f"{self.folder}: {' '.join((self.kind, *self.labels))}"


class Configuration:
    """Every file below terraform/.

    Args:
        texts: The text of each file by its path below terraform/.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)
        self.blocks = [
            block
            for path, text in texts.items()
            if path.endswith(".tf")
            for block in _blocks(str(PurePosixPath(path).parent), text)
        ]

    def replaced(self, path: str, old: str, new: str) -> "Configuration":
        """The same with other words in one file.

        Raises:
            ValueError: The words are not there.
        """
        if old not in self.texts[path]:
            raise ValueError(f"{path} does not say {old!r}")
        return Configuration({**self.texts, path: self.texts[path].replace(old, new)})

    def resources(self, *types: str) -> Iterator[Block]:
        """The resources of some types."""
        return (one for one in self.blocks if one.kind == "resource" and one.type in types)

    def documents(self) -> Iterator[Block]:
        """The policy documents."""
        wanted = ("data", "aws_iam_policy_document")
        return (one for one in self.blocks if (one.kind, one.labels[:1]) == (wanted[0], wanted[1:]))

    def locals(self, folder: str) -> dict[str, Any]:
        """The locals of a folder."""
        found = [one.body for one in self.blocks if (one.folder, one.kind) == (folder, "locals")]
        return {name: value for body in found for name, value in body.items()}


@cache
def configuration() -> Configuration:
    """What is committed."""
    files = sorted(
        path for path in TERRAFORM.rglob("*") if path.suffix in {".tf", ".tfvars", ".hcl"}
    )
    texts = {
        path.relative_to(TERRAFORM).as_posix(): path.read_text(encoding="utf-8")
        for path in files
        if ".terraform" not in path.parts
    }
    return Configuration(texts)


@cache
def values(text: str) -> Mapping[str, Any]:
    """A file of values, such as terraform.tfvars."""
    return dict(hcl2.loads(text, serialization_options=_OPTIONS))


@cache
def _blocks(folder: str, text: str) -> tuple[Block, ...]:
    raw = hcl2.loads(text, serialization_options=_OPTIONS)
    return tuple(
        Block(folder, kind, labels, body)
        for kind, written in raw.items()
        for one in written
        for labels, body in _labelled(one)
    )


def _labelled(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """A block's labels are keys around its body."""
    if raw.get("__is_block__"):
        yield (), {name: value for name, value in raw.items() if name != "__is_block__"}
        return
    for label, inside in raw.items():
        for labels, body in _labelled(inside):
            yield (label, *labels), body
