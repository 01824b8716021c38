"""Where the files of an export go beside the exports bucket, declared once a kind of export."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from assets.model.campaign import Facts

# The section of the companion file with the rows that a receiver did not take.
REJECTS: Final = "rejects"


class Destination(StrEnum):
    """Where files can go; the first of an export is also the group of its asset.

    `s3` is the exports bucket, where every file lies anyway; the others are deliveries.
    """

    S3 = "s3"
    PROMOTER = "promoter"
    SFMC = "sfmc"
    SCORING = "scoring"
    VF_SCORING = "vf_scoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One way out of the platform that an export has (DOMAIN.md 7, "Dest").

    Attributes:
        destination: Which.
        target: Where exactly: the external key of a data extension, a promoter's prefix, a
            scoring prefix. Raises `ExportFailed` where the campaign has none; asked before the
            first row, and when somebody asks for the export.
        by_default: Done unless the request names other deliveries; a function where that depends
            on the options of the request.
        rechecks_erasure: Entries erased since the snapshot are looked for right before delivery;
            one that is in the files fails the attempt, and the next one leaves it out.
    """

    destination: Destination
    target: Callable[[Facts], str]
    by_default: bool | Callable[[Mapping[str, Any]], bool] = True
    rechecks_erasure: bool = False

    def usual(self, options: Mapping[str, Any]) -> bool:
        """Whether a request with these options is delivered so without saying so."""
        return self.by_default(options) if callable(self.by_default) else self.by_default
