"""Sphinx configuration; ``sphinx-build -W docs docs/_build`` builds the pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from public_names import tables

import symdl

project = "symdl"
author = "symdl contributors"
release = version = symdl.__version__

extensions = ["myst_parser", "sphinxcontrib.katex", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "substitution"]
myst_heading_anchors = 3
myst_substitutions = tables()  # made when the pages are built, so that adding an op or a model touches one file
exclude_patterns = ["_build"]
katex_options = 'output: "mathml"'  # what browsers show by themselves: no style sheet has to be fetched
napoleon_use_ivar = True  # attributes in the text of their class, not as objects of their own
html_theme = "furo"
