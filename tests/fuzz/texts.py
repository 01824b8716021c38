"""Texts that have broken other programs, by what they try; each gets the marker when it is sent."""

from collections.abc import Iterator

from tests.fuzz.values import MARKER

WORDS = (
    "", " ", "null", "NULL", "nil", "None", "undefined", "true", "false", "NaN", "Infinity",
    "-Infinity", "[object Object]", "constructor", "__proto__", "hasOwnProperty", "toString",
    "CON", "PRN", "AUX", "COM1", ".", "..", "*", "%", "?", "#", "&", "=", ";", ",", "|", "~",
)  # fmt: skip
NUMBERS = (
    "0", "-0", "+1", "1.", ".5", "1e5", "1e999", "-1e-999", "0x10", "0b1", "0o7", "1_000", "1,000",
    "1/0", "9" * 20, "9" * 400, "2147483648", "-2147483649", "9223372036854775808", "\u0661\u0662",
    "\u00bd", "\u2167", "\uff11", "1\u00a0000", "0" * 300, "\u06f1", "1e-400", "08", "--1",
)  # fmt: skip
UNICODE = (
    "\u0000", "\u0001", "\u001b[31m", "\u007f", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u200d",
    "\u200e", "\u202e", "\u2028", "\u2029", "\u2066", "\ufeff", "\ufffd", "\uffff", "\U0010ffff",
    "\ud800", "\udfff", "\ud83d", "\U0001f4a9", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "e\u0301" * 40, "\u0130", "\u017f", "\ufb01", "\u1e9e", "\u03c2", "\u0416", "\u4e2d\u6587",
    "\u05d0\u05d1", "\u0627\u0644", "\ufdfa", "\u0e33", "\u1100\u1161", "\u03a9\u2248\u00e7",
    "\u7530\u4e2d",
    "\u2215", "\u2044", "\uff0f", "\uff0e\uff0e\uff0f", "\uff07", "\uff1d", "\u02bc",
)  # fmt: skip
SQL = (
    "'", "''", '"', "' OR '1'='1", "1; DROP TABLE exports--", "' UNION SELECT NULL--", "\\'", "`",
    "'); WAITFOR DELAY '0:0:9'--", "' AND SLEEP(9)#", "/**/OR/**/1=1", "' || pg_sleep(9)--", "\\",
    "admin'--", "1' ORDER BY 100--", "%27", "%2527", "\u02bc OR 1=1", "';EXEC xp_cmdshell('x')--",
)  # fmt: skip
NOSQL = (
    "$where", "$ne", '{"$ne":1}', '{"$gt":""}', "[$ne]", "';return true;var a='", "$$ROOT",
    "$$NOW", "$_id", "a.b", "a\u0000b", "this.a == this.b", "function(){while(1){}}",
    "ObjectId('x')", '{"$regex":"^(a+)+$"}', "$function", "$lookup", "$out", "'||1||'",
    "db.dropDatabase()",
)  # fmt: skip
SHELL = (
    "; ls", "| id", "&& id", "$(id)", "`id`", "%0aid", "\nid", "$IFS", "${HOME}", "%PATH%",
    "() { :;}; id", "-rf", "--help", "@file", "> out", "< in", "{{7*7}}", "${7*7}", "#{7*7}",
    "<%= 7*7 %>", "{7*7}", "${jndi:ldap://127.0.0.1/a}", "%s%s%s%n", "%x%x", "{0}",
    "{0.__class__}", "!!python/object/apply:os.system", "__import__('os')", "eval(1)", "*)(uid=*",
    "';--",
)  # fmt: skip
PATHS = (
    "../", "..\\", "../../../../etc/passwd", "....//", "..;/", "%2e%2e%2f", "%252e%252e%252f",
    "..%c0%af", "..%ef%bc%8f", "/etc/passwd", "C:\\Windows", "\\\\host\\share",
    "file.txt\u0000.csv", "//host/x", "./.", "a/./b", "a//b", "/", "\\", "~root", "%00", "%0d%0a",
    ".htaccess", ".git/config",
)  # fmt: skip
MARKUP = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>",
    "javascript:alert(1)", "<!--", "-->", "]]>", "<![CDATA[", '<?xml version="1.0"?>',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "x">]>', "&lt;", "&#0;", "<a href=x>", "</title>", "<iframe>",
    "data:text/html,x", "style=x", "expression(1)", "\u003cscript\u003e", "<xss/>",
)  # fmt: skip
LINES = (
    "\r\n", "\n", "\r", "\r\nSet-Cookie: a=b", "\r\n\r\nHTTP/1.1 200 OK", "\u560a\u560d",
    "%0d%0ax: y", "\t", "\x0b", "\x0c", "a\nb", "\r\nTransfer-Encoding: x", "\\r\\n", "\u2028x",
    "\x00\r\n",
)  # fmt: skip
FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "=cmd|' /C calc'!A0",
    "\t=1",
    "\uff1d1",
    "'=1",
    '=HYPERLINK("x")',
)
LONG = tuple(
    unit * (3_000 // len(unit)) for unit in ("a", "(", "[", '"', "\\", "%", "a.", "é", "\u200b")
)
SLOW = (
    "a" * 60 + "!",
    "(a+)+" * 20,
    " " * 2_000,
    "-" * 2_000,
    "0" * 2_000,
    "a-" * 1_000,
    "," * 2_000,
)
TEXTS = tuple(
    dict.fromkeys(
        (*WORDS, *NUMBERS, *UNICODE, *SQL, *NOSQL, *SHELL, *PATHS, *MARKUP, *LINES, *FORMULAS)
    )
)  # fmt: skip
LARGE = (*LONG, *SLOW)


def marked() -> Iterator[str]:
    """Every text with the marker before or behind it, and the bare ones."""
    for text in (*TEXTS, *LARGE):
        yield f"{text}{MARKER}"
        yield f"{MARKER}{text}"
        yield text
