"""What comes of it."""

from collections.abc import Sequence

from pytest_bdd import parsers, then

from assets.exports.catalog import CATALOG
from assets.steps.manifest import verify
from tests.features.steps.story import Story
from tests.features.world import stated

# --- the request ------------------------------------------------------------------------


@then("it is accepted and waits")
def _accepted(story: Story) -> None:
    assert story.answered.status == 202, story.answered.raw
    assert story.answered.body["status"] == "queued"


@then(parsers.parse('it is refused with {status:d} "{code}"'))
def _refused(story: Story, status: int, code: str) -> None:
    body = story.answered.body
    assert (story.answered.status, body.get("code")) == (status, code), body


@then(parsers.parse('it is refused because of "{business_code}"'))
def _refused_because(story: Story, business_code: str) -> None:
    body = story.answered.body
    assert (story.answered.status, body.get("code")) == (422, "not-exportable"), body
    assert body["business_code"] == business_code


@then(parsers.parse('the refusal names "{places}"'))
def _named(story: Story, places: str) -> None:
    body = story.answered.body
    named = {error["pointer"] for error in body["errors"]}
    named |= {*body.get("denied_columns", ()), *body.get("required_scopes", ())}
    assert set(places.split(", ")) <= named


@then("nothing was recorded")
def _nothing(story: Story) -> None:
    assert story.world.doors.mongo.exports.page({}, limit=1) == []


@then("it is the same export")
def _same(story: Story) -> None:
    assert story.answered.status in (200, 202), story.answered.raw
    assert story.answered.body["id"] == story.first
    assert len(story.world.doors.mongo.exports.page({}, limit=9)) == 1


@then("the answer is")
def _answer(story: Story, datatable: Sequence[Sequence[str]]) -> None:
    assert story.answered.status == 200, story.answered.raw
    wanted = stated(datatable)
    assert {name: story.answered.body[name] for name in wanted} == wanted


@then(parsers.parse('the answer names the failure "{code}"'))
def _failure(story: Story, code: str) -> None:
    assert story.answered.body["error"]["code"] == code


@then(parsers.parse('the answer names the source "{key}"'))
def _source(story: Story, key: str) -> None:
    assert key.split() in story.answered.body["sources"]


@then("the estimate is as large and as long as the export was")
def _as_before(story: Story) -> None:
    stored = story.world.document(story.first)
    took = (stored["finishedAt"] - stored["startedAt"]).total_seconds()
    told = story.answered.body
    assert (told["rows"], told["bytes"]) == (stored["result"]["rows"], stored["result"]["bytes"])
    assert told["seconds"] == round(took, 1)


@then("the estimate tells what Athena scanned")
def _scanned(story: Story) -> None:
    scanned = story.world.document(story.first)["result"]["bytesScanned"]
    assert story.answered.body["athena"]["bytes_scanned"] == scanned > 0


@then(parsers.parse('the answer lists {count:d} "{member}"'))
def _listed(story: Story, count: int, member: str) -> None:
    assert story.answered.status == 200, story.answered.raw
    assert len(story.answered.body[member]) == count


@then("the answer lists the whole catalogue")
def _catalogue(story: Story) -> None:
    listed = [one["name"] for one in story.answered.body["export_types"]]
    assert listed == list(CATALOG)


@then(parsers.parse('it is told "{events}"'))
def _told(story: Story, events: str) -> None:
    lines = story.answered.raw.decode().splitlines()
    assert [line[7:] for line in lines if line.startswith("event: ")] == events.split(", ")


@then(parsers.parse('it counts "{one}" and "{other}"'))
def _counted(story: Story, one: str, other: str) -> None:
    assert story.answered.status == 200
    assert {one, other} == {name for name in (one, other) if name in story.answered.raw.decode()}


# --- its life ---------------------------------------------------------------------------


@then(parsers.parse('its status is "{status}"'))
def _status(story: Story, status: str) -> None:
    shown = story.shown()
    assert shown["status"] == status, shown["error"]


@then(parsers.parse('it fails with "{code}"'))
def _failed(story: Story, code: str) -> None:
    shown = story.shown()
    assert (shown["status"], (shown["error"] or {}).get("code")) == ("failed", code)
    assert shown["result"] is None


@then(parsers.parse('it waits for attempt {attempt:d} because of "{code}"'))
def _waits(story: Story, attempt: int, code: str) -> None:
    shown = story.shown()
    assert (shown["status"], shown["error"]["code"]) == ("queued", code)
    assert shown["error"]["retryable"] is True
    assert shown["attempt"] + 1 == attempt


@then(parsers.parse('what can be done now is "{moves}"'))
def _links(story: Story, moves: str) -> None:
    assert sorted(story.shown()["links"]) == sorted(moves.split(", "))


@then("nothing of it is stored")
def _unstored(story: Story) -> None:
    keys = story.world.doors.objects.keys("exports/")
    assert [] == [key for key in keys if f"export={story.first}/" in key]


@then(parsers.parse('its trail tells of "{actions}"'))
def _trail(story: Story, actions: str) -> None:
    told = [entry["action"] for entry in story.world.document(story.first)["audit"]]
    assert told == actions.split(", ")


@then("it is known that somebody has downloaded it once")
def _downloads(story: Story) -> None:
    (download,) = story.world.doors.mongo.downloads.of(story.first, limit=9)
    assert (download.file, download.actor) == (
        1,
        story.world.document(story.first)["requestedBy"]["subject"],
    )


# --- its files --------------------------------------------------------------------------


@then(parsers.re(r"the file holds (?P<count>\d+) rows?"), converters={"count": int})
def _holds(story: Story, count: int) -> None:
    shown = story.shown()
    assert shown["status"] == "succeeded", shown["error"]
    assert len(story.rows()) == shown["result"]["rows"] == count


@then(parsers.parse('the file is empty because of "{reason}"'))
def _empty(story: Story, reason: str) -> None:
    assert story.rows() == []
    assert story.shown()["result"]["empty_reason"] == reason


@then("there is a file for each of")
def _split(story: Story, datatable: Sequence[Sequence[str]]) -> None:
    files = story.shown()["result"]["files"]
    assert [(file["group"], str(file["rows"])) for file in files] == list(map(tuple, datatable))


@then("the lines of the file are")
def _lines(story: Story, datatable: Sequence[Sequence[str]]) -> None:
    lines = b"".join(story.bodies_of()).decode().split("\r\n")
    assert lines == [*(row[0] for row in datatable), ""]


@then(parsers.parse('the "{section}" file holds {count:d} rows'))
def _companion(story: Story, section: str, count: int) -> None:
    assert len(story.rows(section)) == count


@then(parsers.parse('"{column}" runs through "{values}"'))
def _values(story: Story, column: str, values: str) -> None:
    assert [row[column] for row in story.rows()] == values.split(", ")


@then(parsers.parse('"{value}" is among "{column}"'))
def _there(story: Story, value: str, column: str) -> None:
    assert value in [row[column] for row in story.rows()]


@then(parsers.parse('"{value}" is not among "{column}"'))
def _not_there(story: Story, value: str, column: str) -> None:
    rows = story.rows()
    assert rows, "a file without rows has nobody in it anyway"
    assert value not in [row[column] for row in rows]


@then(parsers.parse('the row with the "{column}" "{value}" says'))
def _row(story: Story, column: str, value: str, datatable: Sequence[Sequence[str]]) -> None:
    (found,) = [row for row in story.rows() if row[column] == value]
    wanted = {row[0]: row[1] for row in datatable}
    assert {name: found[name] for name in wanted} == wanted


@then(parsers.parse('there is a column "{name}"'))
def _column(story: Story, name: str) -> None:
    assert name in [column.name for column in story.manifest().columns]


@then(parsers.parse('there is no column "{name}"'))
def _no_column(story: Story, name: str) -> None:
    assert name not in [column.name for column in story.manifest().columns]


@then(parsers.parse('the columns withheld are "{names}"'))
def _withheld(story: Story, names: str) -> None:
    assert story.shown()["columns_withheld"] == names.split(", ")


@then("the rows left out are")
def _left_out(story: Story, datatable: Sequence[Sequence[str]]) -> None:
    assert dict(story.manifest().accounting.filtered) == stated(datatable)


@then(parsers.re(r'the manifest counts (?P<count>\d+) rows? as "(?P<reason>.+)"'))
def _left_out_as(story: Story, count: str, reason: str) -> None:
    assert story.manifest().accounting.filtered.get(reason) == int(count)


@then("it was noted that")
def _noted(story: Story, datatable: Sequence[Sequence[str]]) -> None:
    notes, wanted = story.manifest().accounting.notes, stated(datatable)
    assert {name: notes.get(name) for name in wanted} == wanted


@then("the manifest states")
def _stated(story: Story, datatable: Sequence[Sequence[str]]) -> None:
    assert dict(story.manifest().stated) == {row[0]: row[1] for row in datatable}


@then("the manifest proves its files")
def _proved(story: Story) -> None:
    objects = story.world.doors.objects
    assert verify(story.manifest(), lambda entry: objects.read(entry.key)) == []


@then("nobody can download it")
def _closed(story: Story) -> None:
    answer = story.world.call("GET", f"{story.path}/files/1", token=story.token)
    assert (answer.status, answer.body["code"]) == (403, "not-downloadable")


# --- where it went ----------------------------------------------------------------------


@then(parsers.parse('{count:d} rows were delivered to "{target}"'))
def _delivered(story: Story, count: int, target: str) -> None:
    shown = story.shown()
    assert shown["status"] == "succeeded", shown["error"]
    (found,) = [one for one in shown["result"]["deliveries"] if one["target"] == target]
    sums = (found["sent"], found["accepted"], found["rejected"], found["state"])
    assert sums == (count, count, 0, "delivered")


@then(parsers.parse('every row was delivered to "{target}"'))
def _all_delivered(story: Story, target: str) -> None:
    rows = story.shown()["result"]["rows"]
    assert rows > 0
    _delivered(story, rows, target)


@then(parsers.parse("{count:d} rejected row is listed beside it"))
def _rejects_listed(story: Story, count: int) -> None:
    document = story.world.doors.mongo.exports.find(story.path.rsplit("/", 1)[-1]) or {}
    (told,) = document["deliveries"].values()
    assert sum(file["rows"] for file in told["rejects"]) == count
    assert all(story.world.doors.objects.head(file["key"]) for file in told["rejects"])


@then(parsers.parse('it was delivered to "{destination}" with {count:d} rows'))
def _brought(story: Story, destination: str, count: int) -> None:
    (found,) = story.shown()["result"]["deliveries"]
    sums = (found["destination"], found["sent"], found["accepted"], found["state"])
    assert sums == (destination, count, count, "delivered")
