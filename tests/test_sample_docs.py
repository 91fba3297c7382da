import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pypdf
import pytest

from tools.samples.catalogue import documents

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY / "sample_docs"
LIMIT_BYTES = 1_000_000


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return documents()


def parts(data: bytes) -> object:
    """What is compared: the bytes, or of a DOCX its parts, since builds of zlib deflate the same bytes differently."""
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return [(info.filename, info.date_time, package.read(info)) for info in package.infolist()]


def text_of(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def test_the_committed_samples_are_what_the_script_writes(made: dict[str, bytes]) -> None:
    committed = {path.relative_to(SAMPLES).as_posix(): path.read_bytes() for path in SAMPLES.rglob("*.*")}
    del committed["README.md"]
    assert committed.keys() == made.keys()
    assert [name for name in made if parts(committed[name]) != parts(made[name])] == []


def test_another_process_writes_the_same_bytes(made: dict[str, bytes], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tools.samples", tmp_path], cwd=REPOSITORY, check=True, capture_output=True)
    assert [name for name in made if (tmp_path / name).read_bytes() != made[name]] == []


def test_all_samples_together_stay_small(made: dict[str, bytes]) -> None:
    assert sum(map(len, made.values())) < LIMIT_BYTES


def test_the_readme_tells_of_every_sample(made: dict[str, bytes]) -> None:
    readme = (SAMPLES / "README.md").read_text()
    assert [name for name in made if f"`{Path(name).name}`" not in readme] == []


def test_two_exports_show_the_same_characters_from_other_producers_and_fonts(made: dict[str, bytes]) -> None:
    first = made["invoices/brightwater-BW-2025-0131.pdf"]
    second = made["invoices/brightwater-BW-2025-0131-portal.pdf"]
    assert sorted("".join(text_of(first).split())) == sorted("".join(text_of(second).split()))  # in another order
    assert b"ReportLab" not in second
    assert b"Helvetica" not in second


def test_the_near_duplicate_differs_in_number_price_and_sums_only(made: dict[str, bytes]) -> None:
    first = text_of(made["invoices/brightwater-BW-2025-0117.pdf"]).split()
    second = text_of(made["invoices/brightwater-BW-2025-0118.pdf"]).split()
    changes = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    numbers = [("BW-2025-0117", "BW-2025-0118"), ("BW-2025-0117:", "BW-2025-0118:")]
    assert [change for change in changes if change[0].startswith("BW-")] == numbers
    assert [a for a, b in changes if not a.startswith("BW-")] == [
        "1,184.00", "4,736.00", "9,433.90", "1,886.78", "11,320.68",
    ]  # fmt: skip
