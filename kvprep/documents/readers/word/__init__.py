"""What a DOCX is made of, from its package down to the characters of its fonts."""
