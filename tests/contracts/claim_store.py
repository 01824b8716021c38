"""What the store of claims promises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from resources.mongo.claims import Claim, ClaimStore, Holder
from resources.mongo.exports import Change, ExportStore, Match

ONE, TWO, THREE = (Holder(export=f"exp_{n}", token=f"t{n}") for n in (1, 2, 3))
PLACE = "caller:svc:$a.b#0"


class ClaimStoreContract:
    """The suite; a subclass gives the fixtures.

    ``claims``: an empty store. ``exports``: the exports of the same database, empty. ``passes``:
    lets so many seconds pass on the database's clock.
    """

    doors: ClassVar = (ClaimStore,)

    def test_one_of_many_takes_a_claim(self, claims: ClaimStore) -> None:
        """Coalescing and caps rest on it: two processes must not both win."""
        with ThreadPoolExecutor(8) as pool:
            holders = [Holder(export=f"exp_{n}", token="t") for n in range(8)]
            taken = list(pool.map(lambda holder: claims.take([PLACE], holder), holders))

        (winner,) = [holder for holder, won in zip(holders, taken, strict=True) if won]
        assert claims.held([PLACE]) == {PLACE: Claim(holder=winner, status=None)}
        assert claims.take(["caller:svc:$a.b#1"], TWO)

    def test_claims_are_taken_in_their_order_up_to_the_first_that_somebody_has(
        self, claims: ClaimStore
    ) -> None:
        """Who is refused one must know which he has, and must not hold those behind it."""
        claims.take(["c"], TWO)

        assert claims.take(["a", "b", "c", "d"], ONE) == 2
        assert claims.take(["a"], THREE) == 0
        assert claims.take(["d", "e"], THREE) == 2
        assert claims.take([], ONE) == 0
        assert {name: claim.holder for name, claim in claims.held("abcde").items()} == {
            "a": ONE,
            "b": ONE,
            "c": TWO,
            "d": THREE,
            "e": THREE,
        }

    def test_claims_of_several_are_taken_each_whatever_becomes_of_the_others(
        self, claims: ClaimStore
    ) -> None:
        """Who is refused stops nobody behind him, and of two who want the same one has it."""
        claims.take(["b"], THREE)

        taken = claims.take_each([("a", ONE), ("b", ONE), ("c", ONE), ("c", TWO), ("d", TWO)])

        assert taken == [True, False, True, False, True]
        assert claims.take_each([]) == []
        assert {name: claim.holder for name, claim in claims.held("abcd").items()} == {
            "a": ONE,
            "b": THREE,
            "c": ONE,
            "d": TWO,
        }

    def test_of_many_who_take_several_in_one_order_one_has_them_all(
        self, claims: ClaimStore
    ) -> None:
        """Nobody is given a part of what another one was given first."""
        with ThreadPoolExecutor(8) as pool:
            holders = [Holder(export=f"exp_{n}", token="t") for n in range(8)]
            taken = list(pool.map(lambda holder: claims.take(["a", "b", "c"], holder), holders))

        assert sorted(taken) == [0] * 7 + [3]
        (winner,) = {claim.holder for claim in claims.held("abc").values()}
        assert taken[holders.index(winner)] == 3

    def test_a_claim_tells_what_became_of_its_export(
        self, claims: ClaimStore, exports: ExportStore
    ) -> None:
        """An end frees a claim without a write; an export that lives again is another holder."""
        claims.take(["a"], ONE)
        claims.take(["b"], TWO)
        exports.insert({"_id": ONE.export, "status": "queued", "holds": {"token": ONE.token}})
        exports.insert({"_id": TWO.export, "status": "queued", "holds": {"token": "another"}})
        exports.change(ONE.export, Match(statuses=("queued",)), Change(set={"status": "failed"}))

        assert claims.held(["a", "b", "c"]) == {
            "a": Claim(holder=ONE, status="failed"),
            "b": Claim(holder=TWO, status=None),
        }
        assert claims.held([]) == {}

    def test_an_export_that_holds_nothing_has_no_claim(
        self, claims: ClaimStore, exports: ExportStore
    ) -> None:
        """Exports that a person starts in Dagster are let in by nobody."""
        claims.take(["a"], ONE)
        exports.insert({"_id": ONE.export, "status": "queued", "holds": None})

        assert claims.held(["a"])["a"].status is None

    def test_an_export_without_a_token_can_claim(
        self, claims: ClaimStore, exports: ExportStore
    ) -> None:
        """It takes its targets all the same; before it is stored it is nobody, as others are."""
        unnamed = Holder(export=ONE.export, token="")
        claims.take(["a"], unnamed)

        assert claims.held(["a"]) == {"a": Claim(holder=unnamed, status=None)}
        exports.insert({"_id": ONE.export, "status": "queued", "holds": None})
        assert claims.held(["a"]) == {"a": Claim(holder=unnamed, status="queued")}
        assert not claims.take_over("a", TWO, instead_of=ONE)

    def test_a_claim_is_taken_over_once(self, claims: ClaimStore) -> None:
        """Two that saw the same dead holder must not both follow it."""
        claims.take([PLACE], ONE)

        assert not claims.take([PLACE], TWO)
        assert not claims.take_over(PLACE, TWO, instead_of=THREE)
        assert claims.take_over(PLACE, TWO, instead_of=ONE)
        assert not claims.take_over(PLACE, THREE, instead_of=ONE)
        assert not claims.take_over("nobody's", THREE, instead_of=ONE)
        assert claims.held([PLACE, "nobody's"]) == {PLACE: Claim(holder=TWO, status=None)}

    def test_the_age_of_a_claim_is_the_databases(
        self, claims: ClaimStore, passes: Callable[[float], None]
    ) -> None:
        """What a crash left is free after a grace; what is just being used is not."""
        claims.take([PLACE], ONE)

        assert not claims.take_over(PLACE, TWO, instead_of=ONE, older=30.0)
        passes(0.05)
        assert claims.take_over(PLACE, TWO, instead_of=ONE, older=0.01)
        assert not claims.take_over(PLACE, THREE, instead_of=TWO, older=30.0)

    def test_a_released_claim_can_be_taken_again(self, claims: ClaimStore) -> None:
        """Released by its holder only: a late hand must not free what another has by now."""
        for _ in range(3):
            assert claims.take([PLACE], ONE)
            claims.release([PLACE, "nobody's"], TWO)
            assert not claims.take([PLACE], TWO)
            claims.release([PLACE], ONE)
            assert claims.take([PLACE], TWO)
            claims.release([PLACE], TWO)
