from collections.abc import Mapping, Sequence

import sheet_makers as make
from test_sheet import findings_of, text_of

THREADS = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
ROWS = [["Item", "Price"], ["Lamp", 12]]
TABLE = "## Sheet1\n\n| Item | Price |\n| --- | --- |\n| Lamp | 12 |\n"


def notes(*comments: tuple[str, int, str], authors: Sequence[str] = ("Ann", "Bob")) -> str:
    """Write a part of notes: cell, number of the author, text."""
    names = "".join(f"<author>{author}</author>" for author in authors)
    listed = "".join(
        f'<comment ref="{cell}" authorId="{author}"><text><r><t xml:space="preserve">{text}</t></r></text></comment>'
        for cell, author, text in comments
    )
    return f'<comments xmlns="{make.MAIN}"><authors>{names}</authors><commentList>{listed}</commentList></comments>'


def noted(plain: str, sheet: str = "", more: Mapping[str, str] | None = None, states: Sequence[str] = ()) -> bytes:
    """Hang notes, and where `more` has them threads, on the first sheet of a workbook."""
    kinds = [("comments", "../comments1.xml"), ("drawing", "../drawing1.xml"), ("threadedComment", "../threads1.xml")]
    parts = {"xl/worksheets/_rels/sheet1.xml.rels": make.relations(*kinds), "xl/comments1.xml": plain, **(more or {})}
    return make.xlsx(sheet or make.sheet(ROWS), make.sheet([["other"]]), parts=parts, states=states)


def first_sheet(data: bytes) -> str:
    return text_of(data).partition("\n## Sheet2")[0]


def test_notes_stand_behind_the_tables_with_their_cells_values_and_authors_and_are_counted() -> None:
    data = noted(notes(("B2", 1, "paid\n twice"), ("A1", 0, "as ordered"), ("D9", 7, "who?")))
    assert first_sheet(data) == (
        f"{TABLE}\nNote at A1 (Item) by Ann: as ordered\nNote at B2 (12) by Bob: paid twice\nNote at D9: who?\n"
    )
    assert findings_of(data) == {"comments: sheet 1": 3}


def test_an_author_whom_the_note_itself_names_is_not_named_twice() -> None:
    assert "Note at B2 (12): Ann: paid\n" in text_of(noted(notes(("B2", 0, "Ann:\npaid"))))


def test_notes_stand_before_what_is_drawn() -> None:
    box = (
        f'<d:wsDr xmlns:d="{make.DRAWING}/spreadsheetDrawing" xmlns:a="{make.DRAWING}/main"><d:sp><d:txBody>'
        "<a:p><a:r><a:t>two</a:t></a:r><a:br/><a:r><a:t>lines</a:t></a:r></a:p></d:txBody></d:sp></d:wsDr>"
    )
    text = first_sheet(noted(notes(("A1", 0, "said")), more={"xl/drawing1.xml": box}))
    assert text.endswith("Note at A1 (Item) by Ann: said\n\ntwo\nlines\n")


def test_a_thread_stands_comment_by_comment_and_its_copy_for_old_programs_does_not() -> None:
    listed = "".join(
        f'<threadedComment ref="B2" dT="2026-06-18T17:1{number}:37.41" personId="{{{number}}}"><text>{text}</text>'
        "</threadedComment>"
        for number, text in enumerate(("too low", "agreed"))
    )
    persons = "".join(f'<person displayName="P{number}" id="{{{number}}}"/>' for number in range(2))
    threads = {
        "xl/threads1.xml": f'<ThreadedComments xmlns="{THREADS}">{listed}</ThreadedComments>',
        "xl/persons.xml": f'<personList xmlns="{THREADS}">{persons}</personList>',
    }
    copies = notes(("B2", 0, "[Threaded comment]"), ("A1", 0, "alone"), ("B1", 1, "plain"), authors=["tc={1}", "Bob"])
    data = noted(copies, more=threads)
    assert first_sheet(data) == (
        f"{TABLE}\nNote at A1 (Item): alone\nNote at B1 (Price) by Bob: plain\n"
        "Note at B2 (12) by P0, 2026-06-18 17:10: too low\nNote at B2 (12) by P1, 2026-06-18 17:11: agreed\n"
    )
    assert findings_of(data) == {"comments: sheet 1": 4}


def test_notes_at_hidden_cells_are_hidden_text() -> None:
    data = noted(notes(("A2", 0, "unseen")), make.sheet(ROWS, hidden_rows=[2]))
    assert "unseen" not in text_of(data)
    assert findings_of(data) == {
        "hidden-text: hidden rows or columns": len("Lamp12unseen"),
        "comments: sheet 1": 1,
    }


def test_notes_of_hidden_sheets_are_hidden_text() -> None:
    data = noted(notes(("A1", 0, "unseen")), make.sheet([["ghost"]]), states=["hidden"])
    assert "unseen" not in text_of(data)
    assert findings_of(data)["hidden-text: hidden sheet"] == len("ghostunseen")


def test_a_long_name_or_value_is_not_repeated_by_every_note() -> None:
    many = notes(*[("A1", 0, "x")] * 50, authors=["n" * 1000])
    text = text_of(noted(many, make.sheet([["v" * 1000]])))
    assert text.count("Note at A1: x\n") == 50
    assert (text.count("n" * 1000), text.count("v" * 1000)) == (0, 1)


def test_a_note_that_names_no_cell_is_left_out() -> None:
    assert first_sheet(noted(notes(("ZZZZ1", 0, "lost"), ("A1:B2", 0, "kept")))) == (
        f"{TABLE}\nNote at A1 (Item) by Ann: kept\n"
    )
