"""How rows of text become the bytes of a file, and how the bytes are read again to prove it.

One module a kind; `kinds.py` chooses. Where one file ends and the next begins is `assets/files.py`,
and how a value becomes the text of a cell is `assets/steps/formats.py`. Typed kinds make their
values of that text, so that a CSV and a Parquet of one export are equal by construction.
"""
