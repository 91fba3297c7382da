"""A small page layout: headings, paragraphs, tables and running lines become placed runs of text.

It knows nothing of PDF, so that two writers can print the same pages in their own ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth

PAGE_WIDTH, PAGE_HEIGHT = A4
LEFT, RIGHT, TOP, BOTTOM = 56.0, PAGE_WIDTH - 56.0, PAGE_HEIGHT - 64.0, 64.0
LEADING = 1.32
"""Distance of two baselines, in font sizes."""


@dataclass(frozen=True)
class Face:
    """Names of the fonts of a typeface."""

    regular: str
    bold: str

    def font(self, bold: bool) -> str:
        """Give the name of one of them."""
        return self.bold if bold else self.regular


HELVETICA = Face("Helvetica", "Helvetica-Bold")
TIMES = Face("Times-Roman", "Times-Bold")


@dataclass(frozen=True)
class Run:
    """One line of text, or a part of one; `x` is its left end, or its right end where `right` is set."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    right: bool = False


@dataclass(frozen=True)
class Rule:
    """A thin horizontal line."""

    x: float
    y: float
    end: float


@dataclass(frozen=True)
class Column:
    """A column of a table; `right` aligns figures."""

    title: str
    width: float
    right: bool = False


@dataclass
class Sheet:
    """Pages under construction; text flows from one page to the next."""

    header: str = ""
    footer: str = ""
    """May hold {page} and {pages}."""
    face: Face = HELVETICA
    """Whose widths decide where lines break."""
    size: float = 9.5
    pages: list[list[Run | Rule]] = field(default_factory=lambda: [[]])
    y: float = TOP

    def title(self, text: str) -> None:
        """Set a large line."""
        self._line(text, LEFT, self.size * 1.7, bold=True)
        self.gap(4)

    def heading(self, text: str) -> None:
        """Set a line in bold, kept with what follows."""
        self.gap(6)
        self._ensure(8 * self.size * LEADING)
        self._line(text, LEFT, self.size * 1.1, bold=True)
        self.gap(2)

    def paragraph(self, text: str, *, indent: float = 0, size: float = 0) -> None:
        """Set running text, broken into lines."""
        size = size or self.size
        for line in self._wrap(text, RIGHT - LEFT - indent, size):
            self._line(line, LEFT + indent, size)
        self.gap(size * 0.45)

    def lines(self, *texts: str, x: float = LEFT) -> None:
        """Set lines as they are."""
        for text in texts:
            self._line(text, x, self.size)

    def pairs(self, pairs: Sequence[tuple[str, str]], *, width: float = 120) -> None:
        """Set labels and their values in two columns."""
        for label, value in pairs:
            self._ensure(self.size * LEADING)
            self._put(Run(LEFT, self.y, label, self.size, bold=True))
            self._line(value, LEFT + width, self.size)
        self.gap(4)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Set a table with a rule under its head and at its end; a cell that is too wide is broken into lines."""
        self._ensure(5 * self.size * LEADING)  # the head and a row of up to three lines
        self._row(columns, [column.title for column in columns], bold=True)
        self._rule()
        self.rows(columns, rows)
        self._rule()

    def rows(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Set rows of a table without its head."""
        for row in rows:
            self._row(columns, row)

    def gap(self, points: float) -> None:
        """Leave some space."""
        self.y -= points

    def keep(self, num_lines: int) -> None:
        """Keep the lines that follow on one page."""
        self._ensure(num_lines * self.size * LEADING)

    def new_page(self) -> None:
        """Go on at the top of the next page."""
        self.pages.append([])
        self.y = TOP

    def finished(self) -> list[list[Run | Rule]]:
        """Give the pages with their running lines."""
        return [[*self._running(number), *page] for number, page in enumerate(self.pages, 1)]

    def _running(self, number: int) -> list[Run]:
        footer = self.footer.format(page=number, pages=len(self.pages))
        runs = [Run(LEFT, PAGE_HEIGHT - 36, self.header, 7.5), Run(LEFT, 36, footer, 7.5)]
        return [run for run in runs if run.text]

    def _row(self, columns: Sequence[Column], cells: Sequence[str], *, bold: bool = False) -> None:
        wrapped = [self._wrap(cell, c.width - 6, self.size, bold) for c, cell in zip(columns, cells, strict=True)]
        height = self.size * LEADING
        self._ensure(height * max(map(len, wrapped)))
        x = LEFT
        for column, cell_lines in zip(columns, wrapped, strict=True):
            edge = x + column.width - 6 if column.right else x
            for number, line in enumerate(cell_lines):
                self._put(Run(edge, self.y - number * height, line, self.size, bold, column.right))
            x += column.width
        self.y -= height * max(map(len, wrapped)) + 2

    def _rule(self) -> None:
        self._put(Rule(LEFT, self.y + self.size * 0.8, RIGHT))
        self.gap(4)

    def _line(self, text: str, x: float, size: float, *, bold: bool = False) -> None:
        self._ensure(size * LEADING)
        self._put(Run(x, self.y, text, size, bold))
        self.y -= size * LEADING

    def _put(self, item: Run | Rule) -> None:
        self.pages[-1].append(item)

    def _ensure(self, height: float) -> None:
        if self.y - height < BOTTOM - LEADING * self.size:
            self.new_page()

    def _wrap(self, text: str, width: float, size: float, bold: bool = False) -> list[str]:
        font = self.face.font(bold)
        wrapped = [""]
        for word in text.split(" "):
            longer = f"{wrapped[-1]} {word}" if wrapped[-1] else word
            if wrapped[-1] and stringWidth(longer, font, size) > width:
                wrapped.append(word)
            else:
                wrapped[-1] = longer
        return wrapped
