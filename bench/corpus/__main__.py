"""`python -m bench.corpus`: what kvprep makes of the corpus, measure by measure, with every miss."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.corpus import agreements, docling, groups, invoices
from bench.corpus.files import Measured, Texts, all_files, corpus_folder, read, texts_of


@dataclass(frozen=True)
class Measure:
    """A function of the texts, and what the files that it needs are called like."""

    run: Callable[[Texts, Path], Measured]
    patterns: tuple[str, ...]

    def needs(self, name: str) -> bool:
        """Tell whether a file must be read for it."""
        return any(Path(name).match(pattern) for pattern in self.patterns)


MEASURES = {
    "fields": Measure(invoices.field_recall, ("*.pdf",)),
    "lines": Measure(invoices.line_items, ("tests/compare/*.pdf",)),
    "same-text": Measure(groups.same_text, ("*.pdf",)),
    "kept-apart": Measure(groups.kept_apart, ("*.pdf",)),
    "bonterms": Measure(agreements.bonterms, ("Bonterms+*/*.pdf",)),
    "docx": Measure(agreements.docx_words, ("*.docx",)),
    "templates": Measure(agreements.templates, ("template.docx",)),
    **{
        f"docling-{form}": Measure(partial(docling.recall, form=form), (f"data/{form}/sources/*",))
        for form in docling.FORMATS
    },
}


def main() -> None:
    """Read what the chosen measures need, and print each figure and each miss."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURES, metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--jobs", type=int, default=1, help="reading processes (1)")
    chosen = parser.parse_args()
    corpus = corpus_folder()
    measures = {name: MEASURES[name] for name in chosen.only or MEASURES}
    names = [name for name in all_files(corpus) if any(measure.needs(name) for measure in measures.values())]
    texts = texts_of(read(corpus, names, chosen.jobs))
    for label, measure in measures.items():
        _show(label, measure.run(texts, corpus))
        if label.startswith("docling-"):
            _show_order(docling.order(texts, corpus, label.removeprefix("docling-")))


def _show(label: str, measured: Measured) -> None:
    print(f"{label}: {measured}")
    _show_lines(measured.misses)


def _show_order(likenesses: dict[str, float]) -> None:
    print(f"  order: {100 * docling.mean(likenesses):.2f} %, the worst of {len(likenesses)} files:")
    worst = sorted(likenesses.items(), key=lambda item: item[1])
    _show_lines(f"{name}: {100 * likeness:.1f} %" for name, likeness in worst[:8] if likeness < 1)


def _show_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"  {line}")


if __name__ == "__main__":
    main()
