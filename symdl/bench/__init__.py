"""Measured claims: workloads that symdl and its peers run side by side, kernels alone, and the machine's own limits.

A workload is a model or a function, declared once in symdl and once for each peer; ``workloads/`` has one file for
each kind. A runner (``runners/``) is one way to run it: symdl, PyTorch as it is or compiled, JAX step by step or over a
whole epoch, NumPy. Each runs in a process of its own (``child``), with its threads set before anything is imported, and
answers the questions of ``measure``: your losses, your times. Times count where the losses agree.
"""
