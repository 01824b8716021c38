"""The packs by the name typed in `seed --pack`."""

from typing import Final

from export_platform.local.seed.basis.dataset import Dataset
from export_platform.local.seed.tiny.pack import TinyPack

NAMES: Final = ("tiny",)
"""What may be asked for, smallest first."""


def pack_named(name: str, *, entries: int | None = None) -> Dataset:
    """The pack of a name; `entries` overrides the size of a sized one.

    Raises:
        ValueError: no such pack, or a size for the hand-written one.
    """
    if name == "tiny":
        if entries is not None:
            raise ValueError("the tiny pack is written by hand and has one size")
        return TinyPack()
    raise ValueError(f"no pack {name!r}; there are {', '.join(NAMES)}")
