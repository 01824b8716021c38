"""Files as LibreOffice sees them: it opens a file and saves what it found as a workbook."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest

_SECONDS: Final = 240
_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")

# LibreOffice's tokens: delimiter, quote, UTF-8, first line, formats of columns, language, quoted
# cells are no text, special numbers are found, 4 more that matter to saving, formulas are formulas.
# So it takes as much for a formula as it ever does; its own defaults are tamer.
_CSV: Final = (
    "Text - txt - csv (StarCalc):{delimiter},34,76,1,,0,false,true,false,false,false,-1,true"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One cell as LibreOffice has it.

    Attributes:
        text: Whether it is text and nothing else.
        value: What it shows.
        formula: Whether it is computed.
    """

    text: bool
    value: str
    formula: bool


Cells = Mapping[str, Seen]


def soffice() -> str:
    """The program; where it is missing a test fails on CI, and is skipped elsewhere."""
    found = shutil.which("soffice")
    if found is None:
        missing = "LibreOffice is missing: apt-get install libreoffice-calc-nogui"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    return found


def opened(files: Iterable[Path], folder: Path, *, delimiter: str | None = None) -> dict[str, Path]:
    """What LibreOffice makes of files, by their names without an ending.

    Args:
        files: Workbooks, or CSV when a delimiter is given.
        folder: Where it may write, and finds what it wrote the last time.
        delimiter: Between the cells of CSV.
    """
    paths = [str(path) for path in files]
    out = Path(tempfile.mkdtemp(dir=folder))
    command = [
        soffice(),
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",  # of no other process
        "--headless",
        *([f"--infilter={_CSV.format(delimiter=ord(delimiter))}"] if delimiter else []),
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
        "--outdir",
        str(out),
        *paths,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            assert process.wait(_SECONDS) == 0
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # the program is a child of its starter
            raise
    made = {path.stem: path for path in out.glob("*.xlsx")}
    assert made.keys() >= {Path(path).stem for path in paths}
    return made


def formulas(workbook: Path) -> int:
    """How many cells of a workbook are computed."""
    with zipfile.ZipFile(workbook) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert sheets
        return sum(len(re.findall(rb"<f[ >/]", archive.read(name))) for name in sheets)


def cells(workbook: Path) -> dict[str, Seen]:
    """The cells of the first sheet by their place (`A1`)."""
    with zipfile.ZipFile(workbook) as archive:
        texts = [
            _unescaped("".join(part.text or "" for part in item.iter(f"{_MAIN}t")))
            for item in ET.fromstring(archive.read("xl/sharedStrings.xml"))  # noqa: S314 - ours
        ]
        sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    return {cell.get("r", ""): _seen(cell, texts) for cell in sheet.iter(f"{_MAIN}c")}


def _seen(cell: ET.Element, texts: list[str]) -> Seen:
    value = cell.findtext(f"{_MAIN}v", "")
    text = cell.get("t") == "s"
    return Seen(
        text=text,
        value=texts[int(value)] if text else value,
        formula=cell.find(f"{_MAIN}f") is not None,
    )


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
