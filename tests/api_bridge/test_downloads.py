"""Reaching the result: links signed at the click, scopes asked at the click, each call recorded."""

import re

import pytest

from api_bridge.routes.downloads import MAX_MANIFEST_BYTES
from resources.errors import Unavailable
from tests.api_bridge.bench import MANIFEST, Answer, Bench
from tests.fakes.object_store import Kept

FULL = {"pii": "full", "reason": "audit"}


def file(bench: Bench, export_id: str, number: str = "1", **claims: object) -> Answer:
    """Click on a file."""
    path = f"/v1/exports/{export_id}/files/{number}"
    headers = [("User-Agent", "browser\t1")]
    return bench.call("GET", path, token=bench.token(**claims), headers=headers)


def manifest_key(bench: Bench, export_id: str) -> str:
    """Where the manifest lies."""
    return str(bench.document(export_id)["result"]["manifestKey"])


def test_a_click_is_redirected_to_a_link_signed_now(bench: Bench) -> None:
    """A link in a mail or a log is a key to the data; one that lives minutes is less of one."""
    export_id = bench.finish(bench.create())

    answer = file(bench, export_id)

    (call,) = bench.objects.asked.named("sign")
    key, seconds, filename = call.arguments
    assert answer.status == 303
    assert answer.headers["Location"].startswith(f"https://objects.invalid/{key}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert key == bench.document(export_id)["result"]["files"][0]["key"]
    assert seconds == 600
    assert re.fullmatch(r"[A-Za-z0-9._-]+", str(filename))
    assert answer.raw == b""


def test_a_page_is_told_the_link_in_the_body(bench: Bench) -> None:
    """A script of a page cannot read where a redirect leads; the click is recorded all the same."""
    export_id = bench.finish(bench.create())
    accept = [("Accept", "application/json")]

    answer = bench.call("GET", f"/v1/exports/{export_id}/files/1", headers=accept)

    assert answer.status == 200
    assert answer.body["url"].startswith("https://objects.invalid/")
    assert answer.body["expires_in"] == 600
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")
    assert len(bench.stores.downloads.of(export_id, limit=9)) == 1


def test_every_click_is_recorded_once(bench: Bench) -> None:
    """Who has the data is known from here or not at all (API.md 7); the export is as it was."""
    export_id = bench.finish(bench.create())
    before = bench.document(export_id)
    for _ in range(3):
        file(bench, export_id)

    found = bench.stores.downloads.of(export_id, limit=9)

    assert len(found) == 3
    assert (found[0].actor, found[0].file, found[0].ip) == ("svc:promoter-tools", 1, "127.0.0.1")
    assert found[0].user_agent == "browser?1"
    assert "objects.invalid" not in repr(found)
    assert bench.document(export_id) == before


def test_no_link_is_given_that_could_not_be_recorded(bench: Bench) -> None:
    """A download that nobody knows of is worse than none."""
    export_id = bench.finish(bench.create())
    bench.stores.downloads.asked.fail_next(Unavailable("MONGO_TIMEOUT", "write"), name="add")

    answer = file(bench, export_id)

    assert answer.status == 503
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("params", "scope", "needs", "columns"),
    [
        ({}, "", ["pii:masked", "scores:read"], ["account_id", "city", "email", "risk"]),
        ({}, "pii:masked", ["scores:read"], ["risk"]),
        (FULL, "pii:masked scores:read", ["answers:sensitive", "pii:full"], ["email", "answer"]),
        ({"pii": "hashed"}, "", ["pii:masked"], ["account_id", "email"]),
    ],
)
def test_scopes_are_asked_again_at_the_click(
    bench: Bench, params: dict[str, str], scope: str, needs: list[str], columns: list[str]
) -> None:
    """Taking a scope away must work on the files that are there already (API.md 7)."""
    export_id = bench.finish(bench.create(**params))

    answer = file(bench, export_id, scope=f"exports:download {scope}")

    assert answer.status == 403
    assert set(needs) <= set(answer.body["required_scopes"])
    assert sorted(answer.body["denied_columns"]) == sorted(columns)
    assert bench.objects.asked.named("sign") == []


@pytest.mark.parametrize(
    ("params", "scope"),
    [
        ({"pii": "none"}, ""),
        ({"pii": "hashed"}, "pii:masked"),
        ({}, "pii:masked scores:read"),
        ({"columns": ["guest_id", "tier"]}, ""),
        ({"columns": ["guest_id", "city"]}, "pii:masked"),
    ],
)
def test_what_the_file_does_not_show_needs_no_scope(
    bench: Bench, params: dict[str, object], scope: str
) -> None:
    """The control of the test above: scopes are asked for what is in the file, not for more."""
    export_id = bench.finish(bench.create(**params))

    assert file(bench, export_id, scope=f"exports:download {scope}").status == 303


@pytest.mark.parametrize("number", ["2", "0", "-1", "01", "1.0", "x", "1e0", "%D9%A1", "9" * 20])
def test_a_file_that_is_not_there_is_a_404(bench: Bench, number: str) -> None:
    """A number is looked up in the document; it never becomes part of a key (S11)."""
    export_id = bench.finish(bench.create())

    answer = file(bench, export_id, number)
    assert (answer.status, answer.body["code"]) == (404, "unknown-file")
    assert "files 1 to 1" in answer.body["detail"]
    assert answer.pointers == ["/path/number"]
    assert bench.objects.asked.named("sign") == []


@pytest.mark.parametrize("path", ["files/1", "manifest"])
@pytest.mark.parametrize(
    ("state", "shown"),
    [("create", "queued"), ("dispatch", "queued"), ("start", "running"), ("fail", "failed")],
)
def test_before_success_there_is_nothing_to_fetch(
    bench: Bench, path: str, state: str, shown: str
) -> None:
    """Every path to a file starts at a document that says succeeded (DESIGN.md 3, rule 5)."""
    export_id = bench.create()
    if state == "dispatch":
        bench.life.dispatch(export_id)
    elif state != "create":
        getattr(bench, state)(export_id)

    answer = bench.call("GET", f"/v1/exports/{export_id}/{path}")

    assert (answer.status, answer.body["code"]) == (409, "not-ready")
    assert answer.body["export_status"] == shown


@pytest.mark.parametrize("path", ["files/1", "manifest"])
@pytest.mark.parametrize("swept", [True, False])
def test_after_expiry_it_is_gone(bench: Bench, path: str, swept: bool) -> None:
    """Also in the minutes before the sweeper comes: the promise to delete is kept on time."""
    export_id = bench.finish(bench.create(), retention=60)
    bench.clock.advance(61)
    if swept:
        bench.life.expire(export_id)

    answer = bench.call("GET", f"/v1/exports/{export_id}/{path}")

    assert (answer.status, answer.body["code"]) == (410, "gone")


def test_no_link_outlives_its_file(bench: Bench) -> None:
    """The object is deleted at expiry; a link that says more is a lie, or worse."""
    export_id = bench.finish(bench.create(), retention=100)
    bench.clock.advance(70)
    file(bench, export_id)

    (call,) = bench.objects.asked.named("sign")
    assert call.arguments[1] == 30


def test_the_manifest_is_given_as_it_is_stored(bench: Bench) -> None:
    """Its own digest proves it, so not a byte may change on the way."""
    export_id = bench.finish(bench.create())
    path = f"/v1/exports/{export_id}/manifest"

    answer = bench.call("GET", path)

    digest = bench.document(export_id)["result"]["manifestSha256"]
    assert (answer.status, answer.raw) == (200, MANIFEST)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"] == f'"{digest}"'
    # Where clients of FHIR Bulk Data look for it; on the status it would be taken for freshness.
    assert answer.headers["Expires"] == answer.headers["Sunset"]
    assert "Expires" not in bench.call("GET", f"/v1/exports/{export_id}").headers
    again = bench.call("GET", path, headers=[("If-None-Match", answer.headers["ETag"])])
    assert (again.status, again.raw) == (304, b"")
    assert len(bench.objects.asked.named("read")) == 1


@pytest.mark.parametrize("damage", [b"{}", MANIFEST + b" ", b"x" * (MAX_MANIFEST_BYTES + 1), None])
def test_a_damaged_manifest_is_not_shown(bench: Bench, damage: bytes | None) -> None:
    """Somebody would verify files against it."""
    export_id = bench.finish(bench.create())
    key = manifest_key(bench, export_id)
    del bench.objects.objects[key]
    if damage is not None:
        kept = Kept(body=damage, media_type="application/json", metadata={})
        bench.objects.objects[key] = kept

    answer = bench.call("GET", f"/v1/exports/{export_id}/manifest")

    assert (answer.status, answer.body["code"]) == (500, "internal-error")
    assert answer.body["retryable"] is False


def test_storage_that_does_not_answer_is_a_503(bench: Bench) -> None:
    """It is not the caller's fault, and another try helps."""
    export_id = bench.finish(bench.create())
    bench.objects.asked.fail_next(Unavailable("S3_UNREACHABLE", "read"), name="read")

    answer = bench.call("GET", f"/v1/exports/{export_id}/manifest")

    assert (answer.status, answer.body["code"]) == (503, "storage-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_files_that_are_for_their_delivery_are_given_to_nobody(bench: Bench) -> None:
    """Access codes go to the mailer; a download would be a list of keys on somebody's laptop."""
    export_id = bench.finish(bench.create())
    bench.plant(export_id, type="badges", typeVersion=1)

    answer = file(bench, export_id)
    shown = bench.call("GET", f"/v1/exports/{export_id}", token=bench.token())

    assert (answer.status, answer.body["code"]) == (403, "not-downloadable")
    assert [one["url"] for one in shown.body["result"]["files"]] == [None]
    assert [] == bench.objects.asked.named("sign")
