"""HTML: the text of a page as a browser shows it, without scripts, style sheets of others, and the network."""

import re
from collections import Counter
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from kvprep.documents.base import MIB, Block, Extracted, Kind, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.text import decode
from kvprep.documents.readers.web.body import BodyWalk
from kvprep.documents.readers.web.css import Sheet
from kvprep.documents.readers.web.look import Look
from kvprep.errors import OversizedDocument, UnreadableDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_MARKUP = 64 * MIB
"""Bytes or characters of a page; its tree takes ten times as much memory."""
_META_CHARSET = re.compile(rb"<meta\b[^>]{0,500}?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_XML_CHARSET = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]+)", re.I)
_DECLARED_WITHIN = 4096
_XHTML = re.compile(r"\s*<\?xml\b|<html\b[^>]{0,500}\bxmlns\b", re.I)
# Empty in XHTML; the HTML parser reads on to an end tag that never comes.
_SCREEN = re.compile(r"|all|(?:only\s+)?screen", re.I)
_EMPTY_ELEMENT = re.compile(r"<((?:script|title|style|textarea|iframe|a|div|span|p|td|th|li)\b(?:\s[^<>]*)?)/>", re.I)


class HtmlContent(NamedTuple):
    """What a page says."""

    blocks: tuple[Block, ...]
    hidden: Counter[str]
    """Why text is not seen, and how many characters of it there are."""
    title: str


class HtmlReader:
    """Reads HTML and XHTML."""

    name = Kind.HTML.value

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read what a browser shows.

        Raises:
            UnreadableDocument: no encoding fits, or the parser finds no element.
            OversizedDocument: markup, depth or a table is over a limit.
        """
        content = html_blocks(data)
        reader = f"{self.name} (lxml {version('lxml')})"
        return Extracted(content.blocks, content.title, tuple(text_findings(content.hidden)), reader)


def html_blocks(markup: bytes | str) -> HtmlContent:
    """Read a page, or a piece of one, such as the body of a mail.

    Args:
        markup: bytes are decoded by their mark, by what the page declares, or by what they look like.

    Raises:
        UnreadableDocument: no encoding fits, or the parser finds no element.
        OversizedDocument: markup, depth or a table is over a limit.
    """
    if len(markup) > MAX_MARKUP:
        raise OversizedDocument(f"more than {MAX_MARKUP} bytes of markup")
    root = _parse(markup if isinstance(markup, str) else decode(markup, _declared_charset(markup))[0])
    if root is None:
        return HtmlContent((), Counter(), "")
    hidden: Counter[str] = Counter()
    walk = BodyWalk(_sheet(root), _initial_look(root), hidden)
    blocks = tuple(walk.blocks(root))
    return HtmlContent(blocks, +hidden, _title(root))


def _declared_charset(data: bytes) -> str:
    head = data[:_DECLARED_WITHIN]
    match = _XML_CHARSET.match(head) or _META_CHARSET.search(head)
    return match.group(1).decode("ascii") if match else ""


def _parse(markup: str) -> "Element | None":
    from lxml import etree

    if _XHTML.search(markup[:_DECLARED_WITHIN]):
        markup = _EMPTY_ELEMENT.sub(r"<\1></\1>", markup)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        # The parser's word for markup without any element or text.
        return None
    except etree.LxmlError as error:
        raise UnreadableDocument(f"the markup cannot be parsed ({type(error).__name__})") from None
    if any("depth" in entry.message for entry in parser.error_log):
        raise OversizedDocument("the elements are nested too deep")
    return root


def _sheet(root: "Element") -> Sheet:
    sheet = Sheet()
    for style in root.iter("style"):
        if _SCREEN.fullmatch(style.get("media", "").strip()):
            sheet.add(style.text or "")
    return sheet


def _initial_look(root: "Element") -> Look:
    """A style sheet that is not at hand may paint any background."""
    linked = any("stylesheet" in link.get("rel", "").lower() for link in root.iter("link"))
    return Look(backdrop=None) if linked else Look()


def _title(root: "Element") -> str:
    title = root.find("head/title")
    return " ".join((title.text or "").split()) if title is not None else ""
