"""What is no canary in the planted pack, one by one: a field that is not here must hold one."""

from collections.abc import Mapping
from typing import Final

# Texts that are not personal, by collection, table or service. A star is the keys of one level.
_NOT_PERSONAL: Final = """
campaigns: artist.id artist.name boosts.key boosts.label.* codeConfig.alphabet codeConfig.codeType
campaigns: codeConfig.host codeConfig.key codeConfig.prefix consents.key consents.party
campaigns: consents.textVersions.text.* consents.textVersions.version defaultLocale key kind
campaigns: eligibility.countries locales name privacy.controller questions.key questions.label.*
campaigns: questions.options.label.* questions.options.value questions.pii questions.type
campaigns: scoring.acceptBands scoring.latestRunId scoring.model scoring.vfModel
campaigns: sfmc.dataExtensions.* sfmc.deliveryMode status timeZone
markets: city countryCode events.eventId events.localDate events.localTime events.name key
markets: events.status events.venue.id events.venue.name name region status timeZone
promoters: countryCode dataSharing.agreementId dataSharing.allowedFields delivery.kind
promoters: delivery.prefix description key legalName name privacyPolicyUrl regions status
users: erasure.scope kind phone.lineType staff.roles staff.teams
entries: answers.key attribution.campaign attribution.medium attribution.source
entries: boost.activities.key codes.channel codes.codeConfigKey codes.codeId codes.state
entries: consents.key consents.locale consents.source consents.textVersion contact.phone.countryCode
entries: contact.phone.lineType createdAt erasure.scope importedFrom.system market
entries: messages.channel messages.kind messages.state optin preferences.eventIds risk.modelVersion
entries: selection.batchId selection.eventId selection.outcome status statusLog.status updatedAt
entries: withdrawnAt
scoring: input.bucket input.prefix kind modelVersion output.bucket output.manifestKey
scoring: output.prefix output.sha256 provider runId status
boost_events: boost_key event_id
campaign_daily: campaign_id
code_redemptions: host_event_id result
codes_assigned: channel code_config_key event_id host_event_id market_key state
consent_events: action consent_key locale promoter_id source text_version
email_events: bounce_class event_id event_type job_id message_kind url_label
entry_scores: model_version run_id
erasure_ledger: scope
queue_visits: market_key outcome
registration_events: event_id market_keys step
sms_events: carrier error_code event_id event_type message_kind
ticket_orders: currency host_event_id market_key status
vf_scores: run_id
codes: assignedAt configKey hostEventIds marketKey state validFrom validUntil
"""
# Personal, but with so few values that a canary would be found everywhere or would be no value.
_FEW_VALUES: Final = """
users: countryCode flags locale
entries: contact.countryCode device.ipCountry locale risk.band risk.override.band
scoring: fromBand toBand
boost_events: reject_reason
consent_events: ip_country
entry_scores: band
registration_events: country device_class
vf_scores: vf_tier
"""


def _fields(text: str) -> Mapping[str, frozenset[str]]:
    named: dict[str, set[str]] = {}
    for line in text.strip().splitlines():
        source, _, fields = line.partition(": ")
        named.setdefault(source, set()).update(fields.split())
    return {source: frozenset(fields) for source, fields in named.items()}


NOT_PERSONAL: Final = _fields(_NOT_PERSONAL)
FEW_VALUES: Final = _fields(_FEW_VALUES)

# Sources of personal columns that can show no canary, and why.
WITHOUT_CANARY: Final[Mapping[str, str]] = {
    "e.contact.countryCode": "few values",
    "u.countryCode": "few values",
    "e.device.ipCountry": "few values",
    "A.consent_events.ip_country": "few values",
    "A.registration_events.device_class": "few values",
    "e.locale": "few values",
    "u.locale": "few values",
    "u.flags": "few values",
    "s.toBand | e.risk.band": "few values",
    "e.risk.band": "few values",
    "s.toBand": "few values",
    "SF.band | s.thresholds": "few values",
    "X: s.toBand, else SF.band": "few values",
    "SF.tier": "few values",
    "e.risk.modelVersion": "few values",
    "c.questions.options.label": "picked from the form",
    "X: country of e.contact.phone.e164": "computed: one of few",
    "SF.vfScore": "a number too short to be told from others",
    "SF.personProb": "a number too short to be told from others",
    "SF.attendProb": "a number too short to be told from others",
    "SF.resaleProb": "a number too short to be told from others",
    "u.history.resaleListings": "a number too short to be told from others",
    "A.ticket_orders.gross_amount": "a number too short to be told from others",
    "e.risk.scoredAt": "an instant",
    "u.history.lastOrderAt": "an instant, or days since",
    "u.createdAt | e.verification.accountAgeDays": "computed: days",
    "A.count(code_redemptions.result = wrong_account)": "computed: a count",
    "A.count(boost_events.accepted = false)": "computed: a count",
    "A.bool_or(ticket_orders.resale_listed)": "computed: yes or no",
    "X: SHA-256 of reason, promoter, channel and subject": "computed: of more than a value",
}
# Columns that show one elsewhere in the catalogue, or would: by kind, and why not here.
NOT_HERE: Final[Mapping[str, Mapping[str, str]]] = {
    "promoter-email-opt-ins": {"consent_evidence_id": "no agreement of the pack allows it"},
    "scoring-input": {
        "postal_prefix": "three characters",
        "postalPrefix": "three characters",
    },
    "ad-audience": {"zip": "the hash of five characters"},
    "duplicate-clusters": {
        "signals": "computed: which fields agree",
        "duplicate_of": "no cluster of the planted pack has one",
    },
    "subject-access": {
        "duplicate_of": "the person has no duplicate",
        "code_id": "the person redeemed no code",
        "code_masked": "the person has no code",
        "display_name": "no user of the pack has one",
        "reasons": "the person's score has none",
    },
}
