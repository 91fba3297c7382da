"""Measures on identity: the same text is one document, look-alikes never are."""

import json
from pathlib import Path

from bench.corpus.files import NOTHING, Measured, Texts


def same_text(texts: Texts, corpus: Path) -> Measured:
    """Count the groups of `oracle.json` all of whose files gave one and the same text."""
    measured = NOTHING
    for group in same_text_groups(corpus):
        variants = {texts[name] for name in group if name in texts}
        if any(name not in texts for name in group):
            continue
        one = len(variants) == 1 and "" not in variants
        silent = [name for name in group if not texts[name]]
        miss = f"group of {group[0]}: {len(variants)} texts, none from {silent or 'no file'}"
        measured += Measured(one, 1, () if one else (miss,))
    return measured


def same_text_groups(corpus: Path) -> list[list[str]]:
    """List the groups of files whose visible text is the same."""
    groups: list[list[str]] = json.loads((corpus / "oracle.json").read_text())["same_text_groups"]
    return groups


def kept_apart(texts: Texts, corpus: Path) -> Measured:
    """Count the look-alike pairs of `oracle.json` that did not give the same text; no text is no merge."""
    measured = NOTHING
    for _, one, other in json.loads((corpus / "oracle.json").read_text())["near_duplicates_never_merge"]:
        if one not in texts or other not in texts:
            continue
        merged = bool(texts[one]) and texts[one] == texts[other]
        measured += Measured(not merged, 1, (f"merged: {one} and {other}",) if merged else ())
    return measured
