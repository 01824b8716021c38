"""The files exchanged with the two scoring providers, each in its own dialect (DOMAIN.md 4.2, 4.3).

``internal`` is our model: CSV scores by entry id, and ``_SUCCESS`` when all of it is there. Its
manifest, and the one that we write, is ``{"runId", "rows", "sha256", "files": [{"name", "rows",
"bytes", "sha256"}]}``: rows count data lines, bytes and digests are those of the stored file.
``vf`` is a second provider: JSONL by account id, parts without a manifest, a flag when it is done,
accounts that repeat.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Any, TypeAlias

from resources.errors import Refused
from resources.gzip_lines import GzipLines
from resources.object_store import ObjectStore, Upload

BATCH = 2_000
# A manifest names its files: 10,000 of them are 2 MB.
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_TEXT = 200
PARQUET, JSONL_GZ, JSON = "application/vnd.apache.parquet", "application/gzip", "application/json"

HEADER = ("entry_id", "score", "band", "model_version", "reasons")
RUN_ID = re.compile(r"[a-z0-9-]{3,80}-(\d{8})T\d{6}Z")
FILE_NAME = re.compile(r"scores-\d{5}\.csv\.gz")
OBJECT_ID = re.compile(r"[0-9a-f]{24}")
CAMPAIGN_KEY = re.compile(r"[a-z0-9-]{3,80}")
DAY = re.compile(r"/(\d{4}-\d{2}-\d{2})/$")


class Provider(StrEnum):
    """Who scores."""

    INTERNAL = "internal"
    VF = "vf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRun:
    """One exchange of one campaign: a re-run has another ``run_id`` and overwrites nothing.

    Attributes:
        provider: Who scores.
        campaign_id: 24 hex digits.
        campaign_key: The campaign's key.
        run_id: ``{campaignKey}-{yyyymmddThhmmssZ}`` (DOMAIN.md 2.6).
        day: Folder of the second provider; the first has none.
    """

    provider: Provider
    campaign_id: str
    campaign_key: str
    run_id: str
    day: date

    def __post_init__(self) -> None:
        """Check what becomes part of a key.

        Raises:
            ValueError: An id, key or run id is not what it must be.
        """
        patterns = ((OBJECT_ID, self.campaign_id), (CAMPAIGN_KEY, self.campaign_key))
        if not all(pattern.fullmatch(text) for pattern, text in patterns):
            raise ValueError("a scoring run belongs to a campaign id and a campaign key")
        if not RUN_ID.fullmatch(self.run_id):
            raise ValueError("a scoring run is named <campaign>-<yyyymmddThhmmssZ>")


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalScore:
    """A line of our model's output.

    Attributes:
        entry_id: 24 hex digits.
        score: From 0 to 1.
        band: The model's band, such as ``A``.
        model_version: Which model.
        reasons: In the order of the file.
    """

    entry_id: str
    score: Decimal
    band: str
    model_version: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VfScore:
    """A line of the second provider's response; a later one of the same account wins.

    Attributes:
        account_id: The account.
        vf_score: From 0 to 1; None when ``status`` says why, such as ``INSUFFICIENT_DATA``.
        tier: ``GOLD``, ``SILVER``, ``BRONZE`` or ``NONE``; None when not given.
        person_prob: Probability from 0 to 1, or None.
        attend_prob: Probability from 0 to 1, or None.
        resale_prob: Probability from 0 to 1, or None.
        cluster: The provider's group of accounts, or None.
        reasons: In the order of the file.
        status: The provider's word; "" when not given.
        scored_at: Aware instant, or None.
    """

    account_id: str
    vf_score: Decimal | None
    tier: str | None
    person_prob: Decimal | None
    attend_prob: Decimal | None
    resale_prob: Decimal | None
    cluster: str | None
    reasons: tuple[str, ...]
    status: str
    scored_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedScore:
    """A line that is not as agreed; it says where, never what.

    Attributes:
        file: Position of its file among those of the run, from 1.
        line: Number of the line in the file, from 1, the header included.
    """

    file: int
    line: int


Score: TypeAlias = InternalScore | VfScore | MalformedScore


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """An uploaded part of the input, for the manifest.

    Attributes:
        name: Last part of its key.
        rows: Rows in it.
        bytes: Stored size.
        sha256: Digest of the stored bytes, hex.
    """

    name: str
    rows: int
    bytes: int
    sha256: str


class ScoringFiles:
    """Both buckets.

    Args:
        internal: Bucket of our model.
        vf: Bucket of the second provider.
    """

    def __init__(self, *, internal: ObjectStore, vf: ObjectStore) -> None:
        """Remember the buckets; nothing is opened."""
        self._buckets = {Provider.INTERNAL: internal, Provider.VF: vf}

    def is_ready(self, run: ScoringRun) -> bool:
        """Say whether the provider has said that all its scores are there.

        Raises:
            Unavailable: The store did not answer well.
            Refused: Access is denied.
        """
        return self._buckets[run.provider].head(_ready_key(run)) is not None

    def scores(
        self, campaign_key: str, campaign_id: object, run: Mapping[str, Any]
    ) -> Iterator[list[Score]]:
        """Give the scores of a run in lists, in the order of its files; memory does not grow.

        What the manifest promises is checked while the files are read, so what was given counts for
        nothing before the last list has been taken.

        Args:
            campaign_key: The campaign's key.
            campaign_id: The campaign's id.
            run: The stored document of the run (DOMAIN.md 2.6): ``runId``, ``provider`` and, for
                the second provider, ``output.prefix`` or ``input.prefix`` with the day.

        Raises:
            Unavailable: The store did not answer well.
            Refused: The run is not finished (``SCORES_NOT_READY``), a file is missing, or does not
                hold the rows or the bytes that the manifest promises (``SCORES_MISMATCH``,
                ``SCORES_CORRUPT``), or the document does not describe a run of this campaign.
        """
        asked = run_of(campaign_key, campaign_id, run)
        if not self.is_ready(asked):
            raise Refused("SCORES_NOT_READY", "read the scores of a run")
        read = self._internal if asked.provider == Provider.INTERNAL else self._vf
        lines = read(asked)
        while batch := list(islice(lines, BATCH)):
            yield batch

    def upload(self, run: ScoringRun, number: int) -> Upload:
        """Return an upload of one part of the input, to use in a ``with`` block.

        Args:
            run: The run; one whose parts exist is refused when the block ends (AlreadyExists).
            number: From 0; the second provider takes one file only.
        """
        key = input_prefix(run) + part_name(run, number)
        kind = PARQUET if run.provider == Provider.INTERNAL else JSONL_GZ
        return self._buckets[run.provider].upload(key, media_type=kind)

    def commit_input(self, run: ScoringRun, files: Sequence[InputFile]) -> str:
        """Say that the input is complete: the manifest, after every file that it names.

        The second provider knows no manifest: its one file appears whole, and is its own.

        Returns:
            The key that the run's document notes as ``input.manifestKey``.

        Raises:
            AlreadyExists: This run was committed before; it was not touched.
            Refused: A file is not there with its size (``SCORES_INPUT_MISSING``).
            Unavailable: The store did not confirm.
        """
        bucket, prefix = self._buckets[run.provider], input_prefix(run)
        for one in files:
            stored = bucket.head(prefix + one.name)
            if stored is None or stored.bytes != one.bytes:
                raise Refused("SCORES_INPUT_MISSING", "commit the input of a scoring run")
        if run.provider == Provider.VF:
            return prefix + part_name(run, 0)
        stored = bucket.put(f"{prefix}manifest.json", _manifest(run, files), media_type=JSON)
        return stored.key

    def store(self, provider: Provider) -> ObjectStore:
        """Return the bucket of a provider, for what is not said here; it stays ours to close."""
        return self._buckets[provider]

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        for bucket in self._buckets.values():
            bucket.close()

    def _internal(self, run: ScoringRun) -> Iterator[Score]:
        promised = self._promised(run)
        for number, one in enumerate(promised, start=1):
            lines = self._lines(run, output_prefix(run) + one.name)
            rows = 0
            for line, text in _data(lines):
                rows += 1
                yield _internal_score(text) or MalformedScore(file=number, line=line)
            found = (rows, lines.bytes, lines.sha256)
            if found != (one.rows, one.bytes, one.sha256):
                raise Refused("SCORES_MISMATCH", "read a file of scores to its end")

    def _vf(self, run: ScoringRun) -> Iterator[Score]:
        for number, key in enumerate(self._responses(run), start=1):
            for line, text in enumerate(self._lines(run, key), start=1):
                if text.strip():
                    yield _vf_score(text) or MalformedScore(file=number, line=line)

    def _lines(self, run: ScoringRun, key: str) -> GzipLines:
        return GzipLines(self._buckets[run.provider].read(key))

    def _promised(self, run: ScoringRun) -> tuple[InputFile, ...]:
        """Return the files of the provider's manifest, whose rows must add up."""
        pieces = self._buckets[run.provider].read(f"{output_prefix(run)}manifest.json")
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > MAX_MANIFEST_BYTES:
                raise Refused("SCORES_MANIFEST", "read the manifest of a scoring run")
        try:
            manifest = json.loads(body)
            files = tuple(_promised_file(one) for one in manifest["files"])
            agrees = manifest["rows"] == sum(one.rows for one in files)
            named = manifest.get("runId", run.run_id) == run.run_id
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            agrees = named = False
        if not (agrees and named) or len({one.name for one in files}) != len(files):
            raise Refused("SCORES_MANIFEST", "read the manifest of a scoring run")
        return files

    def _responses(self, run: ScoringRun) -> list[str]:
        """Return the parts of the response; a gap in their numbers is a part that was lost."""
        prefix = f"{output_prefix(run)}response_{run.run_id}_"
        keys = [
            key
            for key in self._buckets[run.provider].keys(prefix)
            if re.fullmatch(r"\d{3}\.jsonl\.gz", key.removeprefix(prefix))
        ]
        numbers = [int(key.removeprefix(prefix)[:3]) for key in keys]
        # The numbers start at 0 or at 1: the format does not say (DOMAIN.md 4.3).
        if not numbers or numbers[0] > 1 or numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise Refused("SCORES_MISSING", "find the response of a scoring run")
        return keys


def run_of(campaign_key: str, campaign_id: object, run: Mapping[str, Any]) -> ScoringRun:
    """Return the run that a stored document describes; pure.

    Args:
        campaign_key: The campaign's key.
        campaign_id: The campaign's id.
        run: The document; its prefixes are used for the day only, so that one that was damaged
            cannot lead to the scores of another campaign.

    Raises:
        Refused: It does not describe a run (``SCORES_RUN``).
    """
    run_id = str(run.get("runId"))
    named = RUN_ID.fullmatch(run_id)
    if named is None:
        raise Refused("SCORES_RUN", "find the files of a scoring run")
    try:
        return ScoringRun(
            provider=Provider(str(run.get("provider"))),
            campaign_id=str(campaign_id),
            campaign_key=campaign_key,
            run_id=run_id,
            day=_day(run) or date.fromisoformat(named[1]),
        )
    except ValueError:
        raise Refused("SCORES_RUN", "find the files of a scoring run") from None


def input_prefix(run: ScoringRun) -> str:
    """Return the folder that we write to, with its ``/``; pure."""
    if run.provider == Provider.INTERNAL:
        return f"input/v1/campaign_id={run.campaign_id}/run_id={run.run_id}/"
    return output_prefix(run)


def output_prefix(run: ScoringRun) -> str:
    """Return the folder that the provider writes to, with its ``/``; pure."""
    if run.provider == Provider.INTERNAL:
        return f"output/v1/campaign_id={run.campaign_id}/run_id={run.run_id}/"
    return f"verified-fan/{run.campaign_key}/{run.day.isoformat()}/"


def part_name(run: ScoringRun, number: int) -> str:
    """Return the name of a part of the input; pure.

    Raises:
        ValueError: The second provider takes one file only.
    """
    if run.provider == Provider.INTERNAL:
        return f"part-{number:05d}.parquet"
    if number != 0:
        raise ValueError("the second provider takes one request file")
    return f"request_{run.run_id}.jsonl.gz"


def _ready_key(run: ScoringRun) -> str:
    flag = "_SUCCESS" if run.provider == Provider.INTERNAL else f"done_{run.run_id}.flag"
    return output_prefix(run) + flag


def _day(run: Mapping[str, Any]) -> date | None:
    for side in ("output", "input"):
        found = DAY.search(str((run.get(side) or {}).get("prefix") or ""))
        if found:
            return date.fromisoformat(found[1])
    return None


def _manifest(run: ScoringRun, files: Sequence[InputFile]) -> bytes:
    document = {
        "runId": run.run_id,
        "rows": sum(one.rows for one in files),
        # One digest for the whole input, as the run's document keeps: of the digests in order.
        "sha256": digest_of(files),
        "files": [
            {"name": one.name, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256}
            for one in files
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def digest_of(files: Sequence[InputFile]) -> str:
    """Return the digest of several files: SHA-256 of their hex digests in order, joined; pure."""
    return sha256("".join(one.sha256 for one in files).encode()).hexdigest()


def _promised_file(raw: Mapping[str, Any]) -> InputFile:
    name = str(raw["name"])
    if not FILE_NAME.fullmatch(name) or isinstance(raw["rows"], bool):
        raise ValueError("not a file of scores")
    return InputFile(
        name=name, rows=int(raw["rows"]), bytes=int(raw["bytes"]), sha256=str(raw["sha256"])
    )


def _data(lines: GzipLines) -> Iterator[tuple[int, str]]:
    """Give number and text of each line after the header, which must be ours."""
    numbered = enumerate(lines, start=1)
    _, header = next(numbered, (0, ""))
    if tuple(header.removeprefix("\ufeff").split(",")) != HEADER:
        raise Refused("SCORES_HEADER", "read the header of a file of scores")
    yield from numbered


def _internal_score(text: str) -> InternalScore | None:
    """Return the score of a line, or None when it is not one; a quoted cell holds no line end."""
    try:
        # A reader a line costs a third of the time, and a line with a quote is rare.
        cells = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
        entry_id, score, band, model_version, reasons = cells
    except (csv.Error, ValueError, StopIteration):
        return None
    number = _probability(score)
    if number is None or not OBJECT_ID.fullmatch(entry_id) or not _are_words(band, model_version):
        return None
    parts = tuple(reasons.split("|")) if reasons else ()
    if not all(_are_words(one) for one in parts):
        return None
    return InternalScore(
        entry_id=entry_id, score=number, band=band, model_version=model_version, reasons=parts
    )


class _Malformed(Exception):
    """A member is not as agreed."""


def _vf_score(text: str) -> VfScore | None:
    try:
        # Decimal, so that 0.1 stays 0.1 and "0.1", which is text, stays apart from it.
        raw = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        return _vf_shaped(raw) if isinstance(raw, dict) else None
    except (_Malformed, ValueError, RecursionError):
        return None


def _vf_shaped(raw: Mapping[str, Any]) -> VfScore:
    status = _word(raw, "status") or ""
    score = _fraction(raw, "vfScore")
    account = _word(raw, "accountId")
    # A missing score is a statement of its own, never a slip (DOMAIN.md 4.3).
    if account is None or (score is None) != (status == "INSUFFICIENT_DATA"):
        raise _Malformed
    return VfScore(
        account_id=account,
        vf_score=score,
        tier=_word(raw, "tier"),
        person_prob=_fraction(raw, "personProb"),
        attend_prob=_fraction(raw, "attendProb"),
        resale_prob=_fraction(raw, "resaleProb"),
        cluster=_word(raw, "cluster"),
        reasons=_words(raw, "reasons"),
        status=status,
        scored_at=_moment(raw, "scoredAt"),
    )


def _word(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _are_words(value):
        raise _Malformed
    return value


def _words(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = raw.get(name) or []
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise _Malformed
    if not _are_words(*values):
        raise _Malformed
    return tuple(values)


def _fraction(raw: Mapping[str, Any], name: str) -> Decimal | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, Decimal) or not _is_probability(value):
        raise _Malformed
    return value


def _moment(raw: Mapping[str, Any], name: str) -> datetime | None:
    text = _word(raw, name)
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise _Malformed
    return moment


def _probability(text: str) -> Decimal | None:
    """Return a number from 0 to 1, exactly as written; None when it is not one."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if _is_probability(number) else None


def _is_probability(number: Decimal) -> bool:
    return number.is_finite() and 0 <= number <= 1


def _are_words(*texts: str) -> bool:
    return all(0 < len(one) <= MAX_TEXT and one.isprintable() for one in texts)
