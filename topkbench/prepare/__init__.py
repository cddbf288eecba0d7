"""Dump → store: one pass over the bytes, checked, and written so that a killed run leaves nothing half done.

What is small and tells most comes first: labels are read and checked, shapes compared, room on the disk made
sure of (`_contents`, `_target`). Then `_copy` moves the embeddings, and only a whole file gets its name.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from topkbench.errors import TopkbenchError, UsageError
from topkbench.prepare._contents import Contents, look
from topkbench.prepare._copy import copy
from topkbench.prepare._describe import describe, summary
from topkbench.prepare._jobs import Job, plan
from topkbench.prepare._options import Options, recipe
from topkbench.prepare._source import Hashes, combined
from topkbench.prepare._target import partial
from topkbench.progress import Progress, silent
from topkbench.store import Store, Writer, is_store, open_store

__all__ = ["Job", "Options", "describe", "plan", "prepare", "prepare_all", "summary"]


def prepare(
    sources: Sequence[Path],
    out: Path,
    options: Options = Options(),
    *,
    overwrite: bool = False,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> Store:
    """Convert one set of dump files to a store, or open the one that was made of the same files the same way.

    Args:
        sources: The files of one set.
        out: The store, in a folder that is made where it is missing.
        options: What to make of them.
        overwrite: Replace `out` where it exists; the old one stays until the new one is whole.
        progress: Shown the bytes of embeddings as they are copied.
        note: Told what a user may want to know, a line at a time.

    Raises:
        UsageError: A file, role or split is missing, a format is not known, or `out` exists, is one of the
            sources, or is being written by another process.
        DataError: What is in the dump is inconsistent, out of range or not finite, or the disk is full.
        UnsafeInputError: A dump would execute code, or hides what it holds.
    """
    made_of = recipe(sources, options)
    for source in sources:
        if is_store(source):
            raise UsageError(f"{source} is prepared already; train on it with --data, or give the dump that it is of")
    if out.exists() and any(source.samefile(out) for source in sources):
        raise UsageError(f"{out} is the dump itself; name another file with --out")
    if out.exists() and not overwrite:
        return _already(out, made_of, note)
    contents = look(sources, options, note)
    size = sum(spec.nbytes for spec in contents.layout.values())
    with partial(out, size) as path, Writer(path, contents.layout) as writer, Hashes(sources) as hashes:
        _fill(writer, contents, hashes, options, progress, note)
        attributes = {**_origin(sources, hashes), "recipe": made_of}
        parents = contents.hierarchy.parents
        writer.seal(contents.n_classes, contents.class_ids, contents.class_names, parents, attributes)
    return open_store(out)


def prepare_all(
    jobs: Sequence[Job],
    options: Options,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[Store]:
    """Convert one set after the other, and go on where one fails.

    Yields:
        Each store as soon as it is whole.

    Raises:
        TopkbenchError: The last failure, once all the others are done; `note` was told of those before it.
    """
    failure: TopkbenchError | None = None
    for job in jobs:
        try:
            yield prepare(job.sources, job.out, options, overwrite=overwrite, progress=progress, note=note)
        except TopkbenchError as error:
            if failure:
                note(f"error: {failure}")
            failure = error
    if failure:
        raise failure


def _already(out: Path, made_of: str, note: Callable[[str], None]) -> Store:
    if not is_store(out) or (store := open_store(out)).attributes.get("recipe") != made_of:
        raise UsageError(
            f"{out} exists, made of other files or with other options; "
            "replace it with --overwrite, or name another file with --out"
        )
    note(f"already prepared: {out}")
    return store


def _fill(
    writer: Writer,
    contents: Contents,
    hashes: Hashes,
    options: Options,
    progress: Progress,
    note: Callable[[str], None],
) -> None:
    for split, labels in contents.labels.items():
        writer.append(f"{split}/labels", labels)
    if contents.hierarchy.distances is not None:
        writer.append("classes/distances", contents.hierarchy.distances)
    total = sum(stream.nbytes for stream in contents.streams)
    with progress(total, "B", "preparing") as bar:
        tally = copy(contents.streams, contents.dtype, writer, hashes, bar)
    tally.settle(contents.dtype, options.allow_nonfinite, note)


def _origin(sources: Sequence[Path], hashes: Hashes) -> dict[str, Any]:
    return {
        "source": ", ".join(source.name for source in sources),
        "source_size": sum(source.stat().st_size for source in sources),
        "source_sha256": combined(hashes.finish()),
    }
