"""The page of a report, as text: nothing of it fetches, runs or lies, whatever the names in it are."""

import base64
import hashlib
import re
from pathlib import Path

import pages
import pytest
import workload
from lxml import html

from kvprep.report import page
from kvprep.report.facts import Facts, collect_facts, prepare
from kvprep.report.page import scales
from kvprep.store.store import Store

ADDRESS = "http://evil.example"
FETCHING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background", "style"}
STYLE = Path(page.__file__).with_name("page.css").read_text(encoding="utf-8")
LEAST_CONTRAST = 4.5


def empty_facts(folder: Path) -> Facts:
    with Store.create(folder / "store", key_file=folder / "key") as store:
        report = prepare(store, store.namespaces(), workload.load_prices(), since=0.0, now=workload.NOW)
        return collect_facts(report)


def drawn(facts: Facts) -> html.HtmlElement:
    return html.document_fromstring(page.draw(facts, now=workload.NOW))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def variants(facts: Facts) -> list[Facts]:
    return [
        facts,
        pages.with_last_days(facts, 1),
        pages.with_last_days(facts, 2),
        pages.with_documents(facts, 1),
        pages.with_documents(facts, 5000),
        pages.with_names(facts, pages.hostile_names(ADDRESS)),
    ]


def test_names_of_strangers_add_no_element_and_no_attribute(facts: Facts) -> None:
    named = pages.with_names(facts, pages.hostile_names(ADDRESS))
    plain = pages.with_names(facts, ["a"])
    kinds = [[(each.tag, sorted(each.attrib)) for each in drawn(each_facts).iter()] for each_facts in (named, plain)]
    assert kinds[0] == kinds[1]


def test_names_of_strangers_are_there_to_be_read(facts: Facts) -> None:
    told = words(drawn(pages.with_names(facts, pages.hostile_names(ADDRESS))))
    assert f"<img src={ADDRESS}/image>" in told
    assert "{{ 7*7 }}" in told


def test_controls_that_turn_writing_around_are_shown_as_escapes(facts: Facts) -> None:
    text = page.draw(pages.with_names(facts, pages.hostile_names(ADDRESS)), now=workload.NOW)
    assert r"invoice\u202efdp.exe\u2066 \x1b[31m\x00\ud800" in text
    assert not set(text) & set("\u202e\u2066\x1b\x00\ud800")
    text.encode("utf-8")


def test_nothing_in_the_page_fetches_or_runs(facts: Facts) -> None:
    for each in variants(facts):
        root = drawn(each)
        assert not root.xpath("//script | //img | //iframe | //object | //embed | //link | //form | //base | //image")
        for element in root.iter():
            fetched = {name: value for name, value in element.attrib.items() if name.lower() in FETCHING}
            assert all(name == "href" and value.startswith("#") for name, value in fetched.items()), fetched
            assert not [name for name in element.attrib if name.lower().startswith("on")]
    assert not re.search(r"url\(|@import|image-set|https?:", STYLE)


def test_the_policy_allows_this_style_and_nothing_else(facts: Facts) -> None:
    root = drawn(facts)
    (policy,) = root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    (style,) = root.xpath("//style/text()")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_every_picture_says_what_it_shows_and_every_chart_has_its_figures(facts: Facts) -> None:
    for each in variants(facts):
        root = drawn(each)
        outermost = root.xpath("//svg[not(ancestor::svg)]")
        assert outermost
        assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in outermost)
        for card in root.xpath("//article[.//svg]"):
            assert card.xpath("./details//table/tbody/tr"), words(card)


def test_headings_are_in_order_and_links_lead_somewhere(facts: Facts) -> None:
    for each in variants(facts):
        root = drawn(each)
        levels = [int(heading.tag[1]) for heading in root.xpath("//h1 | //h2 | //h3 | //h4")]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
        idents = root.xpath("//@id")
        assert len(idents) == len(set(idents))
        assert {link[1:] for link in root.xpath("//a/@href")} <= set(idents)
        assert set(root.xpath("//@aria-labelledby")) <= set(idents)
        assert root.get("lang") == "en"
        assert [len(root.xpath(f"//{name}")) for name in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_can_be_told_from_what_they_lie_on(scheme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    light, dark, printed = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in blocks]
    colours = {"light": light, "dark": light | dark, "print": light | dark | printed}[scheme]
    for front in ("ink", "quiet", "one", "two", "bad"):
        for back in ("ground", "card"):
            assert contrast(colours[front], colours[back]) >= LEAST_CONTRAST, (front, back)
    assert contrast(colours["focus"], colours["card"]) >= 3


def contrast(front: str, back: str) -> float:
    """Source: WCAG 2.2, "contrast ratio" and "relative luminance"."""
    brighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_empty_store_is_told_how_to_begin(tmp_path: Path) -> None:
    root = drawn(empty_facts(tmp_path))
    assert "kvprep ingest FOLDER" in words(root)
    assert not root.xpath("//svg | //table | //nav")


def test_of_many_documents_the_first_are_shown_and_the_others_counted(facts: Facts) -> None:
    root = drawn(pages.with_documents(facts, 5000))
    assert "and 4,980 more" in words(root.xpath("//section[@id='documents']")[0])
    assert len(page.draw(pages.with_documents(facts, 5000), now=workload.NOW)) < 150_000
    assert "more" not in [words(each) for each in drawn(pages.with_documents(facts, 1)).xpath("//p[@class='more']")]


def test_the_figures_on_the_page_are_those_of_the_facts(facts: Facts) -> None:
    root = drawn(facts)
    tiles = {words(each.find("dt")): words(each.find("dd")) for each in root.xpath("//dl[@class='tiles']/div")}
    assert tiles["Hit rate"] == f"{facts['hit_rate']:.1%}"
    assert tiles["Failures"] == "▲ 5"
    rows = root.xpath("//table[caption='Look-ups by day']/tbody/tr")
    shown = [[words(cell) for cell in row] for row in rows]
    assert shown == [[day["day"], str(day["lookups"]), str(day["hits"])] for day in reversed(facts["days"])]
    results = root.xpath("//table[caption='Look-ups by result']/tbody/tr")
    assert {words(row[0]): int(words(row[1])) for row in results} == facts["lookups"]


def test_a_line_goes_through_each_day_and_leaves_gaps_where_nothing_is_known(facts: Facts) -> None:
    gappy = pages.with_last_days(facts, 7)
    for number, value in enumerate((100, 200, None, 0, None, 100, 200)):
        gappy["days"][number]["stored_bytes"] = value
    (chart,) = drawn(gappy).xpath("//article[h3='Storage']//svg[@role='img']")
    lines = [path.get("d") for path in chart.xpath(".//path[contains(@class, 'line')]")]
    dots = [path.get("d") for path in chart.xpath(".//path[contains(@class, 'dot')]")]
    assert lines == ["M71.4 90.0L214.3 0.0", "M785.7 90.0L928.6 0.0"]
    assert dots == ["M500.0 180.0h0"]


@pytest.mark.parametrize("most", [0.0, 0.00004, 0.7, 1.0, 3.0, 99.0, 1234.0, 5e6, 3e13])
def test_an_axis_reaches_its_values_with_few_names(most: float) -> None:
    for make in (scales.count_axis, scales.size_axis, scales.time_axis, scales.money_axis):
        axis = make([0.0, most])
        assert axis.low <= 0 and axis.high >= most
        assert 2 <= len(axis.ticks) <= 6
        assert len({name for _, name in axis.ticks}) == len(axis.ticks)
        assert [round(axis.place(value), 6) for value in (axis.low, axis.high)] == [0, 1]


def test_money_that_was_lost_lies_below_the_zero_line() -> None:
    axis = scales.money_axis([-3.0, 5.0])
    assert axis.place(-3.0) < axis.place(0.0) < axis.place(5.0)
    assert "0" in [name for _, name in axis.ticks]


def test_latencies_lie_between_powers_of_ten() -> None:
    axis = scales.latency_axis([0.03, 37.0])
    assert [name for _, name in axis.ticks] == ["10 ms", "100 ms", "1 s", "10 s", "100 s"]
    assert axis.place(1.0) == pytest.approx(0.5)
