"""What the two scoring providers left in their buckets (DOMAIN.md 4.2 and 4.3)."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from export_platform.local.seed.basis.dataset import Document, SeedObject
from export_platform.local.seed.basis.identifiers import Kind, account_id
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import scores, users
from export_platform.local.seed.sized.chunk import Chunk, id_list
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.scores import Scored

PART: Final = 250_000
"""Entries a file, whatever the chunk: 15 MB of our model's lines, 40 MB of the other provider's."""

UNKNOWN: Final = 1 << 41
"""Added to the index of an entry for one of the same campaign that does not exist."""

_HEADER: Final = "entry_id,score,band,model_version,reasons\n"
_TIERS: Final = (("GOLD", 0.85), ("SILVER", 0.7), ("BRONZE", 0.5), ("NONE", 0.0))
_SCORED: Final = "2026-03-11T05:40:00Z"


def objects(
    recipe: Recipe, pieces: Iterable[tuple[int, Iterable[Chunk]]], ledger: Ledger
) -> Iterator[SeedObject]:
    """The files of both runs of a campaign, and what says that they are complete.

    `pieces` are the parts by number from 0, each as the chunks of its entries in order.
    """
    listed: list[Document] = []
    digests = ""
    folder = scores.internal_prefix(recipe)
    answers = scores.vf_prefix(recipe) + f"response_{scores.run_id(recipe)}"
    for number, chunks in pieces:
        ours, theirs = _lines(chunks, ledger)
        body = _zipped(_HEADER + "".join(ours))
        name, digest = f"scores-{number:05d}.csv.gz", hashlib.sha256(body).hexdigest()
        digests += digest
        listed.append({"name": name, "rows": len(ours), "bytes": len(body), "sha256": digest})
        yield SeedObject(bucket=scores.INTERNAL_BUCKET, key=folder + name, body=body)
        answer = f"{answers}_{number + 1:03d}.jsonl.gz"
        yield SeedObject(bucket=scores.VF_BUCKET, key=answer, body=_zipped("".join(theirs)))
    if not listed:
        return
    manifest = {
        "runId": scores.internal_run_id(recipe),
        "rows": sum(int(str(each["rows"])) for each in listed),
        "sha256": hashlib.sha256(digests.encode()).hexdigest(),
        "files": listed,
    }
    text = (json.dumps(manifest, indent=2) + "\n").encode()
    for name, body in (("manifest.json", text), ("_SUCCESS", b"")):
        yield SeedObject(bucket=scores.INTERNAL_BUCKET, key=folder + name, body=body)
    flag = f"{scores.vf_prefix(recipe)}done_{scores.run_id(recipe)}.flag"
    yield SeedObject(bucket=scores.VF_BUCKET, key=flag, body=b"")


def _zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def _lines(chunks: Iterable[Chunk], ledger: Ledger) -> tuple[list[str], list[str]]:
    """The lines of a part: ours by entry, theirs in the order of a random number."""
    ours: list[str] = []
    theirs: list[tuple[int, int, str]] = []
    for chunk in chunks:
        scored = scores.score(chunk.recipe, chunk.index, chunk.plan)
        ours += _internal(chunk, scored, ledger)
        theirs += _vf(chunk, scored, ledger)
    theirs.sort()
    return ours, [line for *_, line in theirs]


def _internal(chunk: Chunk, scored: Scored, ledger: Ledger) -> Iterator[str]:
    """One line an entry that was asked for; one now and then for an entry that nobody knows."""
    places = np.flatnonzero(scored.asked | scored.unknown).tolist()
    model = scores.INTERNAL_MODEL
    for place in places:
        value = float(scored.internal[place])
        rest = f"{value:.6f},{scores.band_of(value)},{model},{'|'.join(scores.reasons(value))}\n"
        if scored.asked[place]:
            if scored.missing[place]:
                ledger.add("scores_missing", chunk.entry_ids[place])
            else:
                yield f"{chunk.entry_ids[place]},{rest}"
        if scored.unknown[place]:
            nobody = id_list(Kind.ENTRY, chunk.recipe, [chunk.numbers[place] + UNKNOWN])[0]
            ledger.add("scores_unknown_entry", nobody)
            yield f"{nobody},{rest}"


def _vf(chunk: Chunk, scored: Scored, ledger: Ledger) -> Iterator[tuple[int, int, str]]:
    """One line an account with the random number that orders it; the last of an account wins."""
    accounts = users.accounts(chunk)
    first, second = (
        chunk.draws.bits(f"vf.order.{turn}", chunk.index).tolist() for turn in ("a", "b")
    )
    for place in np.flatnonzero(scored.asked).tolist():
        account, number = accounts[place], chunk.numbers[place]
        value = float(scored.values[place])
        early, late = sorted((first[place], second[place]))
        if scored.missing[place]:
            if not scored.insufficient[place]:
                ledger.add("vf_scores_missing", account)
                continue
            ledger.add("vf_scores_null", account)
        yield late, number, _answer(account, value, null=bool(scored.missing[place]))
        if scored.repeated[place]:
            ledger.add("vf_scores_repeated", account)
            yield early, number, _answer(account, round(value / 2, 4), null=False)
    for place in np.flatnonzero(scored.unknown).tolist():
        number = chunk.numbers[place]
        nobody = account_id(id_list(Kind.USER, chunk.recipe, [number + UNKNOWN])[0])
        ledger.add("vf_scores_unknown_account", nobody)
        yield first[place], number, _answer(nobody, 0.5, null=False)


def _answer(account: str, value: float, *, null: bool) -> str:
    tier = next(name for name, least in _TIERS if value >= least)
    answer = {
        "accountId": account,
        "vfScore": None if null else value,
        "tier": None if null else tier,
        "personProb": None if null else round(0.5 + value / 2, 4),
        "attendProb": None if null else round(value * 0.9, 4),
        "resaleProb": None if null else round((1 - value) / 2, 4),
        "cluster": None,
        "reasons": [] if null else scores.reasons(value),
        "status": "INSUFFICIENT_DATA" if null else "OK",
        "scoredAt": _SCORED,
    }
    return json.dumps(answer, separators=(",", ":")) + "\n"
