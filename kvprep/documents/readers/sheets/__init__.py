"""The parts of reading workbooks: layout, styles, values as shown, regions."""
