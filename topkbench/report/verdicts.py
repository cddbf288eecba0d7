"""What is bold: the best of some configurations, and all that are not distinguishable from it.

Two claims are told apart, and every caption says which was made. About *these methods*: seeds and images vary, which
takes at least five seeds that both have. About *these trained heads*: images alone vary. Costs, of which no record
holds the rows, are compared by a paired t over seeds, for these images.

Legend: M configurations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from topkbench.errors import DataError
from topkbench.report import hits
from topkbench.report.evidence import Evidence
from topkbench.report.statistics import LEAST_SEEDS, holm, indistinguishable_from_best, paired_t, pairwise

ALPHA = 0.05
MARK = "†"
"""Beside what was compared by another claim than most."""

Claim = Literal["methods", "heads", "seeds", ""]
AnyArray = npt.NDArray[Any]

_MEANT: Mapping[Claim, str] = {
    "methods": "about these methods (seeds and images vary)",
    "heads": f"about these trained heads (images alone vary, as fewer than {LEAST_SEEDS} seeds are common)",
    "seeds": "about these methods on these images (a paired t over seeds)",
}


@dataclass(frozen=True)
class Verdict:
    """What comparing some configurations has come to.

    Attributes:
        bold: [M], whether each is the best or not distinguishable from it.
        claims: [M], what the comparison of each with the best is about; nothing for the best itself, and where none
            could be made.
        p: [M], of that comparison, by Holm over all pairs; NaN likewise.
        pairs: how many were compared.
        untested: how many with a mean could not be compared with the best.
    """

    bold: npt.NDArray[np.bool_]
    claims: Sequence[Claim]
    p: npt.NDArray[np.float64]
    pairs: int
    untested: int = 0

    def columns(self, index: "pd.Index[Any]", name: str) -> pd.DataFrame:
        """What was found, as NAME_bold, NAME_claim and NAME_p, for configurations of the given index."""
        columns = {f"{name}_bold": self.bold, f"{name}_claim": self.claims, f"{name}_p": self.p}
        return pd.DataFrame(columns, index=index)


def of_accuracies(evidence: Evidence, rows: pd.DataFrame, k: int, means: AnyArray) -> Verdict:
    """Compare configurations of one data set in top-k, by the test rows that their runs get right.

    Args:
        evidence: where the runs are.
        rows: of the configurations.
        k: classes that count.
        means: [M], their accuracies; NaN where one is not known.
    """
    right = {at: got for at, number in enumerate(rows["configuration"]) if (got := _hits(evidence, number, k))}
    compared = [at for at in right if not np.isnan(means[at])]
    if len(compared) < 2:
        return _untested(means)
    found = pairwise([right[at] for at in compared])
    return _verdict(means, compared, found.adjusted_p, found.kind)


def of_costs(evidence: Evidence, rows: pd.DataFrame, cost: str) -> Verdict:
    """Compare configurations of one data set and hierarchy in a cost, by its values over seeds."""
    means = -rows[f"{cost}_mean"].to_numpy()  # the least is the best
    by_seed = [evidence.members(number).set_index("seed")[cost].dropna() for number in rows["configuration"]]
    p = np.full((len(rows), len(rows)), np.nan)
    for a, b in combinations(np.flatnonzero(~np.isnan(means)), 2):
        both = by_seed[a].index.intersection(by_seed[b].index)
        if len(both) >= LEAST_SEEDS:
            p[a, b] = paired_t((by_seed[b][both] - by_seed[a][both]).to_numpy(float)).p
    adjusted = holm(p)
    adjusted = np.where(np.isnan(adjusted), adjusted.T, adjusted)
    claims = np.where(np.isnan(adjusted), "", "seeds")
    return _verdict(means, range(len(rows)), adjusted, claims)


class Basis:
    """What the bold of one table rests on: its verdicts, and the claims that they made, the wider one first."""

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        tested = [verdict for verdict in verdicts if verdict.bold.any()]
        self._any = bool(tested)
        self._pairs = max((verdict.pairs for verdict in tested), default=0)
        self._untested = max((verdict.untested for verdict in tested), default=0)
        made = {claim for verdict in tested for claim in verdict.claims}
        self._claims = [claim for claim in _MEANT if claim in made]

    def mark(self, claim: Claim) -> str:
        """What stands beside a figure compared by this claim: nothing, where it is the table's first."""
        return MARK if claim in self._claims[1:] else ""

    def caption(self) -> str:
        """What is bold, of which family, and by which claim; nothing where there was nothing to compare."""
        if not self._claims:
            return "Bold: the best; nothing was tested." if self._any else ""
        all_pairs = "1 pair" if self._pairs == 1 else f"all {self._pairs} pairs"
        by = "; ".join([_MEANT[self._claims[0]], *(f"{MARK} {_MEANT[claim]}" for claim in self._claims[1:])])
        untested = f" {self._untested} could not be compared with the best." if self._untested else ""
        return (
            f"Bold: the best, and what is not distinguishable from it (α = {ALPHA}, Holm's correction over {all_pairs})"
            f" by the claim {by}.{untested}"
        )


def _hits(evidence: Evidence, number: int, k: int) -> dict[int, hits.Hits]:
    """By seed; nothing where ranks are missing or torn, which leaves the configuration untested."""
    try:
        return hits.of_configuration(evidence, number, k)
    except DataError:
        return {}


def _verdict(means: AnyArray, compared: Sequence[int], adjusted: AnyArray, claims: AnyArray) -> Verdict:
    """Spread what was found among those compared over all."""
    found = _untested(means)
    if np.isfinite(means).sum() < 2 or (best := int(np.nanargmax(means))) not in compared:
        return found
    at, among = list(compared), list(compared).index(best)
    found.bold[at] |= indistinguishable_from_best(means[at], adjusted, ALPHA)  # beside equals, whether or not tested
    found.p[at] = adjusted[among]
    told: list[Claim] = [""] * len(means)
    for here, claim in zip(at, claims[among], strict=True):
        told[here] = claim
    pairs = np.isfinite(adjusted[np.triu_indices(len(at), 1)]).sum()
    untested = np.isfinite(means).sum() - np.isfinite(found.p).sum() - 1
    return Verdict(found.bold, told, found.p, int(pairs), int(untested))


def _untested(means: AnyArray) -> Verdict:
    """The best alone is bold, where there is anything beside it."""
    known = ~np.isnan(means)
    bold = known & (means == np.nanmax(means)) if known.sum() > 1 else np.zeros(len(means), bool)
    return Verdict(bold, [""] * len(means), np.full(len(means), np.nan), 0)
