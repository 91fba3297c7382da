import pytest
from document_makers import docx_of, p, r
from docx.oxml import parse_xml

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.docx import DocxReader
from kvprep.documents.readers.word.officemath import latex

SPACES = (
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
)


def t(text: str, properties: str = "") -> str:
    return f"<m:r>{properties}<m:t>{text}</m:t></m:r>"


def part(name: str, *content: str) -> str:
    return f"<m:{name}>{''.join(content)}</m:{name}>"


def value(properties: str, **values: str) -> str:
    return part(properties, *(f'<m:{name} m:val="{text}"/>' for name, text in values.items()))


E, SUB, SUP = part("e", t("x")), part("sub", t("i")), part("sup", t("2"))


@pytest.mark.parametrize(
    ("xml", "written"),
    [
        (t("α≤−∞ × 5%"), r"\alpha \leq -\infty  \times  5\%"),
        (t("see above", "<m:rPr><m:nor/></m:rPr>"), r"\text{see above}"),
        (part("f", part("num", t("1")), part("den", t("2"))), r"\frac{1}{2}"),
        (part("f", value("fPr", type="lin"), part("num", t("1")), part("den", t("2"))), "{1}/{2}"),
        (part("f", value("fPr", type="noBar"), part("num", t("n")), part("den", t("k"))), r"\genfrac{}{}{0pt}{}{n}{k}"),
        (part("sSup", E, SUP), "x^{2}"),
        (part("sSub", E, SUB), "x_{i}"),
        (part("sSubSup", E, SUB, SUP), "x_{i}^{2}"),
        (part("sPre", SUB, SUP, E), "{}_{i}^{2}x"),
        (part("sSup", part("e", part("f", part("num", t("a")), part("den", t("b")))), SUP), r"{\frac{a}{b}}^{2}"),
        (part("rad", value("radPr", degHide="1"), part("deg"), E), r"\sqrt{x}"),
        (part("rad", part("deg", t("3")), E), r"\sqrt[3]{x}"),
        (part("nary", value("naryPr", chr="∑"), SUB, SUP, E), r"\sum_{i}^{2}x"),
        (part("nary", part("sub"), part("sup"), E), r"\int x"),
        (part("d", E, part("e", t("y"))), r"\left(x|y\right)"),
        (part("d", value("dPr", begChr="{", endChr=""), E), r"\left\{x\right."),
        (part("func", part("fName", t("sin")), E), r"\sin{x}"),
        (part("func", part("fName", part("limLow", part("e", t("lim")), part("lim", t("n")))), E), r"\lim_{n}{x}"),
        (part("func", part("fName", t("argmax")), E), r"\operatorname{argmax}{x}"),
        (part("limUpp", E, part("lim", t("n"))), r"\overset{n}{x}"),
        (part("acc", value("accPr", chr="\u0304"), E), r"\bar{x}"),
        (part("bar", value("barPr", pos="top"), E), r"\overline{x}"),
        (part("groupChr", E), r"\underbrace{x}"),
        (part("m", part("mr", E, E), part("mr", E, E)), r"\begin{matrix}x & x \\ x & x\end{matrix}"),
        (part("eqArr", E, E), r"\begin{aligned}x \\ x\end{aligned}"),
        (part("borderBox", E), "x"),
        (f'<w:ins>{t("new")}</w:ins><w:del>{t("old")}</w:del><w:r><w:t> 5_%</w:t></w:r>', r"new 5\_\%"),
    ],
)  # fmt: skip
def test_equations_are_written_as_latex(xml: str, written: str) -> None:
    assert latex(parse_xml(f"<m:oMath {SPACES}>{xml}</m:oMath>")) == written


def test_equations_stand_in_their_line_or_on_one_of_their_own() -> None:
    def equation(name: str) -> str:
        return f"<m:oMath {SPACES}>{t(name)}</m:oMath>"

    body = p(r("Let "), equation("a"), r(" be:"), f"<m:oMathPara {SPACES}>{equation('b')}</m:oMathPara>", r("So."))
    text = canonicalise(DocxReader().read(docx_of(body), Limits())).text
    assert text == "Let $a$ be:\n$$b$$\nSo.\n"
