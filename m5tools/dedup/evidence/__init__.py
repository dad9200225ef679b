"""What speaks for or against two products being one: identifiers, texts, tables, pictures, clips, sounds, vectors.

A module for each kind, and what several of them read: texts cut into sets of numbers, files by their products.
"""
