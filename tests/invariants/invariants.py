"""The fourteen invariants of DOMAIN.md 11, each a function that says what breaks it.

They compare files with files, and files with the pack they were made from; what they return names
exports, markets, codes and entries, never a fan. An empty list means that the invariant holds.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from assets.exports.catalog import CATALOG
from assets.model.manifest import Manifest
from tests.invariants import ground
from tests.invariants.exports import Export, Row
from tests.invariants.house import OPT_INS
from tests.invariants.strict_csv import NotStrict, records
from tests.invariants.told import Told

Invariant = Callable[[Told], list[str]]

# --- 1


def every_row_is_accounted_for(told: Told) -> list[str]:
    """11.1: rows written and rows left out add up to rows read, and those to an outside count."""
    broken = [f"{name}: {said}" for name, one in told.exports.items() for said in _unbalanced(one)]
    there = told["entries"].manifest.accounting.read
    gone = told["entries/present"].reasons("deleted", "not_current") + _replaced_and_erased(told)
    if there - gone != told.counted:
        broken.append(f"entries: {there} less {gone} were read, {told.counted} were counted")
    return broken


def _replaced_and_erased(told: Told) -> int:
    """Entries that the service does not count because they are replaced; exports say: erased."""
    return len(ground.replaced(told.made) & ground.erased(told.made))


def _unbalanced(export: Export) -> Iterator[str]:
    told = export.manifest.accounting
    aside = [*told.filtered.values(), *told.rejected.values(), *told.beside.values()]
    if told.read != told.kept + sum(aside):
        yield f"{told.read} read, {told.kept} kept and {sum(aside)} left out"
    if told.read != told.expected:
        yield f"{told.read} read, {told.expected} expected"
    if told.made != told.written + sum(told.unfit.values()):
        yield f"{told.made} made, {told.written} written and {sum(told.unfit.values())} unfit"
    for section, stated in {"": told.written, **told.beside}.items():
        files = export.files(section)
        found = sum(len(export.rows_of(file)) for file in files)
        if not found == stated == sum(file.rows for file in files):
            yield f"{stated} rows stated for {section or 'the main files'}, {found} found"


# --- 2


def same_export_same_bytes(told: Told) -> list[str]:
    """11.2: made again in other chunks and beside others, an export has the same digests."""
    missing = [f"{kind}: not made again" for kind in CATALOG if kind not in told.again]
    return missing + [
        f"{kind}: {said}"
        for kind, again in told.again.items()
        for said in _differences(told[kind], again)
    ]


def _differences(first: Export, again: Export) -> Iterator[str]:
    for one in (first, again):
        for file in one.manifest.files:
            if hashlib.sha256(one.bodies[file.key]).hexdigest() != file.sha256_uncompressed:
                yield f"file {file.number} is not what its manifest says"
    digests = [
        [(f.section, f.number, f.rows, f.sha256, f.sha256_uncompressed) for f in one.manifest.files]
        for one in (first, again)
    ]
    if digests[0] != digests[1]:
        yield "other files"
    if first.manifest.accounting != again.manifest.accounting:
        yield "other counts"


# --- 3


def promoters_get_consenting_fans_only(told: Told) -> list[str]:
    """11.3: every row has a granted, named and evidenced consent, and nobody said no."""
    broken: list[str] = []
    said_no = told["suppression"].rows()
    for name in (name for name in told.exports if name.startswith(OPT_INS)):
        promoter = str(told[name].manifest.request["options"]["promoter"])
        agreed = ground.consenting(told.made, promoter)
        stopped = {
            ground.email_digest(row["EmailAddress"]): row["Reason"]
            for row in said_no
            if row["Channel"] != "sms" and row["PromoterKey"] in ("", promoter)
        }
        for number, row in enumerate(told[name].rows(), start=1):
            digest = row.get("email_sha256") or ground.email_digest(row["email"])
            if digest not in agreed:
                broken.append(f"{name}: row {number} has no consent that is good")
            if digest in stopped:
                broken.append(f"{name}: row {number} is suppressed: {stopped[digest]}")
    return broken


# --- 4


def waiting_lists_are_in_line(told: Told) -> list[str]:
    """11.4: all who wait are on a list, and places only grow within one."""
    lists: dict[str, set[str]] = defaultdict(set)
    for row in told["waitlist/everybody"].rows():
        lists[row["market_key"]].add(row["entry_id"])
    waiting = {
        row["entry_id"] for row in told["entries/standing"].rows() if row["status"] == "waitlisted"
    } - set(told["selected-fans/everybody"].values("entry_id"))  # promoted: on no list (7.3)
    broken = [f"{entry}: waits on no list" for entry in waiting - set().union(*lists.values())]
    places: dict[str, list[str]] = defaultdict(list)
    for row in told["waitlist/places"].rows():
        places[row["market_key"]].append(row["position"])
    return broken + [f"{key}: {said}" for key in places for said in _out_of_line(places[key])]


def _out_of_line(places: list[str]) -> Iterator[str]:
    """Those without a place come last."""
    placed = [Decimal(place) for place in places if place]
    if any(places[len(placed) :]):
        yield "somebody without a place stands before somebody with one"
    if any(later <= place for place, later in pairwise(placed)):
        yield "places do not increase"


# --- 5

# What the host need not let in again (DOMAIN.md 5.2): used, taken back, or over.
_VOID: Final = {"redeemed", "revoked", "expired"}


def one_good_code_a_fan_and_market(told: Told) -> list[str]:
    """11.5: at most one code that is not revoked; the host lacks only codes that are void.

    The page says "only revoked or expired"; a redeemed code is no longer uploaded either (7.2:
    `host_upload` has assigned and sent ones).
    """
    codes = told["codes/all"].rows()
    good = Counter(
        (row["entry_id"], row["market_key"])
        for row in codes
        if row["entry_id"] and row["state"] != "revoked"
    )
    broken = [
        f"{entry}: {count} codes for {key}" for (entry, key), count in good.items() if count > 1
    ]
    by_value = {row["code"]: row for row in codes}
    host = told["codes/host"].values("code")
    broken += [f"a value is given {n} times" for n in Counter(host).values() if n > 1]
    broken += ["the host has a code that is in no list"] * len(set(host) - by_value.keys())
    lacking = [by_value[value] for value in by_value.keys() - set(host)]
    return broken + [
        f"{row['code_id']}: {row['state']}, and the host does not have it"
        for row in lacking
        if row["state"] not in _VOID
    ]


# --- 6


def the_verified_are_in_one_of_three_lists(told: Told) -> list[str]:
    """11.6: invited, waiting or not selected are all who were verified, and nobody else."""
    lists = {
        entry
        for name in ("selected-fans/everybody", "waitlist/everybody", "entries/not-selected")
        for entry in told[name].values("entry_id")
    }
    drawn = told["entries/outcomes"].rows()
    lists |= {row["entry_id"] for row in drawn if row["selection_outcome"] == "not_selected"}
    verified = ground.verified(told.made)
    return [
        *(f"{entry}: verified, and on no list" for entry in sorted(verified - lists)),
        *(f"{entry}: on a list, and not verified" for entry in sorted(lists - verified)),
    ]


# --- 7

_SUMS: Final = (
    *("redemption_attempts", "orders", "tickets", "gross_amount", "wrong_account_attempts"),
)


def codes_and_buyers_add_up(told: Told) -> list[str]:
    """11.7: markets add up to their codes, and who did not buy and who did to the invited."""
    return [*_sums(told), *_buyers(told)]


def _sums(told: Told) -> Iterator[str]:
    codes, markets = told["code-redemptions"].rows(), told["code-redemptions/market"].rows()
    by_code = [
        {**row, "codes_assigned": row["assigned_at_utc"] and "1", "codes_redeemed": _used(row)}
        for row in codes
    ]
    for name in ("codes_assigned", "codes_redeemed", *_SUMS):
        one, other = _by_market(by_code, name), _by_market(markets, name)
        yield from (
            f"{key or 'no market'}: {name} is {other[key]}, of codes {one[key]}"
            for key in one.keys() | other.keys()
            if one[key] != other[key]
        )


def _used(row: Row) -> str:
    return "1" if row["first_redeemed_at_utc"] else ""


def _by_market(rows: Iterable[Row], name: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[row["market_key"]] += Decimal(row[name] or 0)
    return found


def _buyers(told: Told) -> Iterator[str]:
    kept = Counter(told["non-purchasers"].values("SubscriberKey"))
    buyers = ground.buyers(told.made)
    invited = [row for row in told["entries/invited"].rows() if row["account_id"]]
    accounts = Counter(str(row["account_id"]).replace("-", "") for row in invited)
    yield from ("somebody who bought is asked again" for key in kept if key in buyers)
    yield from ("somebody who was not invited is asked" for key in kept if key not in accounts)
    yield from _invited_add_up(told)


def _invited_add_up(told: Told) -> Iterator[str]:
    """By the counts of the manifest: every invited entry is asked, has bought, or says why not."""
    told_of = told["non-purchasers"].manifest.accounting
    before = ("deleted", "erased", "not_current", "withdrawn", "not_invited")
    left_out = sum(count for name, count in told_of.filtered.items() if name not in before)
    found = told_of.kept + left_out + told_of.rejects
    invited = told["entries/invited"].manifest.accounting
    if found != invited.kept + invited.rejects:
        yield f"{invited.kept + invited.rejects} were invited, {found} are accounted for"


# --- 8


def first_choices_add_up(told: Told) -> list[str]:
    """11.8: first choices of markets and of areas are the entries that wish for anything."""
    present = told["entries/present"]
    unread = present.manifest.accounting.rejects
    wishing = sum(int(row["pref_count"]) > 0 for row in present.rows())
    broken: list[str] = []
    for name, export in told.exports.items():
        if name == "market-demand":
            rows = export.rows()
            stated = {
                "the total": _first(rows, "fans_first_choice", lambda key: key == "TOTAL"),
                "all markets": _first(rows, "fans_first_choice", lambda key: key != "TOTAL"),
            }
        elif name.split("/")[0] == "geo-demand" and export.kind == "csv":
            stated = {"all areas": _first(export.rows(), "first_choice", lambda _: True)}
        else:
            continue
        broken += [
            f"{name}: {count} first choices in {where}, {wishing} entries with a wish"
            for where, count in stated.items()
            if count != wishing
        ]
        if export.manifest.accounting.rejects != unread:
            broken.append(f"{name}: other rejects than the entries themselves")
    return broken


def _first(rows: Iterable[Row], name: str, counts: Any) -> int:
    return sum(int(row[name] or 0) for row in rows if counts(row["market_key"]))


# --- 9


def scores_answer_the_input(told: Told) -> list[str]:
    """11.9: one row of scores a row of the input; missing is who got no score."""
    asked = told["scoring-input"].values("entry_id")
    rows = told["scores"].rows()
    broken = [f"{entry}: asked for, no row" for entry in set(asked) - {r["entry_id"] for r in rows}]
    broken += [f"{r['entry_id']}: not asked for" for r in rows if r["entry_id"] not in set(asked)]
    if not len(asked) == len(rows) == len(set(asked)):
        broken.append(f"{len(asked)} rows of input, {len(rows)} of scores")
    scored = ground.scored(told.made)
    for row in rows:
        known = row["entry_id"] in scored or row["account_id"] in scored
        if known != (row["missing"] == "N"):
            broken.append(f"{row['entry_id']}: missing is {row['missing']}")
    return broken


# --- 10

_SKIPPED: Final = re.compile(r"^[\s\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\x00]+")
_TRIGGERS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Numbers that we made, telephones that are nothing but digits after the plus (DOMAIN.md 6.4 rules 3
# and 4), and codes, which are ours and must arrive as the host knows them (7.2).
_OURS: Final = {"int", "dec", "pct", "num", "off", "raw"}
_TELEPHONE: Final = re.compile(r"\+[0-9]{8,15}")


def text_reads_back_and_starts_no_formula(told: Told) -> list[str]:
    """11.10: a strict reader gets the cells that were written, and none of them is a formula."""
    broken: list[str] = []
    for name, export in told.exports.items():
        if export.has_header:
            broken += [f"{name}: {said}" for said in _unstrict(export)]
        if export.has_header and export.dialect.startswith("excel"):
            broken += [f"{name}: {said}" for said in _formulas(export)]
        if name.endswith("/jsonl"):
            broken += [f"{name}: {said}" for said in _other_cells(told, name)]
    return broken


def _unstrict(export: Export) -> Iterator[str]:
    for file in export.manifest.files:
        body = export.bodies[file.key]
        try:
            strict = list(records(body, quote_all=export.dialect.startswith("excel")))
        except NotStrict as error:
            yield f"file {file.number}: {error}"
            continue
        lenient = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
        if strict != lenient:
            yield f"file {file.number}: two readers get other cells"


def _formulas(export: Export) -> Iterator[str]:
    for file in export.manifest.files:
        columns = export.manifest.columns_of(file)
        header, *rows = records(export.bodies[file.key], quote_all=True)
        kinds = [column.type.split("(")[0] for column in columns]
        yield from (f"header {cell}" for cell in header if _is_formula(cell))
        for number, cells in enumerate(rows, start=1):
            for column, kind, cell in zip(columns, kinds, cells, strict=True):
                fine = kind in _OURS or (kind == "e164" and _TELEPHONE.fullmatch(cell))
                if not fine and _is_formula(cell):
                    yield f"row {number} of {column.name}"


def _is_formula(cell: str) -> bool:
    return _SKIPPED.sub("", cell).startswith(_TRIGGERS) or cell.startswith(_TRIGGERS)


def _other_cells(told: Told, name: str) -> Iterator[str]:
    """The text of the same export is the text of its typed values."""
    kind = name.split("/", maxsplit=1)[0]
    typed, written = told[name].rows(), told[kind].rows()
    if len(typed) != len(written):
        yield f"{len(typed)} rows, {len(written)} of text"
    # A pseudonym is keyed by its export, so that no two files can be joined by it.
    shown = [c.name for c in told[kind].manifest.columns if c.transform != "hmac"]
    for number, (value, text) in enumerate(zip(typed, written, strict=False), start=1):
        for column in shown:
            if not _says(text[column], value[column]):
                yield f"row {number} has another {column} than the text"


def _says(text: str, value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return text != "" and Decimal(text) == Decimal(str(value))
    return text == _text(value)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "Y" if value else "N"
        case list():
            return "|".join(map(str, value))
        case dict():
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        case _:
            return str(value)


# --- 11


def what_was_sent_was_taken(told: Told) -> list[str]:
    """11.11: accepted and rejected are all rows, and sending them again changes nothing."""
    broken: list[str] = []
    for name, sent in told.sent.items():
        answered = sent.accepted + sent.rejected
        if not sent.like.manifest.rows == sent.rows == answered:
            rows = sent.like.manifest.rows
            broken.append(f"{name}: {rows} rows, {sent.rows} sent, {answered} answered")
        if len(sent.before) + sent.deleted != sent.accepted:
            there = f"{len(sent.before)} are there, {sent.deleted} were deleted"
            broken.append(f"{name}: {sent.accepted} accepted, {there}")
        if sent.before != sent.after:
            broken.append(f"{name}: sent again, the receiver has other rows")
    return broken or ["nothing was sent"] * (not told.sent)


# --- 12

_CLASSES: Final = "NQIDRS"
_PERSONAL: Final = {
    "a digest": re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])"),
    "an address": re.compile(r"[^\s@,;|\"]+@[^\s@,;|\"]+\.[^\s@,;|\"]+"),
    "a telephone": re.compile(r"\+[0-9]{8,15}(?![0-9])"),
}


def no_column_above_its_class(told: Told) -> list[str]:
    """11.12: files hold the columns of their manifest, classed as declared, and N tells nobody."""
    broken: list[str] = []
    for name, export in told.exports.items():
        for file in export.manifest.files:
            broken += [f"{name}: {said}" for said in _headers(export, file)]
        broken += [f"{name}: {said}" for said in _classes(export)]
        if export.manifest.request["policy"]["mode"] == "none" or _class(export.manifest) == "N":
            broken += [f"{name}: {said}" for said in _personal(export)]
    return broken


def _class(manifest: Manifest) -> str:
    """The class of the file: the highest of its columns."""
    every = [*manifest.columns, *(c for of in manifest.companions.values() for c in of)]
    return max((column.pii for column in every), key=_CLASSES.index)


def _headers(export: Export, file: Any) -> Iterator[str]:
    stated = [column.name for column in export.manifest.columns_of(file)]
    rows = export.rows_of(file)
    if rows and list(rows[0]) != stated:
        yield f"file {file.number} has other columns than its manifest"


def _classes(export: Export) -> Iterator[str]:
    kind = CATALOG[export.manifest.request["type"]]
    declared = {column.title: str(column.pii) for column in kind.static_columns}
    mode = export.manifest.request["policy"]["mode"]
    for column in export.manifest.columns:
        most = declared.get(column.name, column.pii)
        if _CLASSES.index(column.pii) > _CLASSES.index(most):
            yield f"{column.name} is of class {column.pii}, declared {most}"
        if mode == "none" and column.pii != "N":
            yield f"{column.name} is of class {column.pii} in a file of none"


def _personal(export: Export) -> Iterator[str]:
    for file in export.manifest.files:
        for number, row in enumerate(export.rows_of(file), start=1):
            cells = [_text(cell) for cell in row.values()]
            for said, pattern in _PERSONAL.items():
                if any(pattern.search(cell) for cell in cells):
                    yield f"row {number} of file {file.number} holds {said}"


# --- 13


def the_erased_are_delivered_nowhere(told: Told) -> list[str]:
    """11.13: who was erased between the two checks is in nothing that arrived."""
    broken: list[str] = []
    for name, erased in told.erased.items():
        if not any(mark in body for mark in erased.marks for body in erased.before):
            broken.append(f"{name}: the fan would not have been in it anyway")
        if not erased.arrived:
            broken.append(f"{name}: nothing arrived")
        text = b"\n".join(erased.arrived)
        broken += [f"{name}: holds what was erased" for mark in erased.marks if mark in text]
    return broken or ["nobody was erased"] * (not told.erased)


# --- 14


def old_documents_are_like_new_ones(told: Told) -> list[str]:
    """11.14: a document of v1 or v2 gives the row of the v3 document that says the same."""
    broken: list[str] = []
    for name, (old, new) in told.upcast.items():
        if not old.rows():
            broken.append(f"{name}: no row of an old document")
        bodies = [[one.bodies[f.key] for f in one.manifest.files] for one in (old, new)]
        if bodies[0] != bodies[1]:
            rows = zip(old.rows(), new.rows(), strict=False)
            number = next((n for n, (a, b) in enumerate(rows, start=1) if a != b), 0)
            broken.append(f"{name}: row {number} differs")
    return broken or ["no old document was read"] * (not told.upcast)


# By the numbers of the page.
ALL: Final[tuple[Invariant, ...]] = (
    every_row_is_accounted_for,
    same_export_same_bytes,
    promoters_get_consenting_fans_only,
    waiting_lists_are_in_line,
    one_good_code_a_fan_and_market,
    the_verified_are_in_one_of_three_lists,
    codes_and_buyers_add_up,
    first_choices_add_up,
    scores_answer_the_input,
    text_reads_back_and_starts_no_formula,
    what_was_sent_was_taken,
    no_column_above_its_class,
    the_erased_are_delivered_nowhere,
    old_documents_are_like_new_ones,
)
