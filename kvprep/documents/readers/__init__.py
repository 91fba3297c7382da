"""One reader for each format; each is imported only where it is used."""
