"""Markdown's hidden text: comments, and HTML elements that a style hides. Code shows them, and keeps them."""

import re
from collections import Counter
from collections.abc import Iterator

from kvprep.documents.hidden import num_visible
from kvprep.documents.readers.web.css import Sheet
from kvprep.documents.readers.web.elements import has_text
from kvprep.documents.readers.web.look import Look, look_of

# Comments may stand in link definitions that lead nowhere: [//]: # (like this)
_PIECE = re.compile(
    r"(?P<code>`+)|(?P<comment><!--)|(?P<element><(?P<tag>[a-z][a-z0-9]*)\b[^<>]*>)"
    r"|(?P<note>^ {0,3}\[[^\]\n]+\]:[ \t]*(?:\#|<>)[ \t]+(?:\([^\n]*\)|\"[^\n]*\"|'[^\n]*')[ \t]*$)",
    re.M | re.I,
)
_MARKUP = re.compile(r"<!--|-->|</?[a-z][^<>]*>", re.I)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_MAY_HIDE = re.compile(
    r"<!--|\]:[ \t]*(?:#|<>)|<(?:script|style|template)\b|<[a-z][^<>]*\b(?:style|hidden|color)\b", re.I
)


def without_hidden(text: str) -> tuple[str, Counter[str]]:
    """Take out what a rendered page would not show.

    Returns:
        The text without it, and why it is not shown, with the number of its characters.
    """
    hidden: Counter[str] = Counter()
    if not _MAY_HIDE.search(text):
        return text, hidden
    pieces = [stretch if is_code else "".join(_shown(stretch, hidden)) for is_code, stretch in _stretches(text)]
    return "".join(pieces), +hidden


def _stretches(text: str) -> Iterator[tuple[bool, str]]:
    """Cut the text into stretches of lines that are code blocks, and of others."""
    from markdown_it import MarkdownIt

    lines = re.split("(?<=\n)", text)
    code: set[int] = set()
    for token in MarkdownIt("commonmark").disable("inline").parse(text):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or (end in code) != (start in code):
            yield start in code, "".join(lines[start:end])
            start = end


def _shown(text: str, hidden: Counter[str]) -> Iterator[str]:
    position = 0
    while match := _PIECE.search(text, position):
        yield text[position : match.start()]
        end, why = _extent(text, match)
        if why:
            hidden[why] += num_visible(_MARKUP.sub("", text[match.start() : end]))
        else:
            yield text[match.start() : end]
        position = end
    yield text[position:]


def _extent(text: str, match: re.Match[str]) -> tuple[int, str]:
    """Find where a piece ends, and why it is not shown; empty for one that is."""
    if match["note"]:
        return match.end(), "comment"
    if match["comment"]:
        end = _comment_end(text, match)
        return end, "comment" if end > match.end() else ""
    if match["code"]:
        closing = re.compile(rf"(?<!`){match['code']}(?!`)").search(text, match.end())
        is_closed = closing and "\n\n" not in text[match.end() : closing.start()]
        return closing.end() if closing and is_closed else match.end(), ""
    why = _why_hidden(match)
    return (_element_end(text, match), why) if why else (match.end(), "")


def _comment_end(text: str, match: re.Match[str]) -> int:
    """Find the end of a comment: one that starts a line may span paragraphs, and the rest of the text if never closed.

    Within a line, one that its paragraph does not close is shown as it is written.
    """
    end = text.find("-->", match.end())
    if not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
        return end + 3 if end >= 0 else len(text)
    return end + 3 if end >= 0 and "\n\n" not in text[match.end() : end] else match.end()


def _why_hidden(match: re.Match[str]) -> str:
    from lxml import etree

    tag = match["tag"].lower()
    if tag in _VOID or not _MAY_HIDE.match(match["element"]):
        return ""
    root = etree.fromstring(match["element"], etree.HTMLParser(no_network=True))
    element = next(root.iter(tag), None)
    if element is None:
        return ""
    if not has_text(element):
        return "script or style"
    look = look_of(element, Sheet().style_of(element), Look())
    return look.gone or look.unseen


def _element_end(text: str, match: re.Match[str]) -> int:
    """Find the end of the element that a tag opens; one that is never closed ends with the text."""
    depth = 1
    for tag in re.compile(rf"<(/?){match['tag']}\b[^<>]*>", re.I).finditer(text, match.end()):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.end()
    return len(text)
