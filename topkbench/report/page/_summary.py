"""What the page begins with: what was left out, which runs these are, and how they came about."""

from collections.abc import Iterator, Sequence
from html import escape

from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED
from topkbench.report.values import show

_SIZES = {
    "n_classes": "classes",
    "dim": "dimensions",
    "n_train": "training rows",
    "n_valid": "validation rows",
    "n_test": "test rows",
}
_VERSIONS = {"topkbench": "topkbench", "torch": "torch", "python": "Python", "device": "on"}
_DIGITS = 12  # of a checksum: enough to tell two apart


def drawn(evidence: Evidence) -> str:
    """The runs, the rule, the data and the versions, as a list of terms."""
    terms = {
        "runs": [_counted(evidence)],
        "configurations": [_folded(evidence)],
        "selection": [PICKED[evidence.select]],
        "data": _data(evidence),
        "trained with": _versions(evidence),
    }
    return "\n".join(
        f"<dt>{term}</dt>{''.join(f'<dd>{escape(text)}</dd>' for text in said)}" for term, said in terms.items()
    )


def notes(said: Sequence[str]) -> str:
    """What was left out or looks odd."""
    if not said:
        return "<p>Of the runs asked for none was left out.</p>"
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in said)}</ul>"


def _counted(evidence: Evidence) -> str:
    runs = evidence.runs
    by_status = ", ".join(f"{count} {status}" for status, count in runs["status"].value_counts().items())
    if len(runs) == len(evidence.records):
        return by_status
    return f"{by_status}; of {len(evidence.records)} in the folder those asked for"


def _folded(evidence: Evidence) -> str:
    best = f", of each {', '.join(evidence.grouped)} the best on validation" if evidence.grouped else ""
    return f"{len(evidence.rows)}{best}"


def _data(evidence: Evidence) -> Iterator[str]:
    """A line for each data set: of one name there may be several."""
    for at in evidence.runs.drop_duplicates(["dataset", "checksum"]).index:
        data = evidence.records[at].data
        sizes = [f"{show(data[size])} {of}" for size, of in _SIZES.items() if data.get(size) is not None]
        checksum = f"checksum {str(data.get('checksum'))[:_DIGITS]}"
        yield f"{data['name']}: {', '.join([*sizes, checksum])}"


def _versions(evidence: Evidence) -> list[str]:
    """What the runs' environments say, each value once."""
    environments = [evidence.records[at].environment for at in evidence.runs.index]
    said = []
    for key, name in _VERSIONS.items():
        values = dict.fromkeys(str(each[key]) for each in environments if each.get(key))
        said += [f"{name} {', '.join(values)}"] if values else []
    return ["; ".join(said) or "versions that no record names"]
