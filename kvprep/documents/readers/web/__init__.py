"""The parts of reading HTML: styles, elements, running text, tables."""
