"""Names, places and other lists that entries are put together from."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Culture:
    """Names of one script or culture; `ascii` is what goes into an address."""

    ascii: str
    weight: float
    first: tuple[str, ...]
    last: tuple[str, ...]


def _culture(ascii_name: str, weight: float, first: str, last: str) -> Culture:
    return Culture(ascii_name, weight, tuple(first.split("|")), tuple(last.split("|")))


CULTURES: Final = (
    _culture(
        "anglo",
        44,
        "James|Mary|Robert|Linda|Emma|Noah|Olivia|Liam|Ava|Mason|Ethan|Grace|Chloe|Jack|Ruby|Al",
        "Smith|Johnson|Brown|Miller|Davis|Wilson|Moore|Taylor|Clark|Lewis|Walker|Young|King|Hill",
    ),
    _culture(
        "irish", 6, "Aoife|Seán|Niamh|Conor|Órla", "O'Neil|O\u2019Brien|D'Arcy|McCarthy|Walsh"
    ),
    _culture("spanish", 14, "José|María|Sofía|Mateo|Lucía|Íñigo", "García|Núñez|Peña|López|Díaz"),
    _culture("french", 5, "Zoë|Chloé|Élodie|Jean-Luc|Noël", "Lefèvre|Côté|D'Aubigné|Gagné|Brûlé"),
    _culture(
        "german", 5, "Jürgen|Käthe|Björn|Anneliese|Uwe", "Müller|Groß|Schäfer|Köhler-Weiß|Vogt"
    ),
    _culture("nordic", 3, "Åsa|Søren|Øyvind|Þóra|Liv", "Østergård|Håkansson|Ångström|Lund|By"),
    _culture("slavic", 4, "Łukasz|Zofia|Jiří|Đorđe|Ana", "Wałęsa|Dvořák|Žižek|Kovač|Nowak"),
    _culture("chinese", 6, "Wei|Li|伟|秀英|Bo", "Li|Ng|王|欧阳|Wu"),
    _culture("japanese", 3, "太郎|花子|さくら|Kenji|健", "山田|佐藤|鈴木|高橋|Ito"),
    _culture("cyrillic", 4, "Анна|Дмитрий|Ольга|Игорь", "Иванова|Смирнов|Кузнецова|Попов"),
    _culture("arabic", 3, "فاطمة|محمد|ليلى|Omar", "الزهراء|حسن|العلي|Haddad"),
    _culture("devanagari", 3, "प्रिया|अर्जुन|आरती|Ravi", "शर्मा|पटेल|सिंह|Rao"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fan lives: a postal code is `prefix` + `digits` digits + `suffix`."""

    weight: float
    city: str
    region: str | None
    country: str
    zone: str
    prefix: str
    digits: int
    suffix: str
    area_codes: tuple[int, ...]


# US 82 %, of which leading-zero postal codes (MA, NJ) make 9 % of all; CA 9, MX 3, GB 3, other 3.
PLACES: Final = (
    Place(5.0, "Boston", "MA", "US", "America/New_York", "021", 2, "", (617, 857)),
    Place(4.0, "Jersey City", "NJ", "US", "America/New_York", "073", 2, "", (201, 551)),
    Place(16.0, "Brooklyn", "NY", "US", "America/New_York", "112", 2, "", (212, 347, 718, 917)),
    Place(13.0, "Los Angeles", "CA", "US", "America/Los_Angeles", "900", 2, "", (213, 310, 323)),
    Place(9.0, "Chicago", "IL", "US", "America/Chicago", "606", 2, "", (312, 773)),
    Place(8.0, "Dallas", "TX", "US", "America/Chicago", "752", 2, "", (214, 469, 972)),
    Place(7.0, "Atlanta", "GA", "US", "America/New_York", "303", 2, "", (404, 678)),
    Place(6.0, "Denver", "CO", "US", "America/Denver", "802", 2, "", (303, 720)),
    Place(5.0, "Seattle", "WA", "US", "America/Los_Angeles", "981", 2, "", (206, 425)),
    Place(5.0, "Phoenix", "AZ", "US", "America/Phoenix", "850", 2, "", (480, 602)),
    Place(4.0, "Winston-Salem", "NC", "US", "America/New_York", "271", 2, "", (336,)),
    Place(5.0, "Toronto", "ON", "CA", "America/Toronto", "M5V ", 1, "A8", (416, 647)),
    Place(2.0, "Montréal", "QC", "CA", "America/Toronto", "H2X ", 1, "B4", (514, 438)),
    Place(2.0, "Vancouver", "BC", "CA", "America/Vancouver", "V6B ", 1, "K2", (604, 778)),
    Place(3.0, "Ciudad de México", "CMX", "MX", "America/Mexico_City", "06", 3, "", ()),
    Place(3.0, "London", None, "GB", "Europe/London", "SW1A ", 1, "AA", ()),
    Place(1.5, "Paris", None, "FR", "Europe/Paris", "750", 2, "", ()),
    Place(1.5, "Berlin", None, "DE", "Europe/Berlin", "101", 2, "", ()),
)


@dataclass(frozen=True, slots=True)
class City:
    """A market; neighbours stand next to each other in groups of four."""

    city: str
    region: str | None
    country: str
    zone: str
    dma: int | None
    currency: str = "USD"


def _us(city: str, region: str, zone: str, dma: int) -> City:
    return City(city, region, "US", f"America/{zone}", dma)


CITIES: Final = (
    _us("New York", "NY", "New_York", 345),
    _us("Boston", "MA", "New_York", 235),
    _us("Philadelphia", "PA", "New_York", 358),
    City("Toronto", "ON", "CA", "America/Toronto", None, "CAD"),
    _us("Los Angeles", "CA", "Los_Angeles", 324),
    _us("San Diego", "CA", "Los_Angeles", 381),
    _us("Las Vegas", "NV", "Los_Angeles", 319),
    City("Vancouver", "BC", "CA", "America/Vancouver", None, "CAD"),
    _us("Chicago", "IL", "Chicago", 249),
    _us("Detroit", "MI", "Detroit", 266),
    _us("Minneapolis", "MN", "Chicago", 336),
    City("Ciudad de México", None, "MX", "America/Mexico_City", None, "MXN"),
    _us("Dallas", "TX", "Chicago", 261),
    _us("Houston", "TX", "Chicago", 300),
    _us("Nashville", "TN", "Chicago", 343),
    _us("Atlanta", "GA", "New_York", 220),
    _us("Miami", "FL", "New_York", 334),
    _us("Tampa", "FL", "New_York", 408),
    _us("Charlotte", "NC", "New_York", 245),
    _us("Washington", "DC", "New_York", 409),
    _us("Seattle", "WA", "Los_Angeles", 385),
    _us("Portland", "OR", "Los_Angeles", 362),
    _us("San Francisco", "CA", "Los_Angeles", 382),
    _us("Sacramento", "CA", "Los_Angeles", 374),
    _us("Denver", "CO", "Denver", 264),
    _us("Phoenix", "AZ", "Phoenix", 359),
    _us("Salt Lake City", "UT", "Denver", 375),
    City("London", None, "GB", "Europe/London", None, "GBP"),
)
"""28 cities; campaigns with more markets go round again with a number behind the name."""

CURRENCIES: Final = ("USD", "CAD", "MXN", "GBP", "EUR")

# English 83 %, Spanish 11, French 4, other 2; 0.5 % with an underscore, 1 % outside the campaign.
LOCALES: Final = (
    ("en-US", 82.5),
    ("es-US", 11.0),
    ("fr-CA", 4.0),
    ("en-CA", 1.0),
    ("en_US", 0.4),
    ("fr_CA", 0.1),
    ("de-DE", 0.6),
    ("ja-JP", 0.4),
)

PROVIDERS: Final = ("example.com", "mail1.example.com", "mail2.example.net", "post.example.org")
"""Sub-domains of reserved names, the first most often (Zipf)."""

AGENTS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/134.0 Mobile",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/134.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 Safari/605.1.15",
)

SOURCES: Final = (
    {"source": "newsletter", "medium": "email", "campaign": "tour-2026"},
    {"source": "instagram", "medium": "social", "campaign": "bio, link"},
    {"source": "artist-site", "medium": "referral", "campaign": None},
    {"source": "radio|live", "medium": "audio", "campaign": "drive-time"},
)

SONGS: Final = (
    "Polaris",
    'The "Long" Way Home, Part 2',
    "=Zenith",
    "Östlich der Sonne",
    "夜のうた",
    "Rain; or, Shine",
)
