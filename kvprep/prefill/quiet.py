"""Hush what transformers would write to the terminal: its warnings, and bars that know nothing of kvprep's own."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hush warnings and progress bars, and leave transformers' settings as they were."""
    from transformers.utils import logging as settings

    verbosity = settings.get_verbosity()
    hook = settings.set_tqdm_hook(_no_bar)
    settings.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        settings.set_verbosity(verbosity)
        settings.set_tqdm_hook(hook)


def _no_bar(make_bar: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return make_bar(*args, **{**kwargs, "disable": True})
