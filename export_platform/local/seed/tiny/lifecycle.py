"""Entries 1 to 25: every status, every way to be filtered, every kind of user."""

from typing import Final

from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.shapes import (
    FIRST_NIGHT,
    LOS_ANGELES,
    NEW_YORK,
    NORTHLAKE,
    OLD_MILL,
    SECOND_NIGHT,
    VANCOUVER,
    VANCOUVER_NIGHT,
    boosted,
    code,
    consent,
    contact,
    device,
    drawn,
    entry_id,
    message,
    on_list,
    phone,
    planted,
    prefer,
    referral,
    risk,
    user_id,
    v3,
    waiting_code,
)

_GROUP: Final = object_id(Kind.DUPLICATE_GROUP, 0, 0x9001)

ENTRIES: Final = (
    # 1. The document of DOMAIN.md 2.5: two preferences, an evidenced consent, first on the list.
    planted(
        v3(
            1,
            "waitlisted",
            contact(
                "Zoe.Muller+tour@example.com",
                "Zoë",
                "Müller-García",
                place=("Brooklyn", "NY", "01201", "US"),
                telephone=phone("+14155550132", raw="(415) 555-0132"),
            ),
            preferences=[prefer(NEW_YORK, 1, 4, FIRST_NIGHT), prefer(VANCOUVER, 2, 2)],
            answers=[{"key": "fan_since", "version": 1, "value": 2014}],
            consents=[
                consent("promoter_email", promoter=NORTHLAKE),
                consent("sms", promoter=NORTHLAKE, evidence="ev_0001s"),
                consent("artist_email", evidence="ev_0001a"),
            ],
            boost=boosted(40, share=(2, "2026-03-05T09:00:00Z")),
            referral=referral("ZOE40", None, 1),
            device=device("198.51.100.10", fingerprint="fp-zoe"),
            duplicateGroupId=_GROUP,
            attribution={"source": "newsletter", "medium": "email", "campaign": "tour-2026"},
            risk=risk(0.9312, "A"),
            selection=drawn("waitlisted", 812344),
            waitlist=on_list(NEW_YORK, 1),
            messages=[message("waitlist", "sent")],
        ),
        "leading_zero_postal",
        "plus_tag_email",
        "diacritics",
    ),
    # 2. Band D by the run, B by a person (scoring override 2): the person wins.
    planted(
        v3(
            2,
            "waitlisted",
            contact("BO.LI@Example.COM", "Bo", "Li", telephone=phone("+12125550100")),
            at_text="2026-03-03T15:00:09.120Z",  # the instant of entry 1: _id breaks the tie
            # Consented, but later opted out of everything (user 2): nobody may have the address.
            consents=[
                consent("promoter_email", promoter=NORTHLAKE, evidence="ev_0002"),
                consent("artist_email", evidence="ev_0002a"),
            ],
            referral=referral("BO2", entry_id(1), 0),
            device=device("192.0.2.200"),
            risk=risk(0.31, "D", "velocity"),
            selection=drawn("waitlisted", 812345),
            waitlist=on_list(NEW_YORK, 2),
            messages=[message("confirmation", "sent"), message("waitlist", "sent")],
        ),
        "same_instant",
        "override",
        "upper_case_email",
        "shared_ip24",
        "consent_opted_out",
    ),
    # 3. Withdrew from the third place: the place stays with the entry, so the list has a gap.
    planted(
        v3(
            3,
            "withdrawn",
            contact("cy.fan@example.net", "Cy", "Fan"),
            withdrawnAt=at("2026-03-12T08:00:00Z"),
            referral=referral("CY3", None, 1),
            selection=drawn("waitlisted", 812346),
            waitlist=on_list(NEW_YORK, 3),
        ),
        "withdrawn",
        "position_gap",
    ),
    # 4. New York is only the second wish, and the message bounced: not notified.
    planted(
        v3(
            4,
            "waitlisted",
            contact("di.ng@example.org", "Di", "Ng", telephone=phone("+16475550111")),
            preferences=[prefer(VANCOUVER, 1, 1, VANCOUVER_NIGHT), prefer(NEW_YORK, 2, 3)],
            risk=risk(0.55, "C"),
            selection=drawn("waitlisted", 812347),
            waitlist=on_list(NEW_YORK, 4),
            messages=[message("waitlist", "bounced")],
        ),
        "expired_override",
    ),
    # 5. Erased: a tombstone whose contact is gone and whose place is a gap.
    planted(
        v3(
            5,
            "erased",
            {
                "email": None,
                "emailNormalized": None,
                "emailSha256": None,
                "firstName": None,
                "lastName": None,
                "postalCode": None,
                "countryCode": None,
                "phone": None,
            },
            erasure={
                "requestedAt": at("2026-03-14T10:00:00Z"),
                "completedAt": at("2026-03-15T10:00:00Z"),
                "scope": "all",
            },
            selection=drawn("waitlisted", 812348),
            waitlist=on_list(NEW_YORK, 5),
        ),
        "erased",
        "position_gap",
    ),
    # 6. Promoted, so listed only with includePromoted; consent to the promoter was withdrawn.
    planted(
        v3(
            6,
            "promoted",
            contact("eve.o@example.com", "Eve", "Ochoa", telephone=phone("+14045550150")),
            preferences=[prefer(NEW_YORK, 1, 2), prefer(VANCOUVER, 2, 2)],
            consents=[
                consent(
                    "promoter_email",
                    promoter=NORTHLAKE,
                    withdrawn="2026-03-10T10:00:00Z",
                    evidence="ev_0006",
                ),
                consent("sms", evidence="ev_0006s"),
            ],
            codes=[waiting_code(13, NEW_YORK)],
            risk=risk(0.88, "A"),
            selection=drawn("waitlisted", 812349),
            waitlist=on_list(NEW_YORK, 6, promoted="2026-03-15T09:30:00Z"),
            messages=[message("promotion", "sent")],
        ),
        "promoted",
        "withdrawn_consent",
        "shared_phone",
    ),
    # 7. Deleted by staff: in no export.
    planted(
        v3(
            7,
            "waitlisted",
            contact("gone@example.com", "Gone", "Away"),
            deletedAt=at("2026-03-12T12:00:00Z"),
            selection=drawn("waitlisted", 812350),
            waitlist=on_list(NEW_YORK, 7),
        ),
        "deleted",
        "position_gap",
    ),
    # 8. The earlier try of the fan of entry 9: not current.
    planted(
        v3(
            8,
            "waitlisted",
            contact("ida@example.com", "Ida", "Twice"),
            userId=user_id(9),
            isCurrent=False,
            selection=drawn("waitlisted", 812351),
            waitlist=on_list(NEW_YORK, 8),
        ),
        "non_current",
        "position_gap",
    ),
    # 9. The same fan's current entry: exported once.
    planted(
        v3(
            9,
            "waitlisted",
            contact("ida@example.com", "Ida", "Twice"),
            at_text="2026-03-04T10:00:00Z",
            risk=risk(0.7, "B"),
            selection=drawn("waitlisted", 812352),
            waitlist=on_list(NEW_YORK, 9),
        ),
    ),
    # 10. Judged a duplicate of entry 1: the same address without its tag.
    planted(
        v3(
            10,
            "duplicate",
            contact("zoe.muller@example.com", "Zoe", "Muller"),
            duplicateGroupId=_GROUP,
            duplicateOf=entry_id(1),
        ),
        "duplicate",
        "email_alias",
    ),
    # 11. Only registered, one millisecond before New York's clocks go forward; seconds truncate.
    # Consented after entry 15, which has the same address: this consent is the latest.
    planted(
        v3(
            11,
            "registered",
            contact("registered@example.com", "Reg", "Istered"),
            at_text="2026-03-08T06:59:59.999Z",
            updatedAt=at("2026-03-08T06:59:59.999Z"),
            consents=[
                consent(
                    "promoter_email",
                    promoter=NORTHLAKE,
                    at_text="2026-03-08T06:59:59Z",
                    evidence="ev_0011",
                ),
                consent("artist_email", withdrawn="2026-03-09T10:00:00Z", evidence="ev_0011a"),
            ],
        ),
        "dst_gap",
        "shared_email",
        "shared_name_postal",
    ),
    # 12. Verified, registered in the first instant after the gap. Consented to a text that nobody
    # has; more points stored than the events add up to; brought by a fan who withdrew.
    planted(
        v3(
            12,
            "verified",
            contact(
                "verified@example.com",
                "Veri",
                "Fied",
                place=("Albany", "NY", "1220", "US"),  # one digit short
                telephone=phone("+447700900123"),
            ),
            at_text="2026-03-08T07:00:00.000Z",
            verification={"emailAt": at("2026-03-08T07:05:00Z"), "accountAgeDays": 12},
            consents=[
                consent(
                    "promoter_email", promoter=NORTHLAKE, version="2019-05-01", evidence="ev_0012"
                ),
                consent("artist_email", evidence="ev_0012a"),
            ],
            boost=boosted(60, share=(3, "2026-03-09T10:00:00Z")),
            referral=referral("VER12", entry_id(3), 0),
            device=device("203.0.113.12", fingerprint="fp-77"),
        ),
        "dst_gap",
        "phone_outside_us",
        "invalid_postal",
        "unknown_consent_text",
        "boost_mismatch",
        "referrer_withdrawn",
        "shared_device",
    ),
    # 13. Rejected as a bot; the reasons never leave the house.
    planted(
        v3(
            13,
            "rejected",
            contact("user000001@mail1.example.com", "User", "000001"),
            risk=risk(0.02, "E", "velocity", "shared_device"),
            device=device("192.0.2.7", agent="curl/8.0"),
        ),
        "shared_ip24",
    ),
    # 14. Selected; the code (6) is in the service and not on the entry. Band overridden on the
    # entry itself. One telephone with entry 6, a family; 14 and 16 brought each other.
    planted(
        v3(
            14,
            "selected",
            contact("selected@example.com", "Sel", "Ected", telephone=phone("+14045550150")),
            preferences=[prefer(NEW_YORK, 1, 4, FIRST_NIGHT, SECOND_NIGHT)],
            consents=[consent("artist_email", evidence="ev_0014a")],
            boost=boosted(30, share=(1, "2026-03-05T10:00:00Z"), watch=(1, "2026-03-05T10:05:00Z")),
            referral=referral("SEL14", entry_id(16), 1),
            risk=risk(0.84, "B")
            | {"override": {"band": "A", "by": "staff:jd", "at": at("2026-03-11T07:00:00Z")}},
            selection=drawn("selected", 100, NEW_YORK, 1, FIRST_NIGHT),
        ),
        "override_on_entry",
        "shared_phone",
        "referral_loop",
    ),
    # 15. Neither selected nor on a list. Name and address of entry 11 under another account; an
    # answer to version 1 of a question, an option since removed, a free text that says too much.
    planted(
        v3(
            15,
            "not_selected",
            contact("REGISTERED@example.com", "Reg", "Istered"),
            answers=[
                {"key": "club_no", "version": 1, "value": "7"},
                {"key": "favourite_song", "version": 1, "value": "borealis"},
                {
                    "key": "favourite-song",
                    "version": 1,
                    "value": "Call +12125550188 or write me@example.com",
                },
            ],
            consents=[consent("promoter_email", promoter=NORTHLAKE, evidence="ev_0015")],
            selection=drawn("not_selected", 999999),
        ),
        "shared_email",
        "shared_name_postal",
        "removed_option",
        "earlier_question_version",
        "contact_in_free_text",
    ),
    # 16. Has a code that the host refused twice (lake rows): wrong account, then expired. Sent STOP
    # since (user 16), so the code of a second market, outside the wishes, goes out by no text.
    planted(
        v3(
            16,
            "code_sent",
            contact("codesent@example.com", "Code", "Sent", telephone=phone("+16175550123")),
            selection=drawn("selected", 101, NEW_YORK, 1, FIRST_NIGHT),
            codes=[waiting_code(18, VANCOUVER), code(1, NEW_YORK)],
            messages=[message("code", "sent", "sms")],
            consents=[consent("artist_email", evidence="ev_0016a")],
            boost=boosted(40, share=(1, "2026-03-04T12:00:00Z"), watch=(2, "2026-03-06T12:00:00Z")),
            referral=referral("COD16", entry_id(14), 1),
            device=device("2001:db8::16", fingerprint="fp-77"),
        ),
        "sms_stopped",
        "referral_loop",
        "shared_device",
    ),
    # 17. Code re-issued (sequence 2 counts), bought two tickets and later put one on resale.
    planted(
        v3(
            17,
            "redeemed",
            contact("redeemed@example.com", "Re", "Deemed", telephone=phone("+12065550177")),
            selection=drawn("selected", 102, NEW_YORK, 1, FIRST_NIGHT),
            codes=[code(2, NEW_YORK, state="revoked"), code(3, NEW_YORK, seq=2)],
        ),
        "reissued_code",
    ),
    # 18. Had a Vancouver code and let it lapse.
    planted(
        v3(
            18,
            "lapsed",
            contact("lapsed@example.com", "La", "Psed", place=("Vancouver", "BC", "V5K 0A1", "CA")),
            preferences=[prefer(VANCOUVER, 1, 2)],
            selection=drawn("selected", 103, VANCOUVER, 2, VANCOUVER_NIGHT),
            codes=[code(4, VANCOUVER)],
        ),
        "canadian_postal",
    ),
    # 19. Let in from the Vancouver list and sent a code since: the status moved on from promoted.
    # The number turned out to be a landline, so the code of the second market cannot be texted.
    planted(
        v3(
            19,
            "code_sent",
            contact(
                "letin@example.com", "Let", "In", telephone=phone("+16045550145", line="landline")
            ),
            preferences=[prefer(NEW_YORK, 2, 2), prefer(VANCOUVER, 1, 2)],
            selection=drawn("waitlisted", 812353),
            waitlist=on_list(VANCOUVER, 1, promoted="2026-03-15T09:31:00Z"),
            codes=[waiting_code(17, NEW_YORK), code(5, VANCOUVER, at_text="2026-03-15T09:31:00Z")],
        ),
        "promoted",
        "phone_landline",
    ),
    # 20. The user was merged twice: 20 → 61 → 62; the account is that of 62.
    planted(
        v3(
            20,
            "waitlisted",
            contact("merged@example.com", "Mer", "Ged"),
            selection=drawn("waitlisted", 812354),
            waitlist=on_list(NEW_YORK, 10),
        ),
        "user_merged",
    ),
    # 21. The user's document is missing: the entry is exported without an account.
    planted(
        v3(
            21,
            "waitlisted",
            contact("orphan@example.com", "Or", "Phan"),
            selection=drawn("waitlisted", 812355),
            waitlist=on_list(NEW_YORK, 11),
        ),
        "user_missing",
    ),
    # 22. The user was erased, the entry not yet: filtered all the same.
    planted(
        v3(
            22,
            "waitlisted",
            contact("forgetme@example.com", "Forget", "Me"),
            selection=drawn("waitlisted", 812356),
            waitlist=on_list(NEW_YORK, 12),
        ),
        "user_erased",
    ),
    # 23. Works for the operator: left out unless asked for.
    planted(
        v3(
            23,
            "waitlisted",
            contact("staffer@example.com", "Staff", "Er"),
            selection=drawn("waitlisted", 812357),
            waitlist=on_list(NEW_YORK, 13),
        ),
        "user_employee",
    ),
    # 24. Press; a promoter whose agreement ran out was given consent.
    planted(
        v3(
            24,
            "waitlisted",
            contact("critic@example.com", "Cri", "Tic"),
            consents=[consent("promoter_email", promoter=OLD_MILL, evidence="ev_0024")],
            selection=drawn("waitlisted", 812358),
            waitlist=on_list(VANCOUVER, 2),
        ),
        "user_press",
    ),
    # 25. A test account; its only wish was cancelled later.
    planted(
        v3(
            25,
            "waitlisted",
            contact("vip.test@example.test", "Vip", "Test"),
            preferences=[prefer(LOS_ANGELES, 1, 2)],
            selection=drawn("waitlisted", 812359),
            waitlist=on_list(LOS_ANGELES, 1),
        ),
        "user_vip_test",
        "cancelled_market",
    ),
)
