"""Reading held against real documents with a ground truth; `KVPREP_CORPUS` says where they are."""

import json
import os
import re
import unicodedata
from pathlib import Path

import pytest

from kvprep.documents.cage import Cage
from kvprep.documents.canonical import canonical_text
from kvprep.types import CanonicalDocument, Skipped

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY / os.environ.get("KVPREP_CORPUS", "../shared/corpus")
OUTCOMES = {"unsupported", "broken", "password-protected", "empty", "needs-ocr", "too-large"}
# A damaged file: PDFium finds no text in it, where pypdf still does.
BEYOND_PDFIUM = "ZUGFeRD+mustangproject/validator/src/test/resources/corruptedV2PDF.pdf"
# Bare PDFium has them all; a value that wraps within a cell is still torn where the rows of other cells cross it.
FIELD_RECALL = 0.97

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CORPUS / "oracle.json").exists(), reason=f"no corpus at {CORPUS}; set KVPREP_CORPUS"),
]

Results = dict[str, CanonicalDocument | Skipped]


@pytest.fixture(scope="module")
def results() -> Results:
    files = [path for path in sorted(CORPUS.rglob("*")) if path.suffix in (".pdf", ".docx", ".md", ".txt")]
    with Cage(jobs=2) as cage:
        read = cage.read((str(path.relative_to(CORPUS)), path.read_bytes(), path.name) for path in files)
        return {item.tag: item.reading for item in read}


def test_every_file_has_a_named_outcome(results: Results) -> None:
    reasons = {result.reason for result in results.values() if isinstance(result, Skipped)}
    assert len(results) > 700
    assert reasons <= OUTCOMES


def test_every_text_is_canonical_already(results: Results) -> None:
    texts = [result.text for result in results.values() if isinstance(result, CanonicalDocument)]
    assert all(canonical_text(text) == text for text in texts)


def test_files_of_the_same_visible_text_are_one_document(results: Results) -> None:
    for group in json.loads((CORPUS / "oracle.json").read_text())["same_text_groups"]:
        names = [name for name in group if name != BEYOND_PDFIUM]
        documents = [result for name in names if isinstance(result := results[name], CanonicalDocument)]
        assert len(documents) == len(names)
        assert len({document.content_hash for document in documents}) == 1, group


def test_look_alikes_stay_documents_of_their_own(results: Results) -> None:
    for _, first, second in json.loads((CORPUS / "oracle.json").read_text())["near_duplicates_never_merge"]:
        one, other = results.get(first), results.get(second)
        if isinstance(one, CanonicalDocument) and isinstance(other, CanonicalDocument):
            assert one.content_hash != other.content_hash, (first, second)


def test_the_fields_of_invoices_are_found(results: Results) -> None:
    found = total = 0
    for name, fields in json.loads((CORPUS / "fields.json").read_text()).items():
        result = results[name]
        text = folded(result.text) if isinstance(result, CanonicalDocument) else ""
        found += sum(has_field(text, field["kind"], field["printed"]) for field in fields)
        total += len(fields)
    assert found / total >= FIELD_RECALL


def folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def has_field(text: str, kind: str, forms: list[str]) -> bool:
    forms = [folded(form) for form in forms]
    if kind == "amount":
        return any(re.search(rf"(?<![\d.,]){re.escape(form)}(?!\d)", text) for form in forms)
    if kind == "iban":
        return any(form.replace(" ", "") in text.replace(" ", "") for form in forms)
    return any(form in text for form in forms)
