"""What the emitted text calls by name: the processor's properties, Numba intrinsics, the contraction tile."""
