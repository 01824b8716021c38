"""The catalogue: what every kind of export must declare, whoever adds it."""

import ast
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import assets.exports
from assets.exports.catalog import CATALOG
from assets.model.campaign import Question
from assets.model.column import Column, Pii
from assets.model.export_type import ExportType
from assets.model.parameters import schema
from assets.model.source import Consistency, consistency
from assets.sources import build_sources
from tests.assets.examples import campaign, facts, request

FOLDER = Path(assets.exports.__file__).parent
KINDS = list(CATALOG.values())
STORES = {"mongo", "athena", "http", "s3"}


def fixed(kind: ExportType) -> tuple[Column, ...]:
    """The columns of an export with its defaults."""
    return kind.columns(facts(kind.name, asked=request(kind.name)))


def test_every_module_that_declares_an_export_is_listed_once() -> None:
    """A module that nobody listed is an export that silently does not exist."""
    declaring = {
        file.stem
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ExportType"
    }

    assert {kind.name.replace("-", "_") for kind in KINDS} == declaring
    assert {kind.name: kind for kind in KINDS} == dict(CATALOG)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_says_who_owns_it_and_how_long_its_files_live(kind: ExportType) -> None:
    """People must know whom to ask, and files with personal data must end."""
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,39}", kind.name)
    assert kind.version >= 1
    assert kind.owner.startswith("team:")
    assert 1 <= kind.retention_days <= 90
    assert kind.summary.endswith(".")


@pytest.mark.parametrize(
    ("name", "promised"),
    [
        pytest.param("entries", Consistency.WATERMARK, id="keyset pages up to an instant"),
        pytest.param("code-redemptions", Consistency.SNAPSHOT, id="one query"),
        pytest.param("codes", Consistency.NONE, id="a service without a snapshot"),
        pytest.param("campaign-summary", Consistency.NONE, id="several of them"),
    ],
)
def test_a_kind_promises_of_changing_rows_what_its_source_can_keep(
    name: str, promised: Consistency
) -> None:
    """Who compares two files must know what a difference means (API.md 2)."""
    assert consistency(CATALOG[name].rows) is promised


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_column_has_a_name_that_any_tool_takes_a_class_and_a_source(
    kind: ExportType,
) -> None:
    """A column without a class would be shown to anyone; one without a source has no lineage."""
    columns = (*kind.static_columns, *fixed(kind))

    assert all(re.fullmatch(r"[a-zA-Z0-9_]+", column.name) for column in columns)
    assert all(isinstance(column.pii, Pii) for column in columns)
    assert all(re.match(r"(e|u|m|p|s|c|A|CS|ES|SF)\.|X: ", column.source) for column in columns)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_two_columns_of_an_export_have_one_name(kind: ExportType) -> None:
    """Two equal headers make a file that most tools read wrongly."""
    for columns in (kind.static_columns, fixed(kind)):
        names = [column.name for column in columns]
        assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_listed_columns_are_those_of_the_files_in_their_order(kind: ExportType) -> None:
    """The listing, the policy and the data dictionary show them before there is a campaign."""
    listed = [column.name for column in kind.static_columns]
    names = [column.name for column in fixed(kind)]

    assert listed == [name for name in names if name in set(listed)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_total_order_is_told_in_columns_that_exist_and_ends_in_an_id(
    kind: ExportType,
) -> None:
    """The same snapshot gives the same bytes only if no two rows can change places.

    Rows that are made of others, or are sorted by us, have the total order of their own key.
    """
    listed = {column.name: column for column in kind.static_columns}

    assert set(kind.sort) <= listed.keys()
    if kind.rows.fold is None and kind.rows.arrange is None:
        assert listed[kind.sort[-1]].pii is Pii.PSEUDONYM


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_upstream_names_stores_that_lineage_knows(kind: ExportType) -> None:
    """Lineage that ends nowhere tells nobody which collection an export reads."""
    assert {path[0] for path in kind.upstream} <= STORES
    assert {tuple(spec.key.path) for spec in build_sources([kind])} == set(kind.upstream)
    assert len(set(kind.upstream)) == len(kind.upstream)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_schema_of_each_kind_is_valid_and_every_member_is_described(
    kind: ExportType,
) -> None:
    """Forms and clients are made from it."""
    rules = schema(kind)
    Draft202012Validator.check_schema(rules)

    assert all(member["description"].endswith(".") for member in rules["properties"].values())
    assert kind.versioned == rules["title"]
    assert rules["additionalProperties"] is False


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_option_of_a_kind_hides_a_common_one(kind: ExportType) -> None:
    """An option called `columns` or `pii` would replace the one that the policy reads."""
    common = {"campaign_id", "columns", "pii", "reason", "format", "dialect", "compression"}
    names = [option.name for option in kind.options]

    assert not common & set(names)
    assert sorted(set(names)) == sorted(names)


def test_a_listed_class_is_not_lowered_by_a_question_of_the_campaign() -> None:
    """The class of an answer is what the campaign says, and the most sensitive if it is silent."""
    asked = campaign(
        questions=[
            Question(key="club", type="text", pii=Pii.SECRET, order=1, exportable=True),
            Question(key="city", type="text", pii=Pii.QUASI_IDENTIFIER, order=2, exportable=True),
        ]
    )
    classes = {c.name: c.pii for c in CATALOG["entries"].columns(facts(of=asked))}

    assert (Pii.SECRET, Pii.QUASI_IDENTIFIER) == (classes["q_club"], classes["q_city"])


OFFERING_MARKETS = [
    kind for kind in KINDS if any(option.name == "markets" for option in kind.options)
]


def reads_markets(source: str) -> bool:
    """Whether a module, or a shared one that it imports, looks at the markets that were chosen."""
    shared = re.findall(r"^from assets\.exports\.shared\.(\w+) import", source, re.MULTILINE)
    # The module that defines the rule is imported by all, and by most for other rules.
    texts = [
        (FOLDER / "shared" / f"{name}.py").read_text(encoding="utf-8")
        for name in shared
        if name != "entry_options"
    ]
    return any(re.search(r"chosen_markets?\b|get\(.markets.\)", text) for text in (source, *texts))


@pytest.mark.parametrize("kind", OFFERING_MARKETS, ids=lambda kind: kind.name)
def test_a_kind_that_offers_markets_looks_at_them(kind: ExportType) -> None:
    """An option is offered as soon as it is declared; without its rule all fans are in the file."""
    module = FOLDER / f"{kind.name.replace('-', '_')}.py"

    assert reads_markets(module.read_text(encoding="utf-8"))


def test_a_kind_that_forgets_the_markets_is_seen() -> None:
    """The control: it imports what everybody imports, and offers what it does not look at."""
    forgetful = "from assets.exports.shared.entry_options import ENTRY_FILTER, entry_filter\n"

    assert not reads_markets(forgetful)
