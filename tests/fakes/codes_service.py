"""The codes service in memory."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from resources.codes_service import BatchOfCodes, CodeConfig, CodePage, CodeSearch, CodesService
from resources.errors import Refused
from tests.fakes.asked import Asked


class FakeCodesService(CodesService):
    """Codes of any number of campaigns.

    Attributes:
        asked: What it was asked.
        codes: Campaign id to its codes, as the service shows them with their values; one that is
            ``{"codeId", "malformed"}`` is handed out as it is.
        may_reveal: Whether the token has the scope for values.
        page_size: Codes of one page.
    """

    def __init__(
        self,
        codes: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
        *,
        page_size: int = 2,
        may_reveal: bool = True,
    ) -> None:
        """Start with these codes."""
        super().__init__(base_url="http://127.0.0.1:1", token="fake")
        self.asked = Asked()
        self.codes = {
            campaign: [dict(item) for item in items] for campaign, items in (codes or {}).items()
        }
        self.page_size = page_size
        self.may_reveal = may_reveal

    def search(self, search: CodeSearch) -> Iterator[CodePage]:
        """Give the codes that match; one that is there twice is given once and counted."""
        self.asked.note("search", search)
        self._check(reveal=search.reveal)
        seen: set[str] = set()
        found = iter([_shown(item, reveal=search.reveal) for item in self._found(search)])
        while True:
            batch = list(islice(found, self.page_size))
            items = []
            for item in batch:
                if item["codeId"] not in seen:
                    items.append(item)
                seen.add(item["codeId"])
            yield CodePage(items=tuple(items), duplicates=len(batch) - len(items))
            if len(batch) < self.page_size:
                return

    def count(self, search: CodeSearch) -> int:
        """Return how many codes match."""
        self.asked.note("count", search)
        return len({item["codeId"] for item in self._found(search)})

    def configs(self, campaign_id: str) -> list[CodeConfig]:
        """Return the pools that the codes are in."""
        self.asked.note("configs", campaign_id)
        items = self.codes.get(campaign_id, [])
        return [
            CodeConfig(
                key=key,
                code_type="unique",
                pool_size=sum(item["configKey"] == key for item in items),
                assigned=sum(i["configKey"] == key and i["state"] != "available" for i in items),
                available=sum(i["configKey"] == key and i["state"] == "available" for i in items),
            )
            for key in sorted({item["configKey"] for item in items})
        ]

    def batch_get(self, code_ids: Iterable[str], *, reveal: bool = False) -> BatchOfCodes:
        """Return codes by their ids."""
        wanted = list(dict.fromkeys(code_ids))
        self.asked.note("batch_get", tuple(wanted), reveal)
        self._check(reveal=reveal)
        known = {item["codeId"]: item for items in self.codes.values() for item in items}
        return BatchOfCodes(
            items=tuple(_shown(known[one], reveal=reveal) for one in wanted if one in known),
            missing=tuple(one for one in wanted if one not in known),
        )

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")

    def _check(self, *, reveal: bool) -> None:
        if reveal and not self.may_reveal:
            raise Refused("CODES_FORBIDDEN", "search the codes of a campaign")

    def _found(self, search: CodeSearch) -> list[Mapping[str, Any]]:
        items = self.codes.get(search.campaign_id, [])
        return [item for item in items if "malformed" in item or _matches(item, search)]


def _matches(item: Mapping[str, Any], search: CodeSearch) -> bool:
    return (
        item["state"] in (search.states or {item["state"]})
        and item["marketKey"] in (search.market_keys or {item["marketKey"]})
        and search.wave in {None, item["wave"]}
        and _is_later(item["assignedAt"], search.assigned_after)
    )


def _is_later(assigned: str | None, after: datetime | None) -> bool:
    return after is None or (assigned is not None and datetime.fromisoformat(assigned) > after)


def _shown(item: Mapping[str, Any], *, reveal: bool) -> Mapping[str, Any]:
    return {name: value for name, value in item.items() if reveal or name != "value"}
