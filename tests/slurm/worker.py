"""A worker of the checks: `worker.py FOLDER PASSES SECONDS --share I/N`.

Like a sweep's, it skips what is done and may be ended at any moment. A pass is a file that exists once it is done;
`FOLDER/log` holds a line for each start and each end of a pass.
"""

import sys
import time
from pathlib import Path


def main(folder: str, passes: str, seconds: str, _: str, share: str) -> None:
    """Do this share's passes that are not done yet."""
    home = Path(folder)
    index, count = map(int, share.split("/"))
    for number in range(index, int(passes) + 1, count):
        if not (home / f"{number}.done").exists():
            note(home, f"start {number} of {share}")
            time.sleep(float(seconds))
            (home / f"{number}.done").touch(exist_ok=False)
            note(home, f"end {number} of {share}")


def note(home: Path, line: str) -> None:
    """Add a line; short ones from several processes do not mix."""
    with (home / "log").open("a") as log:
        log.write(f"{time.time():.2f} {line}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
