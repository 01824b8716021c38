"""What every export for Salesforce Marketing Cloud has in common (DOMAIN.md 7.4, 7.7, 8)."""

from collections.abc import Mapping
from typing import Any, Final

from assets.exports.shared.entry_options import Rule
from assets.exports.shared.entry_values import account_id
from assets.model.campaign import Facts
from assets.model.column import Getter, Unfit
from assets.model.delivery import Delivery, Destination
from assets.model.failure import ExportFailed
from assets.model.meaning import of_user, same

# Rows for a machine: values exactly as they are, and nothing withheld or masked by a mode.
_FORM: Final[Mapping[str, str]] = {"dialect": "sfmc", "format": "csv", "pii": "full"}


def as_table(_: Mapping[str, Any]) -> Mapping[str, str]:
    """The form that the rows of a data extension must have."""
    return _FORM


def data_extension(facts: Facts) -> str:
    """The external key of the data extension that the campaign has for this export.

    Raises:
        ExportFailed: `SFMC_DE_NOT_MAPPED`: the campaign names none.
    """
    key = facts.campaign.data_extensions.get(facts.request.type)
    if not key:
        message = (
            f"the campaign maps no data extension to {facts.request.type}: "
            "add one to sfmc.dataExtensions, or ask with an empty deliver"
        )
        raise ExportFailed("SFMC_DE_NOT_MAPPED", message)
    return key


# Whoever is erased between reading and sending must not be sent (DOMAIN.md 9, two checks).
TO_SFMC: Final = Delivery(
    destination=Destination.SFMC, target=data_extension, rechecks_erasure=True
)


subscriber_key: Final = of_user(lambda row: without_hyphens(account_id(row)))
"""The account id without hyphens, the same key in e-mail and mobile; None for guests.

Never the address: an address changes, and it would stand in every log of the receiver.
"""
NO_ACCOUNT: Final[Rule] = (
    "no_account",
    of_user(lambda row: without_hyphens(account_id(row)) is not None),
)


def without_hyphens(account: object) -> str | None:
    """An account id as Salesforce holds it.

    Raises:
        Unfit: It is no text.
    """
    if account is None:
        return None
    if not isinstance(account, str):
        raise Unfit("account_id:wrong_type")
    return account.replace("-", "").lower() or None


def of_campaign(attribute: str) -> Getter:
    """An attribute of the campaign, the same in every row."""
    return same(lambda row: getattr(row.facts.campaign, attribute))
