"""Signs by which the beginning of a text tells what it is: HTML, XML, mail, UTF-16."""

import codecs
import re
import unicodedata

HEAD_BYTES = 8192
"""So much of a file is looked at; a sign that comes later is none."""
_SAMPLE_BYTES = 2048
_STRANGE = ("Cc", "Cn", "Co", "Cs")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# Possessive throughout: what was once a comment is never read another way, whatever follows.
_PREAMBLE = re.compile(r"(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+", re.S)
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.I)
_HTML_ELEMENT = re.compile(
    r"<(?:a|article|b|blockquote|br|center|div|dl|em|font|form|h[1-6]|header|hr|i|img|li|link|main|meta|nav|ol|p|pre|"
    r"script|section|span|strong|style|table|tbody|td|th|title|tr|u|ul)\b[^<>]*>",
    re.I,
)
_HTML_SUFFIXES = ("html", "htm", "xhtml", "shtml")
_XML = re.compile(r"<!doctype\b|<[\w:.-]+\s[^<>]*\bxmlns\b", re.I)
# Root elements of CII (ZUGFeRD 2, Factur-X, Order-X, XRechnung), of ZUGFeRD 1, and of UBL.
_EINVOICE = re.compile(
    r"<(?:[\w.-]+:)?(?:CrossIndustryInvoice|CrossIndustryDocument|SCRDMCCBDACIOMessageStructure|Invoice|CreditNote)[\s>]"
)
_MAIL_HEAD = re.compile(r"(?:from \S[^\r\n]*\r?\n)?(?:[\w-]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2,}", re.I)
# What a mail has, and a letter that starts with From and To has not.
_MAIL_SIGN = re.compile(r"^(?:mime-version|message-id|received|return-path|content-type):", re.I | re.M)


def head_text(data: bytes) -> str:
    """Give the beginning of a text, decoded as far as signs need it: they are all ASCII."""
    head = data[:HEAD_BYTES]
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head.removeprefix(mark).decode(encoding, "replace")
    return head.decode(wide_encoding(head) or "latin-1", "replace")


def is_html(head: str, suffix: str) -> bool:
    """Tell an HTML page, or under a suffix for HTML a piece of one, by its first element."""
    rest = head[_preamble_end(head) :]
    if _HTML.match(rest):
        return True
    return suffix in _HTML_SUFFIXES and not is_xml(head) and bool(_HTML_ELEMENT.search(rest))


def is_xml(head: str) -> bool:
    """Tell XML by its declaration, its document type or a namespace of its root; HTML has them, too."""
    end = _preamble_end(head)
    return head[:end].lstrip().startswith("<?xml") or bool(_XML.match(head, end))


def is_einvoice(head: str) -> bool:
    """Tell whether XML has the root element of an e-invoice."""
    return bool(_EINVOICE.search(head))


def is_mail(head: str) -> bool:
    """Tell a mail by at least two header lines, one of which only mails have."""
    match = _MAIL_HEAD.match(head)
    return bool(match and _MAIL_SIGN.search(match.group()))


def wide_encoding(data: bytes) -> str:
    """Name the encoding of a text without a mark whose characters are two or four bytes wide, or nothing.

    Every such text has zero bytes, for its blanks and line ends, and no other text has any.
    """
    sample = data[: _SAMPLE_BYTES if len(data) > _SAMPLE_BYTES else len(data) // 4 * 4 or len(data)]
    if 0 not in sample or not any(sample):
        return ""
    for encoding in ("utf-32-le", "utf-32-be"):
        if len(sample) % 4 == 0 and _decoded(sample, encoding):
            return encoding
    best = max(("utf-16-le", "utf-16-be"), key=lambda encoding: _num_plain(_decoded(sample, encoding)))
    text = _decoded(sample, best)
    strange = sum(unicodedata.category(char) in _STRANGE and char not in "\t\r\n\f" for char in text)
    return best if _num_plain(text) and strange <= len(text) // 100 else ""


def _decoded(sample: bytes, encoding: str) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return ""


def _num_plain(text: str) -> int:
    return sum(" " <= char <= "~" or char in "\r\n\t" for char in text)


def _preamble_end(head: str) -> int:
    """Find the first character behind blanks, comments and processing instructions."""
    match = _PREAMBLE.match(head)
    return match.end() if match else 0
