"""Nothing in a hostile file is executed, and every one is refused by one line of the right kind."""

import sys

import pytest

from tests.dumps.hostile import cases
from topkbench import dumps
from topkbench.errors import UnsafeInputError, UsageError

CASES = {name: (write, error) for name, write, error in cases()}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused(name, tmp_path):
    write, error = CASES[name]
    path = tmp_path / "dump.bin"
    write(path)
    with pytest.raises(error) as caught:
        dumps.read(path)
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "canary").exists()


def test_a_name_that_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.pt"):
        with pytest.raises(UsageError, match="give a file"):
            dumps.read(path)


def test_reading_imports_nothing_that_a_file_names(tmp_path):
    path = tmp_path / "dump.pkl"
    path.write_bytes(b"\x80\x02cthis\ns\n.")
    with pytest.raises(UnsafeInputError, match=r"this\.s"):
        dumps.read(path)
    assert "this" not in sys.modules
