"""Sphinx configuration; ``sphinx-build -W docs docs/_build`` builds the pages."""

from importlib.metadata import version

project = "symdl"
author = "symdl contributors"
copyright = author
release = version("symdl")

extensions = ["myst_parser", "sphinxcontrib.katex", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
exclude_patterns = ["_build"]
html_theme = "furo"
