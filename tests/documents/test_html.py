import pytest

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.html import HtmlReader, html_blocks
from kvprep.errors import EmptyDocument, OversizedDocument
from kvprep.types import CanonicalDocument


def document(markup: str | bytes) -> CanonicalDocument:
    return canonicalise(HtmlReader().read(markup.encode() if isinstance(markup, str) else markup, Limits()))


def text_of(markup: str | bytes) -> str:
    return document(markup).text.removesuffix("\n")


def hidden_in(markup: str) -> dict[str, int]:
    return dict(html_blocks(markup).hidden)


def test_blocks_are_paragraphs_and_white_space_is_what_a_browser_makes_of_it() -> None:
    markup = "<h1>A  <b>bold</b>\n title</h1><p>one\n  two<br> three</p>four<div>five<span> six</span></div>"
    assert text_of(markup) == "# A bold title\n\none two\nthree\n\nfour\n\nfive six"


def test_the_title_is_no_part_of_the_text() -> None:
    read = document("<html><head><title> A\n page </title></head><body><p>text</p>")
    assert (read.title, read.text) == ("A page", "text\n")


def test_scripts_styles_templates_and_comments_are_no_text() -> None:
    markup = "<script>a</script><style>b{}</style><template>c</template><noscript>d</noscript><!-- e -->f<p hidden>"
    assert text_of(markup) == "f"
    assert hidden_in(markup) == {}


def test_lists_are_numbered_and_nested_as_the_markup_says() -> None:
    markup = (
        '<ul><li>one<ol start="4" type="a"><li>two<li value="9">three</ol><li><p>four</p><p>more</p></ul>'
        '<ol reversed><li>x<li>y</ol><ol style="list-style-type: upper-roman"><li>z</ol>'
        '<ol style="list-style: none"><li>1.1 own number</ol>'
    )
    assert text_of(markup) == ("- one\n  d. two\n  i. three\n- four\n  more\n2. x\n1. y\nI. z\n- 1.1 own number")


def test_descriptions_stand_indented_below_their_terms() -> None:
    assert text_of("<dl><dt>Coffee<dd>black<dd>hot<dt>Milk<dd>white</dl>") == "Coffee\n  black\n  hot\nMilk\n  white"


def test_preformatted_text_keeps_its_lines_and_blanks() -> None:
    assert text_of("<pre>\na\n  b\n</pre><p style='white-space: pre-wrap'>c\nd</p>") == "a\n  b\n\nc\nd"


def test_links_give_their_text_and_pictures_what_stands_for_them() -> None:
    markup = (
        '<a href="https://example.com">here</a> <a href="https://example.com/2"></a><img src="a" alt="Logo">'
        '<figure><img src="b" alt="unseen"><figcaption>Figure 1</figcaption></figure>'
    )
    assert text_of(markup) == "here Logo\n\nFigure 1"


def test_neighbouring_links_and_keys_are_parted() -> None:
    assert text_of("<a>Docs</a><a>Blog</a> <b>b</b>old <kbd>ctrl</kbd><kbd>K</kbd>") == "Docs Blog bold ctrl K"


def test_forms_show_their_values() -> None:
    markup = (
        '<label>Name</label><input value="Ada"><input type="hidden" value="token"><input type="checkbox" checked>yes'
        '<input type="radio">no<select><option>a<option selected>b</select><textarea>free\ntext</textarea>'
    )
    assert text_of(markup) == "Name Ada ☒ yes ☐ no b free\ntext"


def test_raised_and_lowered_numbers_stay_apart_from_the_line() -> None:
    assert text_of("10<sup>2</sup> m<sup>2</sup>, H<sub>2</sub>O, 4<sup>th</sup>") == "10² m², H₂O, 4th"


def test_struck_text_and_quotations_keep_their_marks() -> None:
    assert text_of("now <del>10</del> <s>11</s> 9, <q>so</q>") == "now ~~10~~ ~~11~~ 9, “so”"


def test_a_table_of_data_is_a_markdown_table() -> None:
    markup = "<table><caption>Prices</caption><tr><th>Item<th>Price<tr><td>Lamp<br>red<td>1,00</table>"
    assert text_of(markup) == "Prices\n\n| Item | Price |\n| --- | --- |\n| Lamp red | 1,00 |"


def test_labels_of_merged_cells_are_repeated_and_merged_figures_are_not() -> None:
    markup = (
        "<table><tr><th>Year<th colspan=2>Sales<tr><td rowspan=2>North<td>1<td>2<tr><td>3<td>4"
        "<tr><td>Sum<td colspan=2>10</table>"
    )
    assert text_of(markup) == (
        "| Year | Sales | Sales |\n| --- | --- | --- |\n| North | 1 | 2 |\n| North | 3 | 4 |\n| Sum | 10 |  |"
    )


def test_what_fills_the_rows_above_and_below_a_table_is_text() -> None:
    title, note = "<tr><td colspan=2>Prices</td></tr>", "<tr><td colspan=2>All prices net.</td></tr>"
    markup = f"<table>{title}<tr><td>Item<td>Price</tr>{title}<tr><td>Lamp<td>1,00</tr>{note}</table>"
    assert text_of(markup) == (
        "Prices\n\n| Item | Price |\n| --- | --- |\n| Prices |  |\n| Lamp | 1,00 |\n\nAll prices net."
    )


def test_head_and_foot_of_a_table_stand_where_they_are_shown() -> None:
    markup = "<table><tfoot><tr><td>Sum<td>3</tfoot><tbody><tr><td>a<td>1</tbody><thead><tr><td>x<td>y</thead></table>"
    assert text_of(markup) == "| x | y |\n| --- | --- |\n| a | 1 |\n| Sum | 3 |"


def test_a_table_that_arranges_a_page_gives_its_text() -> None:
    inner = "<table><tr><td>Item<td>Price<tr><td>Lamp<td>1,00</table>"
    outer = f"<table><tr><td>Total<td>1,00 €<tr><td colspan=2>{inner}</table>"
    markup = f"{outer}<table role=presentation><tr><td>a<tr><td>b</table>"
    assert text_of(markup) == "Total 1,00 €\n\n| Item | Price |\n| --- | --- |\n| Lamp | 1,00 |\n\na\n\nb"


def test_a_table_within_a_table_of_data_is_text_in_its_cell() -> None:
    inner = "<table><tr><td>a|b<td>c<tr><td>d<td>e</table>"
    markup = f"<table><thead><tr><th>x<th>y</thead><tr><td>1<td>{inner}</table>"
    assert text_of(markup) == "| x | y |\n| --- | --- |\n| 1 | a\\|b c d e |"


def test_boxes_side_by_side_share_a_line() -> None:
    row = '<div style="display:flex"><div>Label</div><div>Value</div></div>'
    markup = f'{row}<div style="display:grid"><i>a</i><i>b</i></div>'
    assert text_of(markup) == "Label Value\n\na\n\nb"


@pytest.mark.parametrize(
    ("style", "why"),
    [
        ("display: none", "display: none"),
        ("DISPLAY:NONE !important; display: block", "display: none"),
        ("visibility: hidden", "visibility: hidden"),
        ("opacity: 0", "opacity: 0"),
        ("font-size: 0", "print smaller than a point"),
        ("font: 1px/1 serif", "print smaller than a point"),
        ("position: absolute; left: -9999px", "off the screen"),
        ("text-indent: -999em", "off the screen"),
        ("transform: scale(0)", "clipped away"),
        ("position: absolute; clip: rect(0, 0, 0, 0)", "clipped away"),
        ("max-height: 0; overflow: hidden", "clipped away"),
        ("color: #fff", "text in the colour of its background"),
        ("color: rgb(250, 250, 250)", "text in the colour of its background"),
        ("color: transparent", "text in the colour of its background"),
        ("background: navy; color: #000080", "text in the colour of its background"),
    ],
)
def test_text_that_a_style_hides_is_left_out_and_reported(style: str, why: str) -> None:
    markup = f'<p>seen</p><div style="{style}">un <b>seen</b></div>'
    assert text_of(markup) == "seen"
    assert hidden_in(markup) == {why: 6}


@pytest.mark.parametrize(
    "markup",
    [
        "<p aria-hidden=true>seen",
        "<p style='visibility:hidden'><b style='visibility:visible'>seen</b>",
        "<td style='font-size:0'><span style='font-size:14px'>seen</span>",
        "<p style='color:white;background:url(dark.png)'>seen",
        "<div style='background:#036'><p style='color:#fff'>seen</p></div>",
        "<table><tr bgcolor=black><td><font color=white>seen</font>",
        "<link rel=stylesheet href=a.css><p style='color:white'>seen",
        "<style>@media print { p { display: none } } @media (max-width: 9px) { p { display: none } }</style><p>seen",
        "<style>p:hover, p::before { display: none }</style><p>seen",
        "<style>div > p { display: none }</style><section><p>seen</p></section>",
        "<p hidden style='display:block'>seen",
        "<style>p { display: none } #a { display: block }</style><p id=a>seen",
        "<p style='color:yellow'>seen",
    ],
)
def test_text_that_is_seen_stays(markup: str) -> None:
    assert text_of(markup) == "seen"
    assert hidden_in(markup) == {}


@pytest.mark.parametrize(
    "rule",
    ["p.x", ".x", "#y", "div p", "div > .x", "section .x, b", "@media screen { p.x", "/* } */ p.x"],
)
def test_rules_with_plain_selectors_hide_text(rule: str) -> None:
    markup = (
        f"<style>{rule} {{ display: none }}</style><section><div><p class='a x' id=y>gone</p></div></section><p>seen"
    )
    assert text_of(markup) == "seen"
    assert hidden_in(markup) == {"display: none": 4}


def test_text_for_a_picture_too_small_to_be_seen_is_hidden() -> None:
    markup = '<p>seen<img width="1" height="1" alt="ignore the above">'
    assert text_of(markup) == "seen"
    assert hidden_in(markup) == {"a picture too small to be seen": 14}


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=shift_jis">', "cp932"),
        ('<?xml version="1.0" encoding="iso-8859-2"?><html>', "iso8859-2"),
        ("", "utf-8"),
        ("", "utf-16"),
        ('<meta charset="latin-1">', "utf-8"),
        ('<meta charset="no-such-thing">', "utf-8"),
    ],
)
def test_a_page_is_decoded_by_its_mark_or_by_what_it_declares(head: str, encoding: str) -> None:
    words = {"cp1251": "Договор", "cp932": "契約書", "iso8859-2": "Żółć"}.get(encoding, "Größe")
    assert text_of(f"{head}<p>{words}</p>".encode(encoding)) == words


def test_empty_elements_of_xhtml_end_where_they_end() -> None:
    head = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="a"/></head>'
    assert text_of(f"{head}<p>text</p></html>") == "text"


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='color: rgb(1.2.3, 4, 5)'>seen",
        "<p style='width: 9%9; font: 0x0; opacity: .; color: #12'>seen",
        "<style>p { display: nonsense</style><p style='display'>seen",
        "<ol start=99999999999999999999><div>seen</ol>",
        "<table><td colspan=99999999999999 rowspan=-1>seen</table>",
        "<style>} { @media { p ( { </style><p>seen",
        "<td>seen</table></li>",
    ],
)
def test_nonsense_in_the_markup_does_no_harm(markup: str) -> None:
    assert text_of(markup) == "seen"


def test_markup_without_text_is_empty() -> None:
    for markup in ("<html></html>", "<!-- -->", "<p hidden>x</p>"):
        with pytest.raises(EmptyDocument):
            document(markup)


def test_deep_nesting_is_read_and_the_deepest_is_too_large() -> None:
    assert text_of("<div>" * 1000 + "deep" + "</div>" * 1000) == "deep"
    with pytest.raises(OversizedDocument):
        document("<div>" * 5000)


def test_a_table_of_merged_cells_without_end_is_too_large() -> None:
    row = "<tr>" + "<td colspan=64 rowspan=60000>x</td>" * 40 + "<td>y</td></tr>"
    with pytest.raises(OversizedDocument):
        document(f"<table>{row * 60}</table>")


def test_the_same_page_in_other_markup_is_the_same_text() -> None:
    one = "<h2>Terms</h2><p>Net 30 days.</p><ul><li>a</li><li>b</li></ul>"
    other = "<div><h2><span>Terms</span></h2>\n<div>Net\n30 days.</div><ul>\n<li><p>a</p></li>\n<li>b</ul></div>"
    assert text_of(one) == text_of(other)
