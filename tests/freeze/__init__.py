"""Tests of the bridge to the code generator."""
