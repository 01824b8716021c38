"""What a pack came to: the exports, what arrived where, and the pack that all of it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.export_platform.seed.made import Made
from tests.invariants.exports import Export, Row


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A delivery to the data extensions of Marketing Cloud.

    Attributes:
        like: The export that holds the same rows.
        rows: How many rows were sent, by the ledger of the delivery.
        accepted: How many of them were taken.
        rejected: How many were not.
        deleted: Rows of erased contacts, which the receiver was told to delete.
        before: The receiver's rows after that.
        after: Its rows after the same export was sent again.
    """

    like: Export
    rows: int
    accepted: int
    rejected: int
    deleted: int
    before: Sequence[Row]
    after: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Erased:
    """A delivery right before which a fan of the files was erased.

    Attributes:
        marks: By what the fan could be known: address, its digest, telephone, account.
        before: What was made for the fan and everybody else a moment earlier.
        arrived: All that is with the receiver afterwards.
    """

    marks: Sequence[bytes]
    before: Sequence[bytes]
    arrived: Sequence[bytes]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a pack came to.

    Attributes:
        name: The pack.
        campaign: The key of its campaign.
        made: The pack itself, generated once more: the ground that files are compared with.
        counted: How many entries the entries service says there were at the snapshot.
        exports: Every export by its name: the kind, or `kind/what is special about it`.
        again: The export of each kind, made once more in other chunks and beside the others.
        sent: Deliveries by kind.
        erased: Deliveries by kind, during which a fan was erased.
        upcast: Exports of old documents, and the same of new ones that say the same, by kind.
    """

    name: str
    campaign: str
    made: Made
    counted: int
    exports: Mapping[str, Export]
    again: Mapping[str, Export]
    sent: Mapping[str, Sent]
    erased: Mapping[str, Erased]
    upcast: Mapping[str, tuple[Export, Export]]

    def __getitem__(self, name: str) -> Export:
        """The export of a name."""
        return self.exports[name]

    def given(self, name: str, export: Export) -> "Told":
        """The same with another export in the place of one: for a doctored one."""
        return replace(self, exports={**self.exports, name: export})
