"""Everything that a pickle may name, and what stands in for it."""

from topkbench.dumps.numpy_globals import NUMPY_GLOBALS
from topkbench.dumps.torch_globals import TORCH_GLOBALS
from topkbench.dumps.unpickler import Call, Globals
from topkbench.errors import DataError


def _ordered_dict(pairs: object = ()) -> dict[str, object]:
    """Python's pickler makes it empty and fills it later, as every dict."""
    if pairs not in ((), []):
        raise DataError("an OrderedDict made of a list, as Python 2 wrote it; save a plain dict")
    return {}


def _empty_bytes() -> memoryview:
    """What protocol 2 writes for the bytes of an empty array."""
    return memoryview(b"")


STAND_INS: Globals = {
    **NUMPY_GLOBALS,
    **TORCH_GLOBALS,
    ("collections", "OrderedDict"): Call(_ordered_dict),
    ("__builtin__", "bytes"): Call(_empty_bytes),
    ("builtins", "bytes"): Call(_empty_bytes),
}
