"""Reading held against real documents with a ground truth: `python -m bench.corpus`.

Each measure is a plain function from the texts that an extractor gave to a `Measured`; kvprep's own texts and those of
its peers go through the same functions.
"""
