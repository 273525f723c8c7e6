"""Expressions: tensors in index notation, the three ways to write them, and systems of equations."""
