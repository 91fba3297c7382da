"""Drawings on a sheet: the text of boxes, and charts as the table of what they draw."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvprep.documents.base import Block
from kvprep.documents.markdown import titled_table
from kvprep.documents.readers.shown import shown
from kvprep.documents.readers.workbook import Package

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_POINTS = 100_000


def drawing_blocks(package: Package, sheet: str) -> Iterator[Block]:
    """Give the text of a sheet's text boxes and charts.

    Raises:
        UnreadableDocument: a part is broken.
    """
    for kind, drawing in package.related(sheet).values():
        if kind != "drawing" or (root := package.root(drawing)) is None:
            continue
        for box in root.iter("{*}txBody"):
            text = "\n".join(_text(paragraph) for paragraph in box.iterfind("{*}p"))
            if text.strip():
                yield Block(text)
        for chart_kind, chart in package.related(drawing).values():
            if chart_kind == "chart":
                yield from _chart(package.root(chart))


def _chart(root: "Element | None") -> Iterator[Block]:
    if root is None:
        return
    title = root.find("{*}chart/{*}title")
    if title is not None and (text := _text(title)):
        yield Block(text)
    columns = [_points(series.find("{*}cat"), series.find("{*}xVal")) for series in root.iter("{*}ser")][:1]
    names = [""]
    for series in root.iter("{*}ser"):
        names.append(" ".join(value.text or "" for value in series.iterfind("{*}tx//{*}v")))
        columns.append(_points(series.find("{*}val"), series.find("{*}yVal")))
    if len(columns) > 1:
        indexes = sorted({index for column in columns for index in column})[:_MAX_POINTS]
        rows = [names, *([column.get(index, "") for column in columns] for index in indexes)]
        yield from titled_table(rows, 1)


def _points(*found: "Element | None") -> dict[int, str]:
    """Read what a series keeps of the cells that it draws."""
    points = {}
    for values in found:
        for point in values.iter("{*}pt") if values is not None else ():
            cache = point.getparent()
            code = point.get("formatCode") or (cache.findtext("{*}formatCode") if cache is not None else "")
            if point.get("idx", "").isdecimal():
                points[int(point.get("idx", ""))] = _value(point.findtext("{*}v") or "", code or "")
    return points


def _value(text: str, code: str) -> str:
    try:
        return shown(float(text), code) if code else text
    except ValueError:
        return text


def _text(element: "Element") -> str:
    return "".join(run.text or "" for run in element.iter("{*}t"))
