"""Files inside files, read in a cage whose reader does what the document says."""

import json
import sys
from pathlib import Path

import pytest

from kvprep.documents.base import Limits
from kvprep.documents.cage import Cage, ReadItem
from kvprep.types import CanonicalDocument, Member, Skipped

TRAP = [sys.executable, "-P", str(Path(__file__).with_name("trap_child.py"))]
AFTER = "say on"


def hold(members: object) -> str:
    return f"hold {json.dumps(members)}"


def obey(*orders: str, jobs: int = 1, limits: Limits | None = None) -> list[ReadItem[int]]:
    with Cage(jobs=jobs, limits=limits, command=TRAP) as cage:
        return list(cage.read((number, order.encode(), ".txt") for number, order in enumerate(orders)))


def outcomes(items: list[ReadItem[int]]) -> list[tuple[int, str, str]]:
    return [(item.tag, item.member, _outcome(item.reading)) for item in items]


def _outcome(reading: CanonicalDocument | Skipped) -> str:
    return reading.text.strip() if isinstance(reading, CanonicalDocument) else reading.reason


def nested(depth: int) -> object:
    members: object = "say innermost"
    for _ in range(depth):
        members = {"inner.txt": members}
    return members


def test_members_follow_right_behind_their_file_whoever_is_read_beside() -> None:
    orders = [hold({"a.txt": "say a", "b.txt": {"c.txt": "say c"}, "d.txt": "say d"}), AFTER]
    family = [("", "held"), ("a.txt", "a"), ("b.txt", "held"), ("b.txt/c.txt", "c"), ("d.txt", "d")]
    expected = [(0, *item) for item in family] + [(1, "", "on")] + [(2, *item) for item in family] + [(3, "", "on")]
    assert outcomes(obey(*orders * 2, jobs=3)) == expected


def test_a_document_keeps_its_members_names_and_sizes_only() -> None:
    first, *_ = obey(hold({"a.txt": "say a", "listed.png": ""}))
    assert isinstance(first.reading, CanonicalDocument)
    assert first.reading.members == (Member("a.txt", 5), Member("listed.png", 0))


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("fail secret", "crashed"),
        ("signal SIGKILL", "crashed"),
        ("hang 60", "timeout"),
        ("eat 4096", "too-large"),
        ("protected", "password-protected"),
    ],
)
def test_a_bad_member_costs_itself_only(order: str, reason: str) -> None:
    items = obey(
        hold({"good.txt": "say good", "bad.txt": order, "next.txt": "say next"}),
        AFTER,
        limits=Limits(wall_seconds=3.0, memory_bytes=1 << 30),
    )
    assert outcomes(items) == [
        (0, "", "held"),
        (0, "good.txt", "good"),
        (0, "bad.txt", reason),
        (0, "next.txt", "next"),
        (1, "", "on"),
    ]


def test_members_of_members_end_at_the_depth_limit() -> None:
    items = obey(hold(nested(6)), AFTER, limits=Limits(depth=2))
    assert outcomes(items) == [
        (0, "", "held"),
        (0, "inner.txt", "held"),
        (0, "inner.txt/inner.txt", "held"),
        (0, "inner.txt/inner.txt/inner.txt", "nested-too-deep"),
        (1, "", "on"),
    ]


def test_members_count_together_whatever_their_depth() -> None:
    each = {f"{number}.txt": {"a.txt": "say a", "b.txt": "say b"} for number in range(4)}
    items = obey(hold(each), AFTER, limits=Limits(members=5))
    assert [reason for _, _, reason in outcomes(items)].count("too-large") == 3
    assert outcomes(items)[-1] == (1, "", "on")
    assert sum(isinstance(item.reading, CanonicalDocument) for item in items) == 1 + 5 + 1


def test_more_members_than_the_limit_in_one_file_are_too_large() -> None:
    first, after = obey(hold({f"{number}.txt": "say it" for number in range(6)}), AFTER, limits=Limits(members=5))
    assert _outcome(first.reading) == "too-large"
    assert _outcome(after.reading) == "on"


def test_bytes_of_members_count_together() -> None:
    big = "say " + "x" * 3000
    items = obey(hold({"a.txt": big, "b.txt": big, "c.txt": big}), AFTER, limits=Limits(expanded_bytes=10_000))
    assert [member for _, member, outcome in outcomes(items) if outcome == "x" * 3000] == ["a.txt", "b.txt", "c.txt"]
    first, after = obey(hold({"a.txt": big, "b.txt": big}), AFTER, limits=Limits(expanded_bytes=5000))
    assert (_outcome(first.reading), _outcome(after.reading)) == ("too-large", "on")


def test_bytes_of_members_count_together_at_all_depths() -> None:
    big = "say " + "x" * 3000
    items = obey(hold({"a.txt": {"a.txt": big}, "b.txt": {"b.txt": big}}), AFTER, limits=Limits(expanded_bytes=10_000))
    assert [outcome for _, _, outcome in outcomes(items)].count("too-large") == 1


def test_texts_of_a_file_and_its_members_count_together() -> None:
    items = obey(hold({"a.txt": "flood 60", "b.txt": "flood 60"}), AFTER, limits=Limits(output_bytes=65_536))
    assert [(member, outcome[:9]) for _, member, outcome in outcomes(items)] == [
        ("", "held"),
        ("a.txt", "xxxxxxxxx"),
        ("b.txt", "too-large"),
        ("", "on"),
    ]


def test_members_that_hang_one_after_another_end_together() -> None:
    hanging = {f"{number}.txt": "hang 60" for number in range(40)}
    _, *items = obey(AFTER, hold(hanging), AFTER, limits=Limits(wall_seconds=1.5))
    messages = [item.reading.message for item in items if isinstance(item.reading, Skipped)]
    assert len(messages) == 40
    assert messages.count("the files before it took too long") >= 30
    assert outcomes(items)[-1] == (2, "", "on")


@pytest.mark.parametrize(
    "members",
    [
        '[["../key", 1, 1]]',
        '[["a/b", 1, 1]]',
        '[["..", 1, 1]]',
        '[["", 1, 1]]',
        r'[["a\n", 1, 1]]',
        "[[7, 1, 1]]",
        '[["a", -1, 1]]',
        f'[["a", {10**30}, 1]]',
        '[["a", 1, 2]]',
        '[["a", 1, 0]]',
        '[["a", 1, -1], ["b", 1, 2]]',
        '[["a", 1, 0], ["a", 1, 1]]',
        '[["a", 1]]',
        "[5]",
        '{"a": 1}',
    ],
)
def test_a_child_that_lies_about_members_has_crashed(tmp_path: Path, members: str) -> None:
    lied = answered(tmp_path, members)
    assert isinstance(lied, Skipped)
    assert (lied.reason, lied.failed) == ("crashed", True)


def test_a_child_that_does_not_lie_is_believed(tmp_path: Path) -> None:
    told = answered(tmp_path, '[["a.txt", 1, 1]]')
    assert isinstance(told, CanonicalDocument)
    assert (told.text, told.members) == ("a\n", (Member("a.txt", 1),))


def test_what_would_steer_a_terminal_does_not_come_out_of_the_cage(tmp_path: Path) -> None:
    told = answered(tmp_path, '[["a.txt", 1, 1]]', title=r"a\u001b[31m\ud800\n" + "x" * 5000)
    assert isinstance(told, CanonicalDocument)
    assert told.title == ("a [31m  " + "x" * 5000)[:1000]


def answered(folder: Path, members: str, *, title: str = "") -> CanonicalDocument | Skipped:
    """What the cage makes of a child that answers with two bytes of text, one of members, and this list of them."""
    facts = f'"title": "{title}", "reader": "r", "canonicaliser": "c", "findings": [], "seconds": 0, "text_bytes": 2'
    child = folder / "child.py"
    child.write_text(
        "import os, struct, time\n"
        f"header = rb'''{{{facts}, \"members\": {members}}}'''\n"
        "os.write(1, struct.pack('<IQ', len(header), 3) + header + b'a\\nx')\n"
        "time.sleep(60)\n"
    )
    with Cage(jobs=1, command=[sys.executable, str(child)], limits=Limits(wall_seconds=2.0)) as cage:
        item, *_ = cage.read([(0, b"say", ".txt")])
    return item.reading


def test_findings_past_a_bound_are_added_up() -> None:
    (item,) = obey("find 5000")
    assert isinstance(item.reading, CanonicalDocument)
    findings = item.reading.findings
    assert len(findings) == 1001
    assert sum(finding.count for finding in findings) == 5000
    assert all(len(finding.where) <= 200 for finding in findings)
