"""From an exception to one line on stderr and an exit code."""

import sys
from collections.abc import Sequence

import typer

from topkbench.errors import TopkbenchError

INTERRUPTED = 130


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the app on the arguments and return its exit code; `--debug`, anywhere, lets tracebacks through."""
    debug = "--debug" in arguments
    try:
        code = app([a for a in arguments if a != "--debug"], standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", INTERRUPTED)
    except Exception as error:  # the last stop: whatever it is, the user gets one line
        if debug:
            raise
        return _say(*_line_and_code(error))
    return code if isinstance(code, int) else 0


def _line_and_code(error: Exception) -> tuple[str, int]:
    if isinstance(error, TopkbenchError):
        return str(error), error.exit_code
    # Typer's own usage errors; which Click they come from differs between Typer's versions, their form does not.
    if format_message := getattr(error, "format_message", None):
        return f"{format_message()} See 'topkbench --help'.", 2
    if isinstance(error, MemoryError):
        return "out of memory: close other programs or use a smaller --batch-size", 4
    kind = type(error).__name__
    return (
        f"internal error: {kind}: {error}. Please report it with the output of the same command and --debug.",
        1,
    )


def _say(line: str, code: int) -> int:
    sys.stderr.write("error: " + " ".join(line.split()) + "\n")
    return code
