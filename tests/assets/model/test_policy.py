"""Who may see which column: the whole matrix of DOMAIN.md 7.0, and nothing by omission."""

from dataclasses import replace
from itertools import product

import pytest

from assets.model.column import E164, EMAIL, ENUM, ID, Column, Format, Pii, text
from assets.model.policy import (
    PII_SCOPES,
    PiiMode,
    Policy,
    Transform,
    denied,
    transform,
    withheld,
)
from tests.assets.examples import column

NONE: tuple[str, ...] = ()
MASKED = ("pii:masked",)
FULL = ("pii:full", "pii:masked")
SCORES = ("scores:read",)
ANSWERS = ("answers:sensitive", "pii:full", "pii:masked")

# Name, format and class of one column of each sort.
COLUMNS = {
    "status": (ENUM, Pii.NONE),
    "city": (text(80), Pii.QUASI_IDENTIFIER),
    "postal_code": (text(12), Pii.QUASI_IDENTIFIER),
    "entry_id": (ID, Pii.PSEUDONYM),
    "first_name": (text(80), Pii.DIRECT),
    "email": (EMAIL, Pii.DIRECT),
    "phone": (E164, Pii.DIRECT),
    "risk_band": (ENUM, Pii.RESTRICTED),
    "q_club_no": (text(80), Pii.SECRET),
}
# What becomes of a column in a mode: "403 x" is refused without the scope x; "-" is withheld.
MATRIX: dict[tuple[str, ...], dict[str, tuple[str, str, str, str]]] = {
    # grants -> column -> (full, masked, hashed, none)
    NONE: {
        "status": ("none", "none", "none", "none"),
        "city": ("403 pii:masked", "403 pii:masked", "-", "-"),
        "postal_code": ("403 pii:masked", "403 pii:masked", "-", "-"),
        "entry_id": ("403 pii:masked", "403 pii:masked", "403 pii:masked", "-"),
        "first_name": ("403 pii:full", "403 pii:masked", "-", "-"),
        "email": ("403 pii:full", "403 pii:masked", "403 pii:masked", "-"),
        "phone": ("403 pii:full", "403 pii:masked", "403 pii:masked", "-"),
        "risk_band": ("-", "-", "-", "-"),
        "q_club_no": ("-", "-", "-", "-"),
    },
    MASKED: {
        "status": ("none", "none", "none", "none"),
        "city": ("none", "none", "-", "-"),
        "postal_code": ("none", "postal_prefix", "-", "-"),
        "entry_id": ("none", "none", "hmac", "-"),
        "first_name": ("403 pii:full", "mask_name", "-", "-"),
        "email": ("403 pii:full", "mask_email", "sha256_email", "-"),
        "phone": ("403 pii:full", "mask_phone", "sha256_phone", "-"),
        "risk_band": ("-", "-", "-", "-"),
        "q_club_no": ("-", "-", "-", "-"),
    },
    FULL: {
        "status": ("none", "none", "none", "none"),
        "city": ("none", "none", "-", "-"),
        "postal_code": ("none", "postal_prefix", "-", "-"),
        "entry_id": ("none", "none", "hmac", "-"),
        "first_name": ("none", "mask_name", "-", "-"),
        "email": ("none", "mask_email", "sha256_email", "-"),
        "phone": ("none", "mask_phone", "sha256_phone", "-"),
        "risk_band": ("-", "-", "-", "-"),
        "q_club_no": ("-", "-", "-", "-"),
    },
    SCORES: {
        "status": ("none", "none", "none", "none"),
        "city": ("403 pii:masked", "403 pii:masked", "-", "-"),
        "postal_code": ("403 pii:masked", "403 pii:masked", "-", "-"),
        "entry_id": ("403 pii:masked", "403 pii:masked", "403 pii:masked", "-"),
        "first_name": ("403 pii:full", "403 pii:masked", "-", "-"),
        "email": ("403 pii:full", "403 pii:masked", "403 pii:masked", "-"),
        "phone": ("403 pii:full", "403 pii:masked", "403 pii:masked", "-"),
        "risk_band": ("none", "none", "-", "-"),
        "q_club_no": ("-", "-", "-", "-"),
    },
    ANSWERS: {
        "status": ("none", "none", "none", "none"),
        "city": ("none", "none", "-", "-"),
        "postal_code": ("none", "postal_prefix", "-", "-"),
        "entry_id": ("none", "none", "hmac", "-"),
        "first_name": ("none", "mask_name", "-", "-"),
        "email": ("none", "mask_email", "sha256_email", "-"),
        "phone": ("none", "mask_phone", "sha256_phone", "-"),
        "risk_band": ("-", "-", "-", "-"),
        "q_club_no": ("none", "-", "-", "-"),
    },
}
MODES = (PiiMode.FULL, PiiMode.MASKED, PiiMode.HASHED, PiiMode.NONE)
CASES = [
    (grants, name, mode, row[place])
    for grants, rows in MATRIX.items()
    for name, row in rows.items()
    for place, mode in enumerate(MODES)
]


def made(name: str, form: Format | None = None, pii: Pii | None = None) -> Column:
    """A column of the table."""
    known_form, known_pii = COLUMNS[name]
    return column(name, lambda _: None, form=form or known_form, pii=pii or known_pii)


def judged(shown: Column, policy: Policy) -> str:
    """The decision on one column as the table writes it."""
    refused = denied((shown,), policy).get(shown.name)
    if refused is not None:
        return f"403 {refused}"
    done = transform(shown, policy)
    return "-" if done is Transform.WITHHELD else str(done)


@pytest.mark.parametrize(("grants", "name", "mode", "expected"), CASES)
def test_the_matrix_of_classes_modes_and_grants_is_as_written(
    grants: tuple[str, ...], name: str, mode: PiiMode, expected: str
) -> None:
    """One wrong cell shows personal data to people who may not see it."""
    assert expected == judged(made(name), Policy(mode=mode, grants=grants))


def test_the_table_above_names_every_class_and_every_mode() -> None:
    """A class or mode added later must be decided here before anybody sees it."""
    assert set(Pii) == {pii for _, pii in COLUMNS.values()}
    assert set(PiiMode) == set(MODES)
    assert all(COLUMNS.keys() == rows.keys() for rows in MATRIX.values())


@pytest.mark.parametrize(("pii", "mode"), list(product(Pii, PiiMode)))
def test_without_any_grant_only_what_is_not_personal_is_shown(pii: Pii, mode: PiiMode) -> None:
    """Default deny: a column is withheld unless a rule shows it."""
    done = transform(column("any", lambda _: None, pii=pii), Policy(mode=mode))

    assert (done is Transform.NONE) == (pii is Pii.NONE)
    assert pii is Pii.NONE or done is Transform.WITHHELD


@pytest.mark.parametrize("pii", [p for p in Pii if p is not Pii.NONE])
def test_without_personal_data_no_grant_shows_any(pii: Pii) -> None:
    """`none` means none, also for somebody who may see everything."""
    shown = column("any", lambda _: None, pii=pii)

    assert transform(shown, Policy(mode=PiiMode.NONE, grants=PII_SCOPES)) is Transform.WITHHELD


@pytest.mark.parametrize("half", ["pii:full", "answers:sensitive"])
def test_secret_answers_need_both_scopes(half: str) -> None:
    """Either scope alone is given out far more freely than the two together."""
    policy = Policy(mode=PiiMode.FULL, grants=(half, "pii:masked"))

    assert transform(made("q_club_no"), policy) is Transform.WITHHELD


@pytest.mark.parametrize("pii", [Pii.NONE, Pii.QUASI_IDENTIFIER])
def test_a_postal_code_is_cut_in_masked_mode_wherever_it_stands(pii: Pii) -> None:
    """Five digits and a year of birth name a person; three do not."""
    policy = Policy(mode=PiiMode.MASKED, grants=FULL)

    assert transform(made("postal_code", pii=pii), policy) is Transform.POSTAL_PREFIX


def test_withheld_columns_are_told_in_the_order_of_the_catalogue() -> None:
    """People see in the answer which columns the file will not have."""
    columns = [made(name) for name in COLUMNS]

    assert ("first_name", "risk_band", "q_club_no") == withheld(
        [c for c in columns if c.name not in {"city", "postal_code"}],
        Policy(mode=PiiMode.HASHED, grants=FULL),
    )


def test_a_decision_is_stored_and_read_back_as_it_was() -> None:
    """The worker must apply the decision that was made, not make another one."""
    made_once = Policy(mode=PiiMode.HASHED, grants=FULL)

    assert made_once == Policy.from_document(made_once.to_document())


def test_an_unknown_mode_in_a_stored_decision_is_not_guessed() -> None:
    """A damaged document must not come out as the most generous mode."""
    with pytest.raises(ValueError, match="everything"):
        Policy.from_document({"mode": "everything", "grants": []})


def test_an_id_that_must_not_be_joined_is_a_keyed_hash_in_every_mode() -> None:
    """Answers beside the id that the list of addresses shows would tell who gave them."""
    answer = replace(column("entry_id", lambda _: None, pii=Pii.PSEUDONYM), keyed=True)

    shown = {mode: transform(answer, Policy(mode=mode, grants=PII_SCOPES)) for mode in PiiMode}

    assert {Transform.HMAC} == {shown[PiiMode.FULL], shown[PiiMode.MASKED], shown[PiiMode.HASHED]}
    assert Transform.WITHHELD is shown[PiiMode.NONE]
