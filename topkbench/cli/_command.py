"""Options that take several values."""

import re
from typing import Any, ClassVar

from typer.core import TyperCommand

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|[+-]?(nan|inf)$", re.IGNORECASE)


class ManyNumbers(TyperCommand):
    """A command whose number lists may be spaced (`--p-k .5 .5`), comma-joined (`.5,.5`) or repeated.

    The arguments are rewritten to the repeated form, which is the only one that the parser knows; what follows the
    numbers is parsed as ever.
    """

    options: ClassVar[tuple[str, ...]] = ("--p-k", "--hidden-dims")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # whose context differs between Typer's versions
        """Parse the rewritten arguments."""
        return super().parse_args(ctx, repeated(args, self.options))


def repeated(arguments: list[str], options: tuple[str, ...]) -> list[str]:
    """Put the option's name before each of its numbers.

    >>> repeated(["--p-k", ".5", ".25,.25", "--seed", "1"], ("--p-k",))
    ['--p-k', '.5', '--p-k', '.25', '--p-k', '.25', '--seed', '1']
    """
    rewritten: list[str] = []
    option = None  # the list option whose values are being read
    for argument in arguments:
        name, equals, joined = argument.partition("=")
        if name in options:
            option = name
            if equals:
                rewritten += _each(option, joined)
            else:
                rewritten.append(option)  # its value follows; without one the parser says what is missing
        elif option and all(map(_NUMBER.match, _parts(argument))):
            if rewritten[-1] == option:
                rewritten.pop()
            rewritten += _each(option, argument)
        else:
            option = None
            rewritten.append(argument)
    return rewritten


def _each(option: str, joined: str) -> list[str]:
    return [token for value in _parts(joined) for token in (option, value)]


def _parts(joined: str) -> list[str]:
    return [part.strip() for part in joined.split(",")]
