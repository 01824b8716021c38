"""`scores`: what the providers say about each entry, and what people decided (7.13 of DOMAIN.md).

One row an entry that is scored (`shared/scored.py`), whether or not there is a score. A run is of
one provider; `latest` is the newest of each that has been scored and was not rejected, and a run
that is named stands alone. Our model's score and band come first; where it has none, those of the
second provider stand in, its band made by the run's thresholds. Where nobody has a score `missing`
is Y and the band is the lowest that the campaign accepts, E where it accepts all: not to be known
must neither shut a fan out nor put one first.

Scores of entries that the campaign does not have are counted (`unknown_entry`) and not written, and
so are lines that are not as agreed (`malformed_score`). `bands` and `only_changed` choose among the
rows once they are made, so what they leave out is kept in the accounting but makes no row.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from assets.exports.shared.entry_options import first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import account_id, millis, string
from assets.exports.shared.entry_values import notes as entry_notes
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.score_joins import SUBJECT, Pair, together
from assets.exports.shared.scored import SCORED
from assets.model.campaign import Facts
from assets.model.column import (
    ENUM,
    ID,
    UTC_TIME,
    YES_NO,
    Column,
    Format,
    FormatKind,
    Pii,
    decimal,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import Option, choice, flag, words
from assets.model.source import Arrange, Document, EntryRow, EntrySource, Reading
from assets.steps.arrange import Sorter
from resources.scoring_files import InternalScore, MalformedScore, VfScore

LATEST: Final = "latest"
_BANDS: Final = ("A", "B", "C", "D", "E")
_INTERNAL, _VF = 1, 2
_SOURCES: Final = {"internal": _INTERNAL, "vf": _VF}
# Runs whose scores are there and were not refused (DOMAIN.md 2.6).
_SCORED: Final = ("scored", "imported")
# DOMAIN.md 2.6: the bands of a run that states no thresholds.
_USUAL: Final[Mapping[str, float]] = dict(zip(_BANDS, (0.85, 0.7, 0.5, 0.3, 0), strict=True))
# DOMAIN.md 7.13: above so many rows the file must be Parquet.
MOST_IN_TEXT: Final = 5_000_000


# --- before the first row -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The scores, each by the entry that it is of, and the decisions over them.

    Attributes:
        runs: The runs by source.
        scores: In the order of the entries; read once.
        overrides: Entry id to the manual decision in force.
        remarks: What was odd about the files, for the accounting; taken with the first entry.
    """

    runs: Mapping[int, Document]
    scores: Iterator[Pair]
    overrides: Mapping[object, Document]
    remarks: list[str] = field(default_factory=list)


def prepare(facts: Facts, reading: Reading) -> Prepared:
    """Read the score files and find the entry of each score.

    Raises:
        ExportFailed: `UNKNOWN_SCORING_RUN`, `OPTIONS_CONFLICT` or `PARQUET_NEEDED`.
    """
    runs = _runs(facts, reading.scoring_runs(facts))
    remarks: list[str] = []
    accounts: Sorter[str] = Sorter()
    ids = IdSet(_entry_ids(facts, reading, accounts))
    scores: Sorter[Any] = Sorter()
    for source, run in runs.items():
        read = _well_formed(reading.scores(facts, run), remarks)
        if source == _INTERNAL:
            _by_entry(read, ids, scores, remarks)
        else:
            _by_account(read, accounts, scores, remarks)
    return Prepared(
        runs=runs, scores=scores.pairs(), overrides=reading.overrides(facts), remarks=remarks
    )


def _runs(facts: Facts, known: Sequence[Document]) -> dict[int, Document]:
    """The run of each source, among those there were at the snapshot."""
    wanted, provider = facts.request.options["run_id"], facts.request.options.get("provider")
    until = millis(facts.snapshot)
    there = [run for run in known if millis(run.get("createdAt")) <= until]
    if wanted != LATEST:
        return _named(there, wanted, provider)
    found: dict[int, Document] = {}
    for run in there:  # newest first
        if run.get("status") in _SCORED and provider in (None, run.get("provider")):
            found.setdefault(_source(run), run)
    return found


def _named(there: Sequence[Document], wanted: str, provider: str | None) -> dict[int, Document]:
    named = [run for run in there if run.get("runId") == wanted]
    if not named:
        raise ExportFailed("UNKNOWN_SCORING_RUN", "params/run_id names no run of this campaign")
    if provider not in (None, named[0].get("provider")):
        message = "params/run_id names a run of another provider than params/provider"
        raise ExportFailed("OPTIONS_CONFLICT", message)
    return {_source(named[0]): named[0]}


def _source(run: Document) -> int:
    try:
        return _SOURCES[run["provider"]]
    except KeyError:
        message = "a scoring run of the campaign is of a provider that nobody knows"
        raise ExportFailed("UNKNOWN_PROVIDER", message) from None


def _entry_ids(facts: Facts, reading: Reading, accounts: Sorter[str]) -> Iterator[str]:
    """The ids of all entries; on the way, the accounts that they are of are noted."""
    most = math.inf if facts.request.output.kind == "parquet" else MOST_IN_TEXT
    for number, row in enumerate(reading.entries(facts, fields=()), start=1):
        if number > most:
            message = f"more than {most} entries need format=parquet"
            raise ExportFailed("PARQUET_NEEDED", message)
        entry_id, account = str(row.entry["_id"]), account_id(row)
        if account is not None:
            accounts.add((str(account).lower(), SUBJECT, number), entry_id)
        yield entry_id


def _well_formed(
    scores: Iterable[Any], remarks: list[str]
) -> Iterator[tuple[int, InternalScore | VfScore]]:
    """The scores with their places; lines that are none are remarked upon."""
    for place, score in enumerate(scores):
        if isinstance(score, MalformedScore):
            remarks.append("malformed_score")
        else:
            yield place, score


def _by_entry(
    read: Iterable[tuple[int, Any]], ids: IdSet, scores: Sorter[Any], remarks: list[str]
) -> None:
    for place, score in read:
        if score.entry_id in ids:
            scores.add((score.entry_id, _INTERNAL, place), score)
        else:
            remarks.append("unknown_entry")


def _by_account(
    read: Iterable[tuple[int, Any]],
    accounts: Sorter[str],
    scores: Sorter[Any],
    remarks: list[str],
) -> None:
    """An account can have several entries after a merge: each gets the score."""
    lines: Sorter[VfScore] = Sorter()
    for place, score in read:
        lines.add((score.account_id.lower(), _VF, place), score)
    for entry_ids, by_source in together(accounts.pairs(), lines.pairs()):
        last = by_source.get(_VF)
        if last is None:
            continue
        for entry_id in entry_ids:
            scores.add((entry_id, _VF, 0), last)
        if not entry_ids:
            remarks.append("unknown_entry")


# --- rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry that is scored, and the band that it has so far."""

    entry_id: str
    account_id: object
    status: str
    band: str
    override: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the file; the run, the model and the instant are those of the score and band."""

    entry: Candidate
    band: str
    score: Decimal | None = None
    run_id: object = None
    model_version: object = None
    scored_at: object = None
    vf: VfScore | None = None
    reasons: frozenset[str] = frozenset()

    @property
    def effective_band(self) -> str:
        """A manual decision beats the file (DOMAIN.md 2.6)."""
        return self.entry.override.get("toBand") or self.band

    @property
    def changed(self) -> bool:
        """Whether the entry bears another band so far; one that nobody scored bears none."""
        if self.score is None and not self.entry.band and not self.entry.override:
            return False
        return self.effective_band != self.entry.band


class Scores:
    """Joins the entries with the scores, by entry, on disk.

    Args:
        facts: With what `prepare` read.
    """

    def __init__(self, facts: Facts) -> None:
        self._prepared: Prepared = facts.prepared
        options = facts.request.options
        self._bands, self._only_changed = options.get("bands"), bool(options["only_changed"])
        # The campaign's default: the lowest band that may be selected (DOMAIN.md 2.1).
        self._default = max(facts.campaign.accept_bands, default=_BANDS[-1])
        self._entries: Sorter[Candidate] = Sorter()

    def add(self, row: EntryRow) -> Iterable[Row]:
        """Keep one entry."""
        entry_id = row.entry["_id"]
        entry = Candidate(
            entry_id=str(entry_id),
            account_id=account_id(row),
            status=string(row, "status"),
            band=string(row, "risk.band"),
            override=self._prepared.overrides.get(entry_id) or {},
        )
        self._entries.add((entry.entry_id, SUBJECT, 0), entry)
        return ()

    def rest(self) -> Iterable[Row]:
        """The rows, by entry; a score without an entry here is of one that was left out."""
        for entries, scores in together(self._entries.pairs(), self._prepared.scores):
            for entry in entries:
                row = self._row(entry, scores.get(_INTERNAL), scores.get(_VF))
                if self._wanted(row):
                    yield row

    def _row(self, entry: Candidate, ours: InternalScore | None, vf: VfScore | None) -> Row:
        said = [*(ours.reasons if ours else ()), *(vf.reasons if vf else ())]
        reasons = frozenset(reason for reason in said if reason)
        if ours is not None:
            run = self._prepared.runs[_INTERNAL]
            return Row(
                entry=entry,
                band=ours.band,
                score=ours.score,
                run_id=run.get("runId"),
                model_version=ours.model_version,
                # The file states no instant; the run is the only one there is.
                scored_at=run.get("createdAt"),
                vf=vf,
                reasons=reasons,
            )
        if vf is None or vf.vf_score is None:
            return Row(entry=entry, band=self._default, vf=vf, reasons=reasons)
        run = self._prepared.runs[_VF]
        return Row(
            entry=entry,
            band=band_of(vf.vf_score, run.get("thresholds") or _USUAL),
            score=vf.vf_score,
            run_id=run.get("runId"),
            model_version=run.get("modelVersion"),
            scored_at=vf.scored_at or run.get("createdAt"),
            vf=vf,
            reasons=reasons,
        )

    def _wanted(self, row: Row) -> bool:
        if self._bands and row.effective_band not in self._bands:
            return False
        return row.changed or not self._only_changed


def band_of(score: Decimal, thresholds: Mapping[str, Any]) -> str:
    """The band with the highest threshold that the score reaches; the lowest below all."""
    # Through text: 0.55 as a double lies above 0.55, and a score of 0.55 would miss its band.
    least = sorted(
        ((Decimal(str(least)), band) for band, least in thresholds.items()), reverse=True
    )
    return next((band for threshold, band in least if score >= threshold), least[-1][1])


def _order(row: Row) -> tuple[Any, ...]:
    """By score, best first; those without one last, by entry."""
    none = row.score is None
    return none, Decimal(0) if row.score is None else -row.score, row.entry.entry_id


def _notes(row: EntryRow) -> list[str]:
    """What is odd about the entry; the first one also bears what is odd about the files."""
    remarks: list[str] = row.facts.prepared.remarks
    taken, remarks[:] = list(remarks), []
    return [*entry_notes(row), *taken]


# --- columns ------------------------------------------------------------------------------------

_FOUR_DIGITS: Final = decimal(4)


def _column(
    name: str,
    form: Format,
    source: str,
    value: Callable[[Row], object],
    *,
    pii: Pii = Pii.RESTRICTED,
    said: str = "",
) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value, description=said)


def _decision(name: str, form: Format, member: str) -> Column:
    return _column(name, form, f"s.{member}", lambda row: row.entry.override.get(member))


def _of_vf(name: str, form: Format, attribute: str, member: str) -> Column:
    def get(row: Row) -> object:
        return None if row.vf is None else getattr(row.vf, attribute)

    return _column(name, form, f"SF.{member}", get)


_COLUMNS: tuple[Column, ...] = (
    _column("entry_id", ID, "e._id", lambda row: row.entry.entry_id, pii=Pii.PSEUDONYM),
    _column("account_id", ID, "u.accountId", lambda row: row.entry.account_id, pii=Pii.PSEUDONYM),
    _column("run_id", text(110), "s.runId", lambda row: row.run_id, pii=Pii.NONE),
    _column(
        "model_version",
        text(80),
        "SF.model_version | s.modelVersion",
        lambda row: row.model_version,
        pii=Pii.NONE,
    ),
    _column(
        "score",
        decimal(6),
        "SF.score | SF.vfScore",
        lambda row: row.score,
        said="Of our model; where it has none, of the second provider.",
    ),
    _column(
        "band",
        ENUM,
        "SF.band | s.thresholds",
        lambda row: row.band,
        said="Without a score: the lowest band that the campaign accepts.",
    ),
    _decision("override_band", ENUM, "toBand"),
    _decision("override_by", text(80), "by"),
    _decision("override_reason", text(200), "reason"),
    _column(
        "effective_band",
        ENUM,
        "X: s.toBand, else SF.band",
        lambda row: row.effective_band,
        said="A manual decision beats the file.",
    ),
    _of_vf("vf_score", _FOUR_DIGITS, "vf_score", "vfScore"),
    _of_vf("vf_tier", ENUM, "tier", "tier"),
    _of_vf("person_prob", _FOUR_DIGITS, "person_prob", "personProb"),
    _of_vf("attend_prob", _FOUR_DIGITS, "attend_prob", "attendProb"),
    _of_vf("resale_prob", _FOUR_DIGITS, "resale_prob", "resaleProb"),
    _column(
        "reasons",
        Format(kind=FormatKind.LIST, ordered=False),
        "SF.reasons",
        lambda row: row.reasons,
        said="Of both providers, sorted.",
    ),
    _column(
        "scored_at_utc",
        UTC_TIME,
        "SF.scoredAt | s.createdAt",
        lambda row: row.scored_at,
        pii=Pii.NONE,
        said="Our model's files state none: then when its run was made.",
    ),
    _column("current_status", ENUM, "e.status", lambda row: row.entry.status, pii=Pii.NONE),
    _column(
        "missing",
        YES_NO,
        "X: neither SF.score nor SF.vfScore",
        lambda row: row.score is None,
        pii=Pii.NONE,
        said="Y: no provider has a score for the entry.",
    ),
)

SCORES = ExportType(
    name="scores",
    version=1,
    summary="Scores and bands of both providers with the decisions over them, one row an entry.",
    scope=Scope.CAMPAIGN,
    owner="team:data-science",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "scoring"),
        ("mongo", "users"),
        ("s3", "scores"),
    ),
    options=(
        Option(
            name="run_id",
            schema={
                "type": "string",
                "pattern": f"^({LATEST}|[a-z0-9-]{{3,80}}-[0-9]{{8}}T[0-9]{{6}}Z)$",
            },
            description="One run by its id, or the latest of each provider.",
            default=LATEST,
        ),
        choice("provider", "Only scores of this one.", values=tuple(_SOURCES), default=None),
        words("bands", "Only these effective bands.", values=_BANDS, scope="scores:read"),
        flag("only_changed", "Only entries that bear another band so far."),
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("score", "entry_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=lambda _: first_failing(SCORED),
        notes=_notes,
        fold=Scores,
        arrange=Arrange(key=_order),
    ),
    retention_days=30,
    prepare=prepare,
)
