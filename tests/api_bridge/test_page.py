"""The page for people, in a real Chromium before a bridge over fakes."""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from api_bridge.page.site import FOLDER
from tests.api_bridge.bench import Bench
from tests.browser import chromium

LIBRARIES = {
    "htm.js": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
    "pico.css": "fbc9a63fc9fc9f72d12fd7fc9806e11fa9f77ae4f9cad146b27003a1119ba3db",
    "preact-hooks.js": "e862ab2973aa6455eaa0f77c5d832d2157d6be59a17c8ba546550a575b58c6b4",
    "preact.js": "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
}
NARROW: ViewportSize = {"width": 360, "height": 740}
WIDE: ViewportSize = {"width": 1200, "height": 900}
# axe's own classes; the two below them are advice.
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all of them; each test has a context of its own."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, bench: Bench) -> Iterator[Page]:
    """The page of the bridge, not signed in; nothing may go wrong in its console."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{bench.port}", viewport=WIDE, reduced_motion="reduce"
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: _note(broken, said.text))
    page.goto("/")
    yield page
    context.close()
    assert [] == broken


def _note(broken: list[str], said: str) -> None:
    """Chromium notes each refusal of the bridge; what the page does with it is looked at."""
    if not re.match(r"Failed to load resource: the server responded with a status of 4\d\d", said):
        broken.append(said)


def sign_in(page: Page, token: str) -> None:
    """Give the page a token."""
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def inside(page: Page, bench: Bench) -> Page:
    """The page after a good token."""
    sign_in(page, bench.token())
    expect(page.get_by_role("heading", name="Ask for an export")).to_be_visible()
    return page


def show(page: Page, export_id: str) -> Page:
    """Look at one export."""
    page.goto(f"/#/exports/{export_id}")
    expect(page.locator("h1")).to_be_visible()
    return page


# --- what it is made of


def test_libraries_are_the_published_files() -> None:
    """Nobody reads minified code in a review; its digest is what was looked at."""
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (FOLDER / "vendor").iterdir()
        if path.suffix in {".js", ".css"}
    }

    assert found == LIBRARIES


def test_the_page_may_load_only_what_the_bridge_serves(bench: Bench) -> None:
    """RELIABILITY.md S19; a script that somebody smuggles in is not run, and sends nothing home."""
    headers = bench.call("GET", "/", token=None).headers

    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/=]{44}'", policy["script-src"])
    assert (policy["connect-src"], policy["style-src"]) == ("'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_script_from_outside_is_not_run(browser: Browser, bench: Bench) -> None:
    """The policy is obeyed."""
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{bench.port}/")
    refused = page.evaluate(
        """() => new Promise((told) => {
            addEventListener("securitypolicyviolation", (event) => told(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'taken'";
            document.head.append(script);
        })"""
    )

    assert (refused, page.title()) == ("script-src-elem", "Exports")
    page.close()


@pytest.mark.parametrize("path", ["/page/", "/page/none.js", "/page/../site.py", "/page/vendor"])
def test_what_is_no_file_of_the_page_is_not_found(bench: Bench, path: str) -> None:
    """And is told like any other path that is not there."""
    answer = bench.call("GET", path, token=None)

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


# --- signing in


def test_a_token_that_is_not_accepted_is_told(page: Page, bench: Bench) -> None:
    """An expired one is the usual case."""
    sign_in(page, bench.token(exp=0))

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Access token")).to_be_visible()


def test_the_token_is_gone_after_signing_out(inside: Page) -> None:
    """A machine that several people use."""
    inside.get_by_role("button", name="Sign out").click()

    expect(inside.get_by_label("Access token")).to_be_visible()
    assert inside.evaluate("sessionStorage.length + localStorage.length") == 0
    assert inside.evaluate("document.cookie") == ""


def test_a_token_that_runs_out_leads_back_to_signing_in(inside: Page, bench: Bench) -> None:
    """In the middle of work; what was asked for goes on without us."""
    export_id = bench.create()
    inside.evaluate("sessionStorage['export-token'] = 'no.longer.good'")
    inside.goto(f"/#/exports/{export_id}")

    expect(inside.get_by_label("Access token")).to_be_visible()


# --- asking


def test_a_form_of_the_schema_asks_for_what_was_chosen(inside: Page, bench: Bench) -> None:
    """Only what differs from the defaults is sent."""
    inside.get_by_label("Campaign").fill("aurora-lights")
    inside.get_by_text("Which rows").click()
    inside.get_by_label("Top n").fill("7")
    inside.get_by_label("With plus one").select_option("yes")
    inside.get_by_label("Markets").fill("a\nb")
    inside.get_by_label("Since").fill("2026-03-01T10:00")
    inside.get_by_label("Dialect").select_option("rfc4180")
    inside.get_by_role("button", name="Request the export").click()

    expect(inside.get_by_role("heading", name="Guests")).to_be_visible()
    (document,) = bench.documents()
    options = document["request"]["options"]
    assert (options["top_n"], options["with_plus_one"]) == (7, True)
    assert (options["markets"], options["since"]) == (["a", "b"], "2026-03-01T10:00:00Z")
    assert document["request"]["format"]["dialect"] == "rfc4180"
    assert inside.url.endswith(f"#/exports/{document['_id']}")


def test_a_form_can_be_used_without_a_mouse(inside: Page, bench: Bench) -> None:
    """From the kind of export to the request with the keyboard alone."""
    inside.get_by_label("Kind of export").focus()
    inside.keyboard.press("Tab")
    inside.keyboard.type("aurora-lights")
    inside.keyboard.press("Enter")

    expect(inside.get_by_role("heading", name="Guests")).to_be_visible()
    assert len(bench.documents()) == 1


def test_what_the_bridge_refuses_stands_beside_its_field(inside: Page) -> None:
    """With the remedy, and for a reader of screens too."""
    inside.get_by_label("Campaign").fill("aurora-lights")
    inside.get_by_label("Personal data").select_option("full")
    inside.get_by_role("button", name="Request the export").click()

    expect(inside.get_by_role("alert")).to_be_visible()
    expect(inside.get_by_role("alert").locator("p")).to_have_text(
        "Change what errors names and send it again."
    )
    expect(inside.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")


def test_an_estimate_comes_before_the_request(inside: Page, bench: Bench) -> None:
    """Nobody waits an hour for what they did not mean; a changed form has no estimate yet."""
    bench.finish(bench.create())
    inside.get_by_label("Campaign").fill("aurora-lights")
    inside.get_by_role("button", name="Estimate first").click()

    told = inside.locator(".estimate")
    expect(told).to_contain_text("about 3")
    expect(told).to_contain_text("120 bytes")
    expect(told).to_contain_text("answer")
    inside.get_by_label("Personal data").select_option("none")
    expect(told).to_have_count(0)
    assert len(bench.documents()) == 1


def test_what_nobody_can_tell_is_said_to_be_unknown(inside: Page) -> None:
    """Before the first export of its kind."""
    inside.get_by_label("Campaign").fill("aurora-lights")
    inside.get_by_role("button", name="Estimate first").click()

    expect(inside.locator(".estimate")).to_contain_text("not known before the first export")


def test_what_the_browser_can_check_is_not_sent(inside: Page, bench: Bench) -> None:
    """The pattern of the schema is the pattern of the field."""
    inside.get_by_label("Campaign").fill("Not A Key")
    inside.get_by_role("button", name="Request the export").click()

    assert inside.get_by_label("Campaign").evaluate("field => field.validity.customError")
    assert [] == bench.documents()


def test_the_command_does_the_same_as_the_form(inside: Page) -> None:
    """Whoever has clicked once can have a program ask the next time; no token stands in it."""
    inside.get_by_label("Campaign").fill("aurora-lights")
    inside.get_by_text("The same as a command").click()
    command = inside.get_by_label("Command for curl").inner_text()

    assert '"campaign_id": "aurora-lights"' in command
    assert "Bearer $TOKEN" in command
    assert "eyJ" not in command


# --- watching


def test_an_export_is_seen_to_go_on_and_to_end(inside: Page, bench: Bench) -> None:
    """Without anybody reloading the page."""
    export_id = bench.create()
    show(inside, export_id)
    expect(inside.locator(".badge")).to_have_text("Waiting to begin")

    bench.finish(export_id)

    expect(inside.locator(".badge")).to_have_text("Ready")
    expect(inside.get_by_role("button", name="Download file 1")).to_be_visible()


def test_an_end_that_should_have_come_is_not_told_as_past(inside: Page, bench: Bench) -> None:
    """The browser's clock is the reader's own, and here months ahead."""
    export_id = bench.create()
    bench.start(export_id)
    bench.clock.advance(10)
    rows = {"rowsRead": 1_000, "rowsTotal": 4_000, "advancedAt": bench.clock.now()}
    bench.plant(export_id, progress=rows)
    show(inside, export_id)

    expect(inside.locator(".figures")).to_contain_text("1,000 of 4,000 rows read")
    expect(inside.locator(".figures")).to_contain_text("ready any moment")


def test_a_download_begins_with_a_link_that_was_signed_for_it(inside: Page, bench: Bench) -> None:
    """The link goes to the browser's own download, and stands nowhere in the page."""
    show(inside, bench.finish(bench.create()))
    with inside.expect_request("https://objects.invalid/**") as asked:
        inside.get_by_role("button", name="Download file 1").click()

    assert "part-00001" in asked.value.url
    assert len(bench.objects.asked.named("sign")) == 1


def test_a_failed_export_says_why_and_can_be_tried_again(inside: Page, bench: Bench) -> None:
    """The code is what the runbook is searched for."""
    export_id = bench.fail(bench.create())
    show(inside, export_id)
    expect(inside.get_by_role("alert")).to_contain_text("SOURCE_REFUSED")
    expect(inside.get_by_role("alert")).to_contain_text("M. No file was published.")

    inside.get_by_role("button", name="Try again").click()

    expect(inside.locator(".badge")).to_have_text("Waiting to begin")
    assert bench.document(export_id)["status"] == "queued"


def test_an_export_can_be_stopped(inside: Page, bench: Bench) -> None:
    """It is said that there are no files."""
    show(inside, bench.create())
    inside.get_by_role("button", name="Stop it").click()

    expect(inside.get_by_text("there are no files")).to_be_visible()


def test_an_export_is_deleted_by_who_says_so_twice(inside: Page, bench: Bench) -> None:
    """One click too many costs a run at the most, never a file."""
    export_id = bench.finish(bench.create())
    show(inside, export_id)
    inside.once("dialog", lambda asked: asked.dismiss())
    inside.get_by_role("button", name="Delete it").click()
    expect(inside.locator(".badge")).to_have_text("Ready")
    assert bench.call("GET", f"/v1/exports/{export_id}").status == 200

    inside.once("dialog", lambda asked: asked.accept())
    inside.get_by_role("button", name="Delete it").click()

    expect(inside.get_by_role("link", name="Ask for an export.")).to_be_visible()
    assert bench.call("GET", f"/v1/exports/{export_id}").status == 410


def test_files_whose_time_is_over_are_not_offered(inside: Page, bench: Bench) -> None:
    """An expired export is no error, and no download."""
    export_id = bench.finish(bench.create())
    bench.plant(export_id, status="expired")
    show(inside, export_id)

    expect(inside.get_by_text("deleted when their time was over")).to_be_visible()
    expect(inside.get_by_role("button", name="Download file 1")).to_have_count(0)


def test_an_export_that_is_not_there_is_told(inside: Page) -> None:
    """A link in an old mail."""
    inside.goto("/#/exports/exp_000000000000000000000000")

    expect(inside.get_by_role("alert")).to_be_visible()


def test_names_that_look_like_markup_are_text(inside: Page, bench: Bench) -> None:
    """A subject is whatever the issuer of tokens lets it be."""
    export_id = bench.create()
    odd = "<img src=x onerror=alert(1)>"
    bench.plant(export_id, requestedBy={"subject": odd})
    inside.goto("/#/exports")

    expect(inside.get_by_text(odd)).to_be_visible()
    assert inside.locator("img").count() == 0


# --- history


def test_history_shows_the_newest_first_and_is_filtered(inside: Page, bench: Bench) -> None:
    """As the listing of the API is."""
    ready = bench.finish(bench.create())
    bench.clock.advance(timedelta(seconds=1).total_seconds())
    waiting = bench.create()
    inside.goto("/#/exports")
    links = inside.locator(".exports a")
    expect(links).to_have_count(2)
    assert [waiting, ready] == [
        str(one.get_attribute("href")).split("/")[-1] for one in links.all()
    ]

    badges = [one.bounding_box() for one in inside.locator(".exports .badge").all()]
    assert len({box["x"] for box in badges if box}) == 1, "states do not stand below each other"
    inside.get_by_label("State").select_option("Ready")
    expect(links).to_have_count(1)
    inside.get_by_label("State").select_option("Failed")
    expect(inside.get_by_text("No export is like that.")).to_be_visible()


def test_who_has_asked_for_nothing_is_told_where_to_begin(inside: Page) -> None:
    """An empty list alone looks like a fault."""
    inside.get_by_role("link", name="History").click()

    expect(inside.get_by_role("link", name="Ask for an export.")).to_be_visible()


# --- for everybody


def _views(page: Page, bench: Bench) -> Iterator[str]:
    """Every view, one after another; the page shows the one that is named."""
    yield "sign-in"
    sign_in(page, bench.token())
    expect(page.get_by_role("heading", name="Ask for an export")).to_be_visible()
    for fold in page.locator("summary").all():
        fold.click()
    yield "ask"
    ready, failed = bench.finish(bench.create()), bench.fail(bench.create())
    page.goto("/#/exports")
    expect(page.locator(".exports li")).to_have_count(2)
    yield "history"
    for name, export_id in (("ready", ready), ("failed", failed)):
        show(page, export_id)
        expect(page.locator(".badge")).to_be_visible()
        yield name


def _serious(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_keeps_people_out(page: Page, bench: Bench, scheme: Any) -> None:
    """Axe finds nothing serious: names, roles, contrast, order."""
    page.emulate_media(color_scheme=scheme)

    assert {} == {name: said for name in _views(page, bench) if (said := _serious(page))}


def test_a_field_without_a_label_is_found(inside: Page) -> None:
    """Negative control."""
    inside.locator("label[for=kind]").evaluate("label => label.remove()")

    assert any(said.startswith("select-name") for said in _serious(inside))


def _overflow(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found


def test_every_view_fits_a_telephone(page: Page, bench: Bench) -> None:
    """360 px, and nothing to be moved sideways."""
    page.set_viewport_size(NARROW)

    assert {} == {name: over for name in _views(page, bench) if (over := _overflow(page)) > 0}


def test_a_view_that_is_too_wide_is_found(inside: Page) -> None:
    """Negative control."""
    inside.set_viewport_size(NARROW)
    inside.evaluate("document.querySelector('h1').style.width = '500px'")

    assert _overflow(inside) > 0


def test_every_module_of_the_page_is_loaded_by_another() -> None:
    """What nothing imports is no longer needed."""
    modules = {path.name for path in FOLDER.glob("*.js")} - {"main.js"}
    text = "".join(path.read_text(encoding="utf-8") for path in Path(FOLDER).glob("*.js"))

    assert set() == {name for name in modules if f'from "./{name}"' not in text}
