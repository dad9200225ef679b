"""Pairs out of many: rows that share a key, and hashes that are near, in time linear in the rows."""
