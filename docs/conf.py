"""Sphinx configuration; ``sphinx-build -W docs docs/_build`` builds the pages."""

import importlib.metadata

project = "symdl"
author = "symdl contributors"
release = version = importlib.metadata.version("symdl")

extensions = ["myst_parser", "sphinxcontrib.katex", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
