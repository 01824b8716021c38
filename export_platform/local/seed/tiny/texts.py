"""Entries 26 to 38: what people, forms and attackers put into a name."""

from typing import Final

from export_platform.local.seed.tiny.shapes import (
    NEW_YORK,
    NORTHLAKE,
    VANCOUVER,
    consent,
    contact,
    drawn,
    on_list,
    phone,
    planted,
    prefer,
    v3,
)

# Written as escapes: the reader must be able to see them.
ZERO_WIDTH: Final = "\u200b"
BYTE_ORDER_MARK: Final = "\ufeff"
NO_BREAK_SPACE: Final = "\u00a0"
OVERRIDE_RIGHT_TO_LEFT: Final = "\u202e"
POP_DIRECTION: Final = "\u202c"
ISOLATE_RIGHT_TO_LEFT: Final = "\u2067"
POP_ISOLATE: Final = "\u2069"
LINE_SEPARATOR: Final = "\u2028"
COMBINING_ACUTE: Final = "\u0301"
COMBINING_TILDE: Final = "\u0303"
ZERO_WIDTH_JOINER: Final = "\u200d"

ENTRIES: Final = (
    # 26. Comma and quotes; the city tries to break out of its cell.
    planted(
        v3(
            26,
            "waitlisted",
            contact(
                '"ann b"@example.com',  # a quoted local part is a valid address
                'Ann "Annie"',
                "Smith, Jr.",
                place=('",=1+1', "NY", "10001", "US"),
            ),
            selection=drawn("waitlisted", 812360),
            waitlist=on_list(NEW_YORK, 14),
        ),
        "comma_in_name",
        "quote_in_name",
        "payload_after_quote_comma",
    ),
    # 27. Line ends and a tab: one line in the file, blanks in their place.
    planted(
        v3(
            27,
            "waitlisted",
            contact("lines@example.com", "Two\r\nLines", "One\nFeed\rReturn\tTab"),
            selection=drawn("waitlisted", 812361),
            waitlist=on_list(NEW_YORK, 15),
        ),
        "line_end_in_name",
    ),
    # 28. Decomposed accents become composed ones, blanks at the ends go.
    planted(
        v3(
            28,
            "waitlisted",
            contact("jose@example.com", f"Jose{COMBINING_ACUTE}", f"  Nun{COMBINING_TILDE}ez  "),
            selection=drawn("waitlisted", 812362),
            waitlist=on_list(NEW_YORK, 16),
        ),
        "decomposed_name",
        "blanks_around_name",
    ),
    # 29. Japanese, and a plane-2 character outside the basic plane.
    planted(
        v3(
            29,
            "waitlisted",
            contact("taro@example.com", "太郎", "山田\U00020bb7"),
            selection=drawn("waitlisted", 812363),
            waitlist=on_list(VANCOUVER, 3),
        ),
        "cjk_name",
    ),
    # 30. Arabic, with direction controls that would turn the rest of the line round.
    planted(
        v3(
            30,
            "waitlisted",
            contact(
                "fatima@example.com",
                f"{OVERRIDE_RIGHT_TO_LEFT}فاطمة{POP_DIRECTION}",
                f"{ISOLATE_RIGHT_TO_LEFT}الزهراء{POP_ISOLATE}",
            ),
            selection=drawn("waitlisted", 812364),
            waitlist=on_list(NEW_YORK, 17),
        ),
        "arabic_name",
        "direction_controls",
    ),
    # 31. Emoji, one of them a family held together by joiners; an address in an IDN domain.
    planted(
        v3(
            31,
            "waitlisted",
            contact(
                "fan@bücher.test",
                f"👩{ZERO_WIDTH_JOINER}👧 Mia",
                "🎸",
                telephone=phone("+12125550131"),
            ),
            selection=drawn("waitlisted", 812365),
            waitlist=on_list(NEW_YORK, 18),
        ),
        "emoji_name",
        "idn_email",
    ),
    # 32. Apostrophes, straight and typographic: text, not a guard against formulas. The consent
    # stands here, but the ledger of consents says that it was withdrawn.
    planted(
        v3(
            32,
            "waitlisted",
            contact("oneil@example.com", "D'Angelo", "O\u2019Neil-Sánchez"),
            consents=[consent("promoter_email", promoter=NORTHLAKE, evidence="ev_0032")],
            selection=drawn("waitlisted", 812366),
            waitlist=on_list(NEW_YORK, 19),
        ),
        "apostrophe_name",
        "consent_ledger_disagrees",
    ),
    # 33. Formulas by equals sign and plus; the campaign parameters try it too.
    planted(
        v3(
            33,
            "waitlisted",
            contact("formula1@example.com", '=HYPERLINK("https://x.example.com","win")', "+1+1"),
            attribution={
                "source": "=cmd|' /C calc'!A0",
                "medium": "@SUM(1)",
                "campaign": "a|b, c",
            },
            selection=drawn("waitlisted", 812367),
            waitlist=on_list(NEW_YORK, 20),
        ),
        "formula_name",
        "pipe_in_text",
    ),
    # 34. Formulas by minus and at sign; even the address starts with one.
    planted(
        v3(
            34,
            "waitlisted",
            contact("=1+1@example.com", "-2+3", "@SUM(1+1)*cmd|' /C calc'!A0"),
            selection=drawn("waitlisted", 812368),
            waitlist=on_list(NEW_YORK, 21),
        ),
        "formula_name",
        "formula_email",
    ),
    # 35. The sign hides behind a zero-width space and a byte order mark.
    planted(
        v3(
            35,
            "waitlisted",
            contact("hidden1@example.com", f"{ZERO_WIDTH}=1+1", f"{BYTE_ORDER_MARK}=1+1"),
            selection=drawn("waitlisted", 812369),
            waitlist=on_list(NEW_YORK, 22),
        ),
        "hidden_formula_name",
    ),
    # 36. The sign hides behind a no-break space, a blank and a tab.
    planted(
        v3(
            36,
            "waitlisted",
            contact(
                "hidden2@example.com",
                f"{NO_BREAK_SPACE}=1+1",
                " =1+1",
                place=("\t-1+1", "NY", "12207", "US"),
            ),
            selection=drawn("waitlisted", 812370),
            waitlist=on_list(NEW_YORK, 23),
        ),
        "hidden_formula_name",
    ),
    # 37. Full-width signs, which some spreadsheets take for the narrow ones.
    planted(
        v3(
            37,
            "waitlisted",
            contact(
                "wide@example.com",
                "\uff1d1+1",  # full-width =
                "\uff0b1+1",  # full-width +
                place=("\uff0d1+1", "\uff20SUM(1)", "12207", "US"),  # full-width - and @
            ),
            selection=drawn("waitlisted", 812371),
            waitlist=on_list(NEW_YORK, 24),
        ),
        "full_width_formula_name",
    ),
    # 38. NUL, escape, a C1 control, a line separator; and a last name longer than its column.
    planted(
        v3(
            38,
            "waitlisted",
            contact(
                "controls@example.com",
                f"N\x00u\x1bl\x85 L{LINE_SEPARATOR}S",
                "Wolfeschlegelsteinhausenbergerdorff" * 3,  # 105 characters, the column holds 80
            ),
            preferences=[prefer(NEW_YORK, 1, 2)],
            selection=drawn("waitlisted", 812372),
            waitlist=on_list(NEW_YORK, 25),
        ),
        "control_characters_in_name",
        "long_name",
    ),
)
