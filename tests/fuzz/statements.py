"""Strings for everything that a caller or a document can bring into an Athena statement.

A literal stands in the text and must be of its form or be refused; everything else is bound, as
one quoted text. Either way the tokens of the statement stay the same (RELIABILITY.md S9).
"""

import random
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from string import Template

import sqlglot
from sqlglot.tokenizer_core import TokenType

from assets.exports.shared.statements import statement
from resources.athena import literal
from tests.fuzz.judge import Tally
from tests.fuzz.texts import TEXTS

SQL = files("assets.exports") / "sql"
GOOD: Mapping[str, str] = {
    "campaign_id": "66500000000000000000c001",
    "from_date": "2026-01-01",
    "to_date": "2026-12-31",
    "until": "2026-03-20 12:00:00.000",
    "unit": "hour",
    "minutes": "15",
    "market_keys": "'new-york-ny', 'vancouver-bc'",
}
QUOTES = "'\"`\\;-/*\n\r\t\0%_?$:()|,. "
Shape = tuple[TokenType, ...]
Filled = Callable[[str], str]


def attack(tally: Tally, strings: int, seed: int, *, filled: Mapping[str, Filled]) -> int:
    """Try so many strings for each parameter; how many were tried.

    Args:
        tally: Where a statement whose shape changed is counted.
        strings: How many for each parameter.
        seed: Gives the same strings again.
        filled: Parameter to what makes a statement of a string, or refuses it.
    """
    tried = 0
    for name, fill in filled.items():
        usual = shape(fill(GOOD.get(name, "x")))
        for text in texts(GOOD.get(name, "x"), strings, f"{seed} {name}"):
            tried += 1
            try:
                made = fill(text)
            except ValueError:
                continue
            if _shape_or_none(made) != usual:
                tally.fault("statements", f"{name} = {text!r:.200}")
    return tried


def parameters() -> Mapping[str, Filled]:
    """Every parameter of every template, in the statement it stands in, and every bound one."""
    # One that a template names and that has no good value here breaks the round.
    named = sorted({name for template in _templates() for name in _names(template)})
    literals = {name: _literal(name) for name in named}
    return {**literals, "bound": _bound, "bound and unloaded": _unloaded}


def _literal(name: str) -> Filled:
    template = next(path for path in _templates() if name in _names(path))
    return lambda text: statement(template, literals={**GOOD, name: text}).sql


def _bound(text: str) -> str:
    """As Athena fills a `?`."""
    return f"SELECT a FROM b WHERE c = {literal(text)} AND d = 1"  # noqa: S608 - what is tested


def _unloaded(text: str) -> str:
    select = _bound(text)
    return f"UNLOAD ({select}) TO 's3://bucket/prefix/' WITH (format = 'PARQUET')"


def shape(sql: str) -> Shape:
    """The kinds of its tokens, which are the same whatever the values are.

    Trino's reader, because the one for Athena takes an UNLOAD for a single word. A list of texts
    counts as one, because a campaign may have any number of markets.
    """
    kinds: list[TokenType] = []
    for token in sqlglot.tokenize(sql, read="trino"):
        kinds.append(token.token_type)
        if kinds[-3:] == [TokenType.STRING, TokenType.COMMA, TokenType.STRING]:
            del kinds[-2:]
    return tuple(kinds)


def _shape_or_none(sql: str) -> Shape | None:
    try:
        return shape(sql)
    except sqlglot.errors.SqlglotError:
        return None


def texts(good: str, count: int, seed: str) -> Iterator[str]:
    """The naughty texts alone and around a good value, then good values damaged by chance."""
    chance = random.Random(seed)  # noqa: S311 - the same strings each time
    fixed = [form for text in TEXTS for form in (text, good + text, text + good)]
    chance.shuffle(fixed)
    yield from fixed[:count]
    for _ in range(count - len(fixed)):
        yield _damaged(good, chance)


def _damaged(good: str, chance: random.Random) -> str:
    letters = list(good)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(letters) + 1)
        new = chance.choice((chance.choice(QUOTES), chance.choice(good), chance.choice(TEXTS)))
        letters[at : at + chance.randint(0, 1)] = [new]
    return "".join(letters)


def _templates() -> list[str]:
    folders = sorted(folder.name for folder in SQL.iterdir() if folder.is_dir())
    return [f"{name}/{one.name}" for name in folders for one in (SQL / name).iterdir()]


def _names(template: str) -> list[str]:
    return Template((SQL / template).read_text(encoding="utf-8")).get_identifiers()
