"""Sources with one text are one document, whatever their bytes."""

from hypothesis import given
from hypothesis import strategies as st

from kvprep.dedupe.exact import group_exact
from kvprep.hashing import content_hash, drift_hash
from kvprep.types import CanonicalDocument, SourceRecord, SourceState


def _reading(path: str, text: str) -> tuple[SourceRecord, CanonicalDocument]:
    state = SourceState(len(path), 1, 2, 3, path.encode(), 4)
    return SourceRecord(path, state, "1"), CanonicalDocument(
        text, content_hash(text), drift_hash(text), path, "text", "1"
    )


def test_equal_texts_group_in_the_order_found_and_a_near_duplicate_stays_apart() -> None:
    texts = {"a": "Total 1,250.00", "b": "Total 1,260.00", "c": "Total 1,250.00"}
    groups = group_exact(_reading(path, text) for path, text in texts.items())
    assert [[source.path for source in group.sources] for group in groups] == [["a", "c"], ["b"]]
    assert groups[0].document.title == "a"


@given(st.lists(st.sampled_from(["one", "two", "Two", "two "]), max_size=12))
def test_every_source_is_in_exactly_one_group_and_no_two_groups_share_a_text(texts: list[str]) -> None:
    groups = group_exact(_reading(str(number), text) for number, text in enumerate(texts))
    assert sorted(int(s.path) for g in groups for s in g.sources) == list(range(len(texts)))
    assert sorted(g.document.text for g in groups) == sorted(set(texts))
    assert all(texts[int(s.path)] == g.document.text for g in groups for s in g.sources)
