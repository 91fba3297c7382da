"""What Word and Excel files have in common: the package, the names of their XML, pictures and charts."""
