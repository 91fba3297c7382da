import pytest

from kvprep.documents.members import member_name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\invoice.pdf", "invoice.pdf"),
        ("in\x00vo\u202eice\n.pdf", "invoice.pdf"),
        ("  two   words .txt ", "two words .txt"),
        ("e\u0301t\u00e9.xml", "\u00e9t\u00e9.xml"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (".hidden", "hidden"),
    ],
)
def test_a_name_loses_folders_and_what_cannot_be_seen(raw: str, name: str) -> None:
    assert member_name(raw, ()) == name


def test_a_name_is_unlike_those_taken_and_keeps_its_suffix() -> None:
    assert member_name("a.csv", {"a.csv", "a (2).csv"}) == "a (3).csv"
    assert member_name("README", {"README"}) == "README (2)"


def test_a_long_name_is_cut_and_keeps_its_suffix() -> None:
    name = member_name("x" * 5000 + ".pdf", ())
    assert len(name) == 120
    assert name.endswith("x.pdf")
    assert len(member_name("." + "y" * 5000, ())) <= 120
