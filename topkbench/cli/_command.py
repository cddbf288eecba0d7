"""Options that take several values."""

import re
from typing import Any, ClassVar

from typer.core import TyperCommand

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|[+-]?(nan|inf)$", re.IGNORECASE)

_FLAG = re.compile(r"--|-[A-Za-z]$")  # a minus before a longer word is that of a column to sort by


class ManyValues(TyperCommand):
    """A command whose lists may be spaced (`--p-k .5 .5`), comma-joined (`.5,.5`) or repeated.

    The arguments are rewritten to the repeated form, which is the only one that the parser knows; what follows the
    values is parsed as ever.
    """

    numbers: ClassVar[tuple[str, ...]] = ("--p-k", "--hidden-dims", "--lr-steps")
    names: ClassVar[tuple[str, ...]] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # whose context differs between Typer's versions
        """Parse the rewritten arguments."""
        return super().parse_args(ctx, repeated(args, self.numbers, self.names))


class ManyNames(ManyValues):
    """A command that takes nothing but options, of which `--method` may have several names."""

    numbers: ClassVar[tuple[str, ...]] = ()
    names: ClassVar[tuple[str, ...]] = ("--method",)


def repeated(arguments: list[str], numbers: tuple[str, ...], names: tuple[str, ...] = ()) -> list[str]:
    """Put the option's name before each of its values.

    Args:
        arguments: of the command line.
        numbers: options of numbers.
        names: options that take anything up to the next option.

    >>> repeated(["--p-k", ".5", ".25,.25", "--seed", "1"], ("--p-k",))
    ['--p-k', '.5', '--p-k', '.25', '--p-k', '.25', '--seed', '1']
    """
    rewritten: list[str] = []
    option = None  # the list option whose values are being read
    for argument in arguments:
        name, equals, joined = argument.partition("=")
        if name in (*numbers, *names):
            option = name
            if equals:
                rewritten += _each(option, joined)
            else:
                rewritten.append(option)  # its value follows; without one the parser says what is missing
        elif option and (_is_name(argument) if option in names else all(map(_NUMBER.match, _parts(argument)))):
            if rewritten[-1] == option:
                rewritten.pop()
            rewritten += _each(option, argument)
        else:
            option = None
            rewritten.append(argument)
    return rewritten


def _is_name(argument: str) -> bool:
    return not _FLAG.match(argument)


def _each(option: str, joined: str) -> list[str]:
    return [token for value in _parts(joined) for token in (option, value)]


def _parts(joined: str) -> list[str]:
    return [part.strip() for part in joined.split(",")]
