"""What an export of a seeded campaign must hold, counted with plain queries of our own.

None of it is the platform's: no plan, no keyset page, no template. A kind of export that is not
here is proved by its manifest alone, and the demo says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.exports.code_redemptions import CODE_REDEMPTIONS
from assets.exports.entries import ENTRIES
from assets.exports.waitlist import WAITLIST
from export_platform.commands.hints import program
from export_platform.commands.terminal import CommandError
from resources.clock import Clock
from resources.wiring import environment as names

if TYPE_CHECKING:
    from pymongo.database import Database

_QUERY_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a correct export says: rows read, and rows that are written or rejected."""

    read: int
    kept: int


class Counter:
    """Counts a campaign in MongoDB and Athena.

    Args:
        environment: The variables that point at them.
        clock: For the pauses while Athena works.
    """

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        self._environment = environment
        self._clock = clock

    def expected(self, export_type: str, campaign: str) -> Expected | None:
        """What the export with its default options must hold; None for a kind without a query."""
        count = _COUNTS.get(export_type)
        return None if count is None else count(self, campaign)

    def entries(self, campaign: str) -> Expected:
        """Every entry, less those that are gone, doubled or of staff (DOMAIN.md 7.0, 7.1)."""
        from pymongo import MongoClient  # noqa: PLC0415 - 0.2 s

        with MongoClient[dict[str, Any]](self._environment[names.MONGODB_URI]) as client:
            database = client[self._environment[names.MONGODB_DATABASE]]
            mine = {"campaignId": _campaign(database, campaign)}
            kept = {**mine, **_present(database)}
            return Expected(
                read=database["entries"].count_documents(mine),
                kept=database["entries"].count_documents(kept),
            )

    def waiting(self, campaign: str) -> Expected:
        """Entries on a list, less those gone, turned down or promoted since (DOMAIN.md 7.3)."""
        from pymongo import MongoClient  # noqa: PLC0415

        with MongoClient[dict[str, Any]](self._environment[names.MONGODB_URI]) as client:
            database = client[self._environment[names.MONGODB_DATABASE]]
            mine = {
                "campaignId": _campaign(database, campaign),
                "$or": [
                    {"waitlist.marketId": {"$exists": True}},
                    {"waitlist.position": {"$type": "number"}},
                    # How the forms of 2017 to 2022 called it (DOMAIN.md 2.9).
                    {"status": {"$regex": "^(waitlisted|waitlist|standby)$"}},
                ],
            }
            gone = ["rejected", "denied", "promoted", "code_sent", "redeemed", "lapsed"]
            chosen = ["selected", "winner", "confirmed"]
            still = {
                "waitlist.promotedAt": None,
                "$and": [{"status": {"$nin": [*gone, *chosen]}}],
            }
            return Expected(
                read=database["entries"].count_documents(mine),
                kept=database["entries"].count_documents({**mine, **_present(database), **still}),
            )

    def codes(self, campaign: str) -> Expected:
        """Every code that was assigned or used, each once (DOMAIN.md 7.8)."""
        from pymongo import MongoClient  # noqa: PLC0415

        with MongoClient[dict[str, Any]](self._environment[names.MONGODB_URI]) as client:
            database = client[self._environment[names.MONGODB_DATABASE]]
            campaign_id = str(_campaign(database, campaign))
        found = self._athena_number(
            "SELECT count(DISTINCT code_id) FROM ("  # noqa: S608 - an ObjectId of our own
            f" SELECT code_id FROM codes_assigned WHERE campaign_id = '{campaign_id}'"
            " UNION ALL"
            f" SELECT code_id FROM code_redemptions WHERE campaign_id = '{campaign_id}')"
        )
        return Expected(read=found, kept=found)

    def _athena_number(self, sql: str) -> int:
        """The one value of a query, by Athena's own API."""
        import boto3  # noqa: PLC0415 - 0.4 s

        client = boto3.client(
            "athena",
            endpoint_url=self._environment.get(names.AWS_ENDPOINT_URL_ATHENA),
            region_name=self._environment[names.AWS_REGION],
            aws_access_key_id=self._environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._environment["AWS_SECRET_ACCESS_KEY"],
        )
        execution = client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self._environment[names.ATHENA_DATABASE]},
            ResultConfiguration={"OutputLocation": self._environment[names.ATHENA_STAGING]},
        )["QueryExecutionId"]
        until = self._clock.monotonic() + _QUERY_SECONDS
        while (state := _state(client, execution)) in {"QUEUED", "RUNNING"}:
            if self._clock.monotonic() > until:
                raise CommandError("the counting query takes too long; read the log of athena")
            self._clock.sleep(_LOOK_EVERY_SECONDS)
        if state != "SUCCEEDED":
            raise CommandError("the counting query failed; read the log of athena")
        rows = client.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
        return int(rows[1]["Data"][0]["VarCharValue"])


_COUNTS: Mapping[str, Callable[[Counter, str], Expected]] = {
    ENTRIES.name: Counter.entries,
    WAITLIST.name: Counter.waiting,
    CODE_REDEMPTIONS.name: Counter.codes,
}


def _state(client: Any, execution: str) -> str:
    found = client.get_query_execution(QueryExecutionId=execution)
    return str(found["QueryExecution"]["Status"]["State"])


def _campaign(database: "Database[dict[str, Any]]", key: str) -> object:
    found = database["campaigns"].find_one({"key": key}, {"_id": 1})
    if found is None:
        raise CommandError(f"the campaign is not there; run `{program()} seed`")
    return found["_id"]


def _present(database: "Database[dict[str, Any]]") -> dict[str, object]:
    """Neither deleted, erased, superseded, withdrawn nor doubled, and of no colleague."""
    users = database["users"]
    left_out = users.distinct(
        "_id",
        {
            "$or": [
                {"erasure": {"$ne": None}},
                {"flags": {"$in": ["employee", "press", "vip_test"]}},
            ]
        },
    )
    return {
        "deletedAt": None,
        "erasure": None,
        "withdrawnAt": None,
        "isCurrent": {"$ne": False},
        "status": {"$nin": ["erased", "withdrawn", "duplicate"]},
        # Entries of 2019 to 2022 hold the id as text (DOMAIN.md 2.9).
        "userId": {"$nin": [*left_out, *map(str, left_out)]},
    }
