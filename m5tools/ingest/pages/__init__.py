"""A saved product page → one record. One file a kind of evidence; `page.py` chooses and merges."""
