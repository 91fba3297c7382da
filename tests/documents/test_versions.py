"""What a reading is called is known before anything is read, and changes with what the text depends on."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvprep.documents import versions
from kvprep.documents.base import Kind
from kvprep.documents.cage import Cage
from kvprep.documents.versions import canonicaliser, current_canonicalisers
from kvprep.types import CanonicalDocument

SAMPLES = Path(__file__).parents[2] / "sample_docs"
LISTING = """
import json, sys
from kvprep.documents.versions import current_canonicalisers
names = sorted(current_canonicalisers())
libraries = {"lxml", "pypdf", "pypdfium2", "charset_normalizer", "python_calamine"}
print(json.dumps([names, sorted(libraries & set(sys.modules))]))
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    """Names worked out anew, and again after the test."""
    canonicaliser.cache_clear()
    yield
    canonicaliser.cache_clear()


def test_a_document_bears_the_name_that_its_kind_has_now() -> None:
    files = [path for path in sorted(SAMPLES.rglob("*")) if path.is_file()]
    with Cage(jobs=1) as cage:
        read = [item.reading for item in cage.read((path, path.read_bytes(), path.name) for path in files)]
    documents = [reading for reading in read if isinstance(reading, CanonicalDocument)]
    assert documents
    for document in documents:
        assert document.canonicaliser in current_canonicalisers()
        for library in re.findall(r"[\w-]+ \d+\.[\d.]+", document.reader):
            assert library in document.canonicaliser, "a library that the reader names, and its release"


def test_the_names_are_known_without_the_libraries() -> None:
    result = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == [sorted(current_canonicalisers()), []]


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(current_canonicalisers()) == len(Kind)


def test_another_release_of_a_library_is_another_reading(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {kind: canonicaliser(kind) for kind in Kind}
    canonicaliser.cache_clear()
    real = versions.version
    monkeypatch.setattr(versions, "version", lambda name: "99" if name == "pypdfium2" else real(name))
    assert [kind for kind in Kind if canonicaliser(kind) != before[kind]] == [Kind.PDF]


def test_a_mail_is_read_anew_where_the_reader_of_its_html_is_another(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = canonicaliser(Kind.MAIL)
    canonicaliser.cache_clear()
    html = versions._READERS[Kind.HTML]
    monkeypatch.setattr(versions, "_READERS", {**versions._READERS, Kind.HTML: html._replace(version=99)})
    assert canonicaliser(Kind.MAIL) != before


def test_every_library_that_is_named_is_installed_with_kvprep() -> None:
    project = tomllib.loads((SAMPLES.parent / "pyproject.toml").read_text("utf-8"))["project"]
    installed = {re.split(r"[\[<>=~!; ]", requirement)[0] for requirement in project["dependencies"]}
    named = {library for made in versions._READERS.values() for library in made.libraries}
    assert named - {"Python"} <= installed
