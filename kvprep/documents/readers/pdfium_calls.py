"""PDFium's functions for text and drawing, bound for speed: they are called several times for every word.

Handles of objects are plain integers. Converting arguments takes ctypes longer than most of the functions run, so that
those of a text page have no types for theirs: they take a `c_void_p` for the page, an int, and what `byref` gives.
Others take addresses, which ctypes converts faster than anything else.
"""

import ctypes
from functools import cache
from typing import Any

_HANDLE = ctypes.c_void_p
_INT = ctypes.c_int
_OUT = ctypes.c_void_p
_OF_TEXT_PAGES: dict[str, Any] = {
    "FPDFText_GetText": _INT,
    "FPDFText_GetUnicode": ctypes.c_uint,
    "FPDFText_IsGenerated": _INT,
    "FPDFText_GetCharOrigin": _INT,
    "FPDFText_GetLooseCharBox": _INT,
    "FPDFText_GetFontSize": ctypes.c_double,
    "FPDFText_GetMatrix": _INT,
    "FPDFText_GetTextObject": _HANDLE,
}
"""What each returns."""
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "FPDFTextObj_GetTextRenderMode": (_INT, _HANDLE),
    "FPDFTextObj_GetFont": (_HANDLE, _HANDLE),
    "FPDFPageObj_GetFillColor": (_INT, _HANDLE, _OUT, _OUT, _OUT, _OUT),
    "FPDFPageObj_GetType": (_INT, _HANDLE),
    "FPDFPageObj_GetBounds": (_INT, _HANDLE, _OUT, _OUT, _OUT, _OUT),
    "FPDFPageObj_GetMatrix": (_INT, _HANDLE, _OUT),
    "FPDFPageObj_GetStrokeWidth": (_INT, _HANDLE, _OUT),
    "FPDFPageObj_HasTransparency": (_INT, _HANDLE),
    "FPDFPath_CountSegments": (_INT, _HANDLE),
    "FPDFPath_GetPathSegment": (_HANDLE, _HANDLE, _INT),
    "FPDFPathSegment_GetPoint": (_INT, _HANDLE, _OUT, _OUT),
    "FPDFPath_GetDrawMode": (_INT, _HANDLE, _OUT, _OUT),
    "FPDFPage_CountObjects": (_INT, _HANDLE),
    "FPDFPage_GetObject": (_HANDLE, _HANDLE, _INT),
    "FPDFFormObj_CountObjects": (_INT, _HANDLE),
    "FPDFFormObj_GetObject": (_HANDLE, _HANDLE, ctypes.c_ulong),
}


class Calls:
    """The functions by their names without the prefix: `calls.Text_GetText` is `FPDFText_GetText`.

    They keep the interpreter's lock: none of them takes long, or calls back.
    """

    def __init__(self) -> None:
        """Bind the functions of the library that pypdfium2 has loaded."""
        import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

        for name, (result, *arguments) in _SIGNATURES.items():
            prototype = ctypes.PYFUNCTYPE(result, *arguments)
            setattr(self, name.removeprefix("FPDF"), prototype(address(getattr(pdfium, name))))
        for name, result in _OF_TEXT_PAGES.items():
            untyped = ctypes.PYFUNCTYPE(result)
            setattr(self, name.removeprefix("FPDF"), untyped(address(getattr(pdfium, name))))

    def __getattr__(self, name: str) -> Any:
        """Only for the type checker: a function that is not bound is a mistake."""
        raise AttributeError(name)


@cache
def calls() -> Calls:
    """Give the functions, bound once a process."""
    return Calls()


def address(handle: Any) -> int:
    """Give the address that a ctypes pointer or function holds."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
