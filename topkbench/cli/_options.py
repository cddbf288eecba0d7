"""Options that several commands take alike."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

RESULTS = Path("results")
"""Where run records lie unless the user says otherwise."""

Data = Annotated[
    Path | None, Option(envvar="TOPKBENCH_DATA", help="A prepared file; by default the only one in data/.")
]
Results = Annotated[Path, Option(envvar="TOPKBENCH_RESULTS", help="The folder of run records.")]
Device = Annotated[Literal["auto", "cpu", "cuda"] | None, Option(help="Where to compute.")]
Residency = Annotated[Literal["auto", "device", "ram", "mmap"] | None, Option(help="Where the embeddings are held.")]
CudaGraph = Annotated[
    Literal["auto", "off"] | None, Option(help="Capture the training step as a CUDA graph where it can be.")
]
Json = Annotated[bool, Option("--json", help="Print a JSON document.")]
