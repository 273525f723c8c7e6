"""A package, so that tests share code as ``tests.katex`` whatever else is installed under that name."""
