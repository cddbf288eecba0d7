"""topkbench."""
