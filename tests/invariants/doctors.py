"""Negative controls: for each invariant, exports that somebody has broken in one place."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from tests.invariants import ground, invariants
from tests.invariants.exports import Export, Row, with_accounting, with_body, with_rows
from tests.invariants.invariants import Invariant
from tests.invariants.told import Told

Doctor = Callable[[Told], Told]


def _first(change: Mapping[str, Any]) -> Callable[[list[Row]], list[Row]]:
    """The first row with other cells."""
    return lambda rows: [{**rows[0], **change}, *rows[1:]]


def _without(rows: list[Row]) -> list[Row]:
    return rows[1:]


def _twice(rows: list[Row]) -> list[Row]:
    return [rows[0], *rows]


# --- 1


def a_row_that_is_lost(told: Told) -> Told:
    """The file has one row less than the manifest says."""
    return told.given("entries", with_rows(told["entries"], _without))


def a_filtered_row_that_nobody_counted(told: Told) -> Told:
    """A reason has vanished from the accounting."""
    return told.given("waitlist", with_accounting(told["waitlist"], filtered={}))


def an_entry_that_only_the_service_knows(told: Told) -> Told:
    """The outside counts one more."""
    return replace(told, counted=told.counted + 1)


# --- 2


def a_byte_that_differs_the_second_time(told: Told) -> Told:
    """One byte of the second making."""
    again = with_body(told.again["entries"], lambda body: body.replace(b"\r\n", b"\n\r", 1))
    return replace(told, again={**told.again, "entries": again})


def another_order_the_second_time(told: Told) -> Told:
    """The second file, with a digest of its own that is right."""
    first = told.again["waitlist"]
    (file, *others) = first.manifest.files
    other = replace(file, sha256="0" * 64)
    manifest = replace(first.manifest, files=(other, *others))
    return replace(told, again={**told.again, "waitlist": replace(first, manifest=manifest)})


def a_kind_that_was_not_made_again(told: Told) -> Told:
    """Nothing to compare with is no proof."""
    return replace(told, again={k: one for k, one in told.again.items() if k != "scores"})


# --- 3


def a_fan_who_was_never_asked(told: Told) -> Told:
    """An address without any consent."""
    name = "promoter-email-opt-ins"
    stranger = {"email": "nobody.asked@example.com"}
    return told.given(name, with_rows(told[name], _first(stranger)))


def a_fan_who_opted_out(told: Told) -> Told:
    """The first fan of the file is suppressed."""
    fan = told["promoter-email-opt-ins"].rows()[0]["email"]
    no = {"EmailAddress": fan, "Channel": "email", "Reason": "global_opt_out", "PromoterKey": ""}
    return told.given("suppression", with_rows(told["suppression"], _first(no)))


def a_consent_that_was_withdrawn(told: Told) -> Told:
    """The ledger of consents says so, and the file was made all the same."""
    made = ground.without_grants(told.made)
    return replace(told, made=made)


# --- 4


def a_fan_who_fell_off_the_lists(told: Told) -> Told:
    """Fewer on lists than wait."""
    name = "waitlist/everybody"
    return told.given(name, with_rows(told[name], lambda rows: rows[: len(rows) // 2]))


def two_fans_at_one_place(told: Told) -> Told:
    """The same position twice."""
    return told.given("waitlist/places", with_rows(told["waitlist/places"], _twice))


def a_list_that_runs_backwards(told: Told) -> Told:
    """From the last to the first."""
    name = "waitlist/places"
    return told.given(name, with_rows(told[name], lambda rows: rows[::-1]))


# --- 5


def a_second_good_code(told: Told) -> Told:
    """A fan with two codes of one market that let in."""

    def change(rows: list[Row]) -> list[Row]:
        held = next(row for row in rows if row["entry_id"] and row["state"] != "revoked")
        return [*rows, {**held, "code_id": "another", "code": "ANOTHER"}]

    return told.given("codes/all", with_rows(told["codes/all"], change))


def a_good_code_that_the_host_does_not_know(told: Told) -> Told:
    """The fan stands before a closed door."""
    return told.given("codes/host", with_rows(told["codes/host"], _without))


def a_code_that_nobody_issued(told: Told) -> Told:
    """The host would let anybody in."""
    return told.given("codes/host", with_rows(told["codes/host"], _first({"code": "FORGED"})))


# --- 6


def a_verified_fan_on_no_list(told: Told) -> Told:
    """Selected, and forgotten."""
    name = "selected-fans/everybody"
    return told.given(name, with_rows(told[name], _without))


def a_rejected_fan_on_a_list(told: Told) -> Told:
    """Somebody who failed the vetting waits."""
    standing = told["entries/standing"].rows()
    rejected = next(row["entry_id"] for row in standing if row["status"] == "rejected")
    name = "waitlist/everybody"
    return told.given(name, with_rows(told[name], _first({"entry_id": rejected})))


# --- 7


def a_ticket_too_many(told: Told) -> Told:
    """A market that sold one more than its codes."""
    name = "code-redemptions/market"

    def change(rows: list[Row]) -> list[Row]:
        return [{**rows[0], "tickets": str(int(rows[0]["tickets"]) + 1)}, *rows[1:]]

    return told.given(name, with_rows(told[name], change))


def a_buyer_who_is_asked_again(told: Told) -> Told:
    """Who bought gets no second chance."""
    buyer = next(iter(ground.buyers(told.made)))
    name = "non-purchasers"
    return told.given(name, with_rows(told[name], _first({"SubscriberKey": buyer})))


def an_invited_fan_who_is_not_counted(told: Told) -> Told:
    """Neither asked, nor a buyer, nor left out for a reason."""
    accounting = told["non-purchasers"].manifest.accounting
    changed = with_accounting(told["non-purchasers"], kept=accounting.kept - 1)
    return told.given("non-purchasers", changed)


# --- 8


def a_first_choice_too_many(told: Told) -> Told:
    """In the total of the markets."""

    def change(rows: list[Row]) -> list[Row]:
        total = {**rows[-1], "fans_first_choice": str(int(rows[-1]["fans_first_choice"]) + 1)}
        return [*rows[:-1], total]

    return told.given("market-demand", with_rows(told["market-demand"], change))


def an_area_that_is_lost(told: Told) -> Told:
    """Areas add up to less than markets."""

    def change(rows: list[Row]) -> list[Row]:
        gone = next(row for row in rows if int(row["first_choice"] or 0) > 0)
        return [row for row in rows if row is not gone]

    return told.given("geo-demand", with_rows(told["geo-demand"], change))


# --- 9


def an_entry_without_a_row_of_scores(told: Told) -> Told:
    """Asked for, and never answered."""
    return told.given("scores", with_rows(told["scores"], _without))


def a_score_that_is_called_missing(told: Told) -> Told:
    """The first row has a score, and says that it has none."""
    return told.given("scores", with_rows(told["scores"], _first({"missing": "Y"})))


# --- 10


def a_bare_quote(told: Told) -> Told:
    """A cell with a quote that nothing doubles."""
    broken = with_body(told["market-demand"], lambda body: body.replace(b"\r\n", b'a"b\r\n', 2))
    return told.given("market-demand", broken)


def a_lone_line_feed(told: Told) -> Told:
    """A record that ends as on Unix."""
    broken = with_body(told["waitlist"], lambda body: body.replace(b"\r\n", b"\n", 1))
    return told.given("waitlist", broken)


def a_formula_in_a_name(told: Told) -> Told:
    """Behind a byte order mark and a blank that nobody sees."""

    def change(body: bytes) -> bytes:
        header, _, rest = body.partition(b"\r\n")
        first, _, others = rest.partition(b"\r\n")
        cells = first.split(b'","')
        place = header.split(b'","').index(b"first_name")
        cells[place] = "\u200b\u00a0=1+1".encode()
        return b"\r\n".join((header, b'","'.join(cells), others))

    return told.given("entries/excel", with_body(told["entries/excel"], change))


def a_cell_that_the_text_lost(told: Told) -> Told:
    """JSON Lines says more than the text of the same export."""
    name = "entries/jsonl"
    return told.given(name, with_rows(told[name], _first({"city": "Elsewhere"})))


# --- 11


def _changed(told: Told, **changed: Any) -> Told:
    sent = replace(told.sent["reminder-email"], **changed)
    return replace(told, sent={**told.sent, "reminder-email": sent})


def a_row_without_an_answer(told: Told) -> Told:
    """Sent, and neither accepted nor rejected."""
    return _changed(told, accepted=told.sent["reminder-email"].accepted - 1)


def a_row_that_was_lost_on_the_way(told: Told) -> Told:
    """Accepted, and not there."""
    sent = told.sent["reminder-email"]
    return _changed(told, before=sent.before[1:], after=sent.after[1:])


def a_row_that_came_twice(told: Told) -> Told:
    """Sending again made another row."""
    after = told.sent["reminder-email"].after
    return _changed(told, after=[*after, after[0]])


# --- 12


def a_personal_column_in_a_file_of_none(told: Told) -> Told:
    """An address where nobody may see one."""
    name = "entries/anonymous"
    return told.given(name, with_rows(told[name], _first({"status": "zoe@example.com"})))


def a_digest_in_a_file_of_counts(told: Told) -> Told:
    """Of something that somebody can look up."""
    digest = {"market": ground.email_digest("zoe@example.com")}
    return told.given("market-demand", with_rows(told["market-demand"], _first(digest)))


def a_column_that_the_manifest_does_not_name(told: Told) -> Told:
    """One more than was decided on."""
    export = told["market-demand"]
    manifest = replace(export.manifest, columns=export.manifest.columns[:-1])
    return told.given("market-demand", replace(export, manifest=manifest))


def a_column_of_a_higher_class(told: Told) -> Told:
    """Declared as N, shown as D."""
    export: Export = told["market-demand"]
    first, *others = export.manifest.columns
    manifest = replace(export.manifest, columns=(replace(first, pii="D"), *others))
    return told.given("market-demand", replace(export, manifest=manifest))


# --- 13


def an_erased_fan_who_arrived(told: Told) -> Told:
    """The delivery went out as it was made."""
    erased = told.erased["reminder-email"]
    changed = replace(erased, arrived=erased.before)
    return replace(told, erased={**told.erased, "reminder-email": changed})


def a_fan_who_was_in_no_file_anyway(told: Told) -> Told:
    """Then not to have arrived proves nothing."""
    changed = replace(told.erased["code-sms"], before=[])
    return replace(told, erased={**told.erased, "code-sms": changed})


# --- 14


def an_old_name_split_in_another_way(told: Told) -> Told:
    """One cell of one old document."""
    old, new = told.upcast["entries"]
    changed = with_rows(old, _first({"first_name": "Somebody Else"}))
    return replace(told, upcast={**told.upcast, "entries": (changed, new)})


def an_old_fan_who_is_not_there(told: Told) -> Told:
    """A row of an old document is missing."""
    old, new = told.upcast["waitlist"]
    return replace(told, upcast={**told.upcast, "waitlist": (with_rows(old, _without), new)})


DOCTORS: Final[Mapping[Invariant, tuple[Doctor, ...]]] = {
    invariants.every_row_is_accounted_for: (
        a_row_that_is_lost,
        a_filtered_row_that_nobody_counted,
        an_entry_that_only_the_service_knows,
    ),
    invariants.same_export_same_bytes: (
        a_byte_that_differs_the_second_time,
        another_order_the_second_time,
        a_kind_that_was_not_made_again,
    ),
    invariants.promoters_get_consenting_fans_only: (
        a_fan_who_was_never_asked,
        a_fan_who_opted_out,
        a_consent_that_was_withdrawn,
    ),
    invariants.waiting_lists_are_in_line: (
        a_fan_who_fell_off_the_lists,
        two_fans_at_one_place,
        a_list_that_runs_backwards,
    ),
    invariants.one_good_code_a_fan_and_market: (
        a_second_good_code,
        a_good_code_that_the_host_does_not_know,
        a_code_that_nobody_issued,
    ),
    invariants.the_verified_are_in_one_of_three_lists: (
        a_verified_fan_on_no_list,
        a_rejected_fan_on_a_list,
    ),
    invariants.codes_and_buyers_add_up: (
        a_ticket_too_many,
        a_buyer_who_is_asked_again,
        an_invited_fan_who_is_not_counted,
    ),
    invariants.first_choices_add_up: (a_first_choice_too_many, an_area_that_is_lost),
    invariants.scores_answer_the_input: (
        an_entry_without_a_row_of_scores,
        a_score_that_is_called_missing,
    ),
    invariants.text_reads_back_and_starts_no_formula: (
        a_bare_quote,
        a_lone_line_feed,
        a_formula_in_a_name,
        a_cell_that_the_text_lost,
    ),
    invariants.what_was_sent_was_taken: (
        a_row_without_an_answer,
        a_row_that_was_lost_on_the_way,
        a_row_that_came_twice,
    ),
    invariants.no_column_above_its_class: (
        a_personal_column_in_a_file_of_none,
        a_digest_in_a_file_of_counts,
        a_column_that_the_manifest_does_not_name,
        a_column_of_a_higher_class,
    ),
    invariants.the_erased_are_delivered_nowhere: (
        an_erased_fan_who_arrived,
        a_fan_who_was_in_no_file_anyway,
    ),
    invariants.old_documents_are_like_new_ones: (
        an_old_name_split_in_another_way,
        an_old_fan_who_is_not_there,
    ),
}
