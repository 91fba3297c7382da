"""Charts and diagrams of Office files: what is written on them, and the values that they draw.

Source: ECMA-376 part 1, 21.2 (Charts) and 21.4 (Diagrams).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.markdown import table as markdown_table
from kvprep.documents.readers.office.names import qn

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_LABELS, _VALUES = ("c:cat", "c:xVal"), ("c:val", "c:yVal")
_MAX_CELLS = 100_000
"""Of one chart's table; a longer series is a recording rather than text, and stops there."""


def chart_blocks(root: "Element") -> Iterator[Block]:
    """Yield a chart's title, what kind of chart it is, and a table of what it draws.

    The kind says that the figures are a picture: in a workbook they are those of a sheet once more. The title of the
    axis along the labels heads their column; that of the other axis says what the values are.
    """
    title = _text(root.find(qn("c:chart/c:title")))
    area = root.find(qn("c:chart/c:plotArea"))
    if area is None:
        return
    for plot in area:
        labels, *values = [*_axis_titles(plot, area), ""]
        rows = _rows(plot.findall(qn("c:ser")), labels)
        if rows:
            yield from [Block(title)] if title else []
            title = ""
            yield Block(": ".join(filter(None, [_kind(plot), *values])))
            yield Block(markdown_table(rows), BlockKind.TABLE)


def diagram_blocks(root: "Element") -> Iterator[Block]:
    """Yield the text of each shape of a diagram."""
    for point in root.iter(qn("dgm:pt")):
        text = _text(point.find(qn("dgm:t")))
        if text:
            yield Block(text)


def _axis_titles(plot: "Element", area: "Element") -> Iterator[str]:
    """Yield what is written along a plot's axes, that of its labels first; nothing for an axis that is not drawn."""
    axes = {_axis_id(axis): axis for axis in area if axis.tag.endswith("Ax")}
    for axis_id in plot.iterfind(qn("c:axId")):
        axis = axes.get(axis_id.get("val"))
        if axis is not None:
            yield "" if _is_deleted(axis) else _text(axis.find(qn("c:title")))


def _axis_id(axis: "Element") -> str | None:
    axis_id = axis.find(qn("c:axId"))
    return axis_id.get("val") if axis_id is not None else None


def _is_deleted(axis: "Element") -> bool:
    switch = axis.find(qn("c:delete"))
    return switch is not None and switch.get("val", "1") in ("1", "true")


def _rows(series: "list[Element]", labels_head: str) -> list[list[str]]:
    """Lay out one row for each label and one column for each series."""
    columns = [_points(entry, _VALUES) for entry in series]
    indices = sorted(set().union(*columns))[: _MAX_CELLS // max(1, len(series))]
    if not indices:
        return []
    labels = next(filter(None, (_points(entry, _LABELS) for entry in series)), {})
    head = [labels_head, *(_text(entry.find(qn("c:tx"))) for entry in series)]
    return [head, *([labels.get(index, ""), *(column.get(index, "") for column in columns)] for index in indices)]


def _points(series: "Element", names: tuple[str, ...]) -> dict[int, str]:
    """Read the values that the chart keeps of the sheet it was drawn from, by their place in the series."""
    for name in names:
        values = series.find(qn(name))
        if values is not None:
            # Labels of several levels: the innermost come first.
            level = values.find(f".//{qn('c:lvl')}")
            points = (values if level is None else level).iter(qn("c:pt"))
            return {_index(point): _value(point) for point in points}
    return {}


def _index(point: "Element") -> int:
    index = point.get("idx", "")
    return int(index) if index.isascii() and index.isdigit() and len(index) < 10 else 0


def _value(point: "Element") -> str:
    text = " ".join((point.findtext(qn("c:v")) or "").split())
    try:
        return f"{float(text):.15g}" if "." in text else text  # 0.30000000000000004 is what a sheet shows as 0.3
    except ValueError:
        return text


def _text(element: "Element | None") -> str:
    """Give what is written in a part of a drawing: its own runs, or what it keeps of a sheet."""
    if element is None:
        return ""
    paragraphs = ("".join(run.text or "" for run in part.iter(qn("a:t"))) for part in element.iter(qn("a:p")))
    kept = (value.text or "" for value in element.iter(qn("c:v")))
    return " ".join(" ".join([*paragraphs, *kept]).split())


def _kind(plot: "Element") -> str:
    """Name the kind of a chart by its element: `Line chart`."""
    name = plot.tag.rpartition("}")[2]
    return f"{name.removesuffix('Chart').removesuffix('3D').capitalize()} chart"
