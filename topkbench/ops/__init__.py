"""Pure functions of tensors: tensors in, tensors out, usable with nothing else of topkbench."""
