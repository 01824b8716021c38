"""DOMAIN.md 11: each invariant holds on both packs, and a doctored file turns it red."""

import pytest

from tests.invariants import invariants
from tests.invariants.doctors import DOCTORS, Doctor
from tests.invariants.invariants import Invariant
from tests.invariants.told import Told


@pytest.mark.parametrize("invariant", invariants.ALL, ids=lambda one: str(one.__name__))
def test_it_holds(told: Told, invariant: Invariant) -> None:
    """On every file of a pack that is tame and of one that is not."""
    assert [] == invariant(told)


@pytest.mark.parametrize(
    ("invariant", "doctor"),
    [(invariant, doctor) for invariant, doctors in DOCTORS.items() for doctor in doctors],
    ids=lambda one: str(one.__name__),
)
def test_it_is_broken_by(told: Told, invariant: Invariant, doctor: Doctor) -> None:
    """Negative control: one wrong row, byte or number is seen."""
    assert [] != invariant(doctor(told))


def test_no_invariant_is_without_a_control() -> None:
    """One that nothing can break would say nothing."""
    assert list(invariants.ALL) == list(DOCTORS)
