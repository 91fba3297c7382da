"""Elements of SVG, escaped."""

from markupsafe import Markup, escape

from kvprep.wording import printable

Attribute = str | float


def element(name: str, *children: Markup | str, **attributes: Attribute) -> Markup:
    """Make an element.

    Args:
        name: of the element, our own word.
        children: elements, and texts, which are escaped.
        attributes: `stroke_width` becomes stroke-width, `class_` class; numbers keep two decimals.
    """
    told = "".join(f' {_attribute(key)}="{escape(_value(value))}"' for key, value in attributes.items())
    inside = "".join(child if isinstance(child, Markup) else escape(printable(child)) for child in children)
    return Markup(f"<{name}{told}>{inside}</{name}>")  # each part is escaped above


def picture(label: str, *children: Markup, look: str, height: int) -> Markup:
    """Make a whole picture, as wide as its place, that tells its content to those who do not see it.

    Args:
        label: what is to be seen.
        children: elements; lengths in pixels, or in percent of the width.
        look: its class.
        height: in pixels.
    """
    return element("svg", *children, class_=look, role="img", aria_label=label, height=height)


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: Attribute) -> str:
    return printable(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
