"""Whether somebody may have what he asks for, before it is in the queue (API.md 1, 4, 7)."""

from dataclasses import dataclass

from api_bridge.access.caller import Caller, insufficient_scope
from api_bridge.protocol.problems import Code, ProblemError, invalid, not_found
from api_bridge.protocol.submission import Submission
from api_bridge.routes.context import Bridge
from api_bridge.routes.sizes import estimated, rows_to_read
from assets.grounds import NotRemembered
from assets.loading import UNKNOWN_CAMPAIGN, load
from assets.model.campaign import Facts
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.parameters import Forbidden, InvalidRequest, parse
from assets.model.request import ExportRequest
from assets.steps.plan import plan


@dataclass(frozen=True, slots=True)
class Vetting:
    """The checks of one request.

    Attributes:
        bridge: What is known.
        caller: Who asks.
        at_once: Nothing may be read: what is not remembered is `NotRemembered`, and is to be
            asked again by somebody who may wait.
    """

    bridge: Bridge
    caller: Caller
    at_once: bool = False

    def facts(self, submission: Submission, *, lenient: bool) -> Facts:
        """The request of a body with the ground that a run would find now, or found seconds ago.

        Raises:
            NotRemembered: Something has to be read.
            ProblemError: 400, 403, the 404 of a campaign that is not there or not the caller's, or
                422 for what a run would refuse before its first row (DOMAIN.md 5.1).
        """
        request = self._parsed(submission, lenient=lenient)
        self._check_campaign(request)
        return self._grounded(submission.export_type, request)

    def bound(self, export_type: ExportType, facts: Facts) -> None:
        """Let an export pass that reads no more rows than one may, or whose rows nobody can count.

        Raises:
            NotRemembered: They have to be counted.
            ProblemError: 422 with the estimate.
        """
        bound = self.bridge.rows_per_export
        if bound is None:
            return
        self._must_read()
        rows = rows_to_read(self.bridge, export_type, facts, most=bound + 1)
        if rows is not None and rows > bound:
            raise ProblemError(
                Code.QUOTA_EXCEEDED,
                f"It would read more than {bound} rows, which is all that one export may read.",
                members={"max_rows": bound, "estimate": estimated(self.bridge, export_type, facts)},
            )

    def _must_read(self) -> None:
        """Say that something has to be read."""
        if self.at_once:
            raise NotRemembered

    def _parsed(self, submission: Submission, *, lenient: bool) -> ExportRequest:
        try:
            return parse(
                submission.export_type,
                submission.params,
                scopes=self.caller.scopes,
                pointer="/params",
                lenient=lenient,
            )
        except InvalidRequest as wrong:
            raise invalid(wrong.problems) from None
        except Forbidden as denied:
            raise insufficient_scope(
                sorted(set(denied.columns.values())), sorted(denied.columns)
            ) from None

    def _check_campaign(self, request: ExportRequest) -> None:
        if request.campaign is None:
            if not self.caller.sees_every_campaign:
                raise not_found()
        elif not self.caller.sees(request.campaign):
            self._must_read()
            # Read all the same, so that foreign and unknown take the same time.
            self.bridge.stores.campaigns.by_key(request.campaign)
            raise not_found("/params/campaign_id")

    def _grounded(self, export_type: ExportType, request: ExportRequest) -> Facts:
        try:
            return self._planned(export_type, request)
        except ExportFailed as failed:
            self._must_read()
            # What is remembered refuses nobody: what there is now decides.
            if not self.bridge.grounds.forget(request.partition):
                raise _not_exportable(failed) from None
        try:
            return self._planned(export_type, request)
        except ExportFailed as failed:
            raise _not_exportable(failed) from None

    def _planned(self, export_type: ExportType, request: ExportRequest) -> Facts:
        if export_type.scope is not Scope.CAMPAIGN:
            self._must_read()
        grounds, now = self.bridge.grounds, self.bridge.clock.now()
        reads = grounds.at_once if self.at_once else grounds.of
        facts = load(export_type, request, now, self.bridge.stores, reads=reads)
        plan(export_type, facts)
        return facts


def _not_exportable(failed: ExportFailed) -> ProblemError:
    if failed.code == UNKNOWN_CAMPAIGN:
        return not_found("/params/campaign_id")
    return ProblemError(
        Code.NOT_EXPORTABLE,
        f"{failed.message[:1].upper()}{failed.message[1:]}.",
        members={"business_code": failed.code},
    )
