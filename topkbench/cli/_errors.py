"""From an exception to one line on stderr and an exit code."""

import os
import re
import sys
import traceback
from collections.abc import Sequence

import typer

from topkbench.errors import INTERRUPTED, TopkbenchError


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the app on the arguments and return its exit code; `--debug`, anywhere, shows the traceback of an error."""
    wanted = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(wanted, prog_name="topkbench", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _close_stdout()
    except SystemExit as error:  # Typer's, on a broken pipe
        return _close_stdout() if isinstance(error.__context__, BrokenPipeError) else _say(f"exit({error.code!r})", 1)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED  # which newer Typers return rather than raise
    except Exception as error:  # the last stop: whatever it is, the user gets one line
        if "--debug" in arguments:
            traceback.print_exception(error)
        return _say(*_line_and_code(error, arguments))
    if code == INTERRUPTED:
        return _say("interrupted", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _close_stdout() -> int:
    """Whoever read has seen enough (`| head`); without this Python would complain once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _line_and_code(error: Exception, arguments: Sequence[str]) -> tuple[str, int]:
    if isinstance(error, TopkbenchError):
        return str(error), error.exit_code
    # Typer's own usage errors; which Click they come from differs between Typer's versions, their form does not.
    if format_message := getattr(error, "format_message", None):
        command = f"topkbench {arguments[0]}" if arguments[0].isalpha() else "topkbench"
        return f"{_with_value(format_message(), arguments)} See '{command} --help'.", 2
    if isinstance(error, MemoryError):
        return "out of memory: close other programs or use a smaller --batch-size", 4
    kind = type(error).__name__
    return (
        f"internal error: {kind}: {error}. Please report it with the output of the same command and --debug.",
        1,
    )


def _with_value(message: str, arguments: Sequence[str]) -> str:
    """Typer's message, and the value that it complains of, which it does not always name."""
    option = re.search(r"Invalid value for '(--[\w-]+)'", message)
    if not option or option[1] not in arguments[:-1]:
        return message
    value = arguments[arguments.index(option[1]) + 1]
    return message if repr(value) in message else f"{message}; got {value!r}."


def _say(line: str, code: int) -> int:
    sys.stderr.write("error: " + " ".join(line.split()) + "\n")
    return code
