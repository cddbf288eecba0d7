"""What is bold: the best of some configurations, and all that are not distinguishable from it.

Two claims are told apart, and every caption says which was made. About *these methods*: seeds and images vary, which
takes at least five seeds that both have. About *these trained heads*: images alone vary. Costs, of which no record
holds the rows, are compared by a paired t over seeds, for these images.

Legend: M configurations.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
UNTESTED, UNTESTED_MARK = "untested", "‡"
"""Of what was not compared with the best: ranks are missing, or, for costs, seeds."""

AnyArray = npt.NDArray[Any]

_ROUNDING = 1e-12
"""Of means that are sums of seeds in another order."""

ABOUT: Mapping[str, str] = {
    "methods": "these methods (seeds and images vary)",
    "methods_here": "these methods on these images (seeds alone vary)",
    "heads": "these trained heads (images alone vary)",
}
"""What each claim is about, the widest first."""


@dataclass(frozen=True)
class Verdict:
    """What comparing some configurations has come to.

    Attributes:
        bold: [M], whether each is the best or not distinguishable from it.
        claims: [M], which claim the comparison of each with the best makes; "untested" where it could not be made, and
            none for the best itself.
        p: [M], of that comparison, by Holm over all pairs; NaN likewise.
        pairs: how many were compared.
    """

    bold: npt.NDArray[np.bool_]
    claims: Sequence[str]
    p: npt.NDArray[np.float64]
    pairs: int

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
    values_SM = _by_seed(evidence, cost).reindex(columns=rows["configuration"]).to_numpy(float)
    a, b = np.triu_indices(len(rows), 1)
    differences = values_SM[:, b] - values_SM[:, a]
    enough = (~np.isnan(differences)).sum(0) >= LEAST_SEEDS
    p = np.full((len(rows), len(rows)), np.nan)
    p[a[enough], b[enough]] = paired_t(differences[:, enough]).p
    adjusted = holm(p)
    adjusted = np.where(np.isnan(adjusted), adjusted.T, adjusted)
    return _verdict(means, range(len(rows)), adjusted, np.where(np.isnan(adjusted), "", "methods_here"))


def _by_seed(evidence: Evidence, cost: str) -> pd.DataFrame:
    """A cost of every run that is done, a row a seed, a column a configuration."""
    done = evidence.runs[evidence.runs["configuration"] >= 0]
    return done.pivot(index="seed", columns="configuration", values=cost)


class Basis:
    """What the bold of one table rests on: its verdicts, and the claims that they made, the wider one first."""

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        tested = [verdict for verdict in verdicts if verdict.bold.any()]
        self._any = bool(tested)
        self._pairs = sorted({verdict.pairs for verdict in tested if verdict.pairs})
        made = {claim for verdict in tested for claim in verdict.claims}
        self._claims = [claim for claim in ABOUT if claim in made]
        self._is_partial = UNTESTED in made
        self._signs = dict.fromkeys(self._claims[1:], MARK) | {UNTESTED: UNTESTED_MARK}

    def mark(self, claim: str) -> str:
        """What stands beside a figure compared by this claim: nothing, where it is the table's first."""
        return self._signs.get(claim, "") if self._claims else ""

    def caption(self) -> str:
        """What is bold, of which family, and by which claim; nothing where there was nothing to compare."""
        if not self._claims:
            return "Bold: the best; nothing was tested." if self._any else ""
        most = self._pairs[-1]
        all_pairs = "1 pair" if most == 1 else f"{'up to' if len(self._pairs) > 1 else 'all'} {most} pairs"
        untested = f" {UNTESTED_MARK} could not be compared with the best." if self._is_partial else ""
        return (
            f"Bold: the best, and what is not distinguishable from it (α = {ALPHA}, Holm's correction over {all_pairs})"
            f" by the claim about {about(self._claims)}.{untested}"
        )


def about(claims: Collection[str], parted: str = f"; {MARK} about ") -> str:
    """What some claims are about, the widest first, and why it is no more."""
    no_more = f"images alone vary, as fewer than {LEAST_SEEDS} seeds are common"
    return parted.join(ABOUT[claim].replace("images alone vary", no_more) for claim in ABOUT if claim in claims)


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
    told = list(found.claims)
    for here, claim in zip(at, claims[among], strict=True):
        told[here] = str(claim) or told[here]
    pairs = np.isfinite(adjusted[np.triu_indices(len(at), 1)]).sum()
    return Verdict(found.bold, told, found.p, int(pairs))


def _untested(means: AnyArray) -> Verdict:
    """The best alone is bold, where there is anything beside it."""
    known = ~np.isnan(means)
    if known.sum() < 2:
        return Verdict(np.zeros(len(means), bool), [""] * len(means), np.full(len(means), np.nan), 0)
    claims = [UNTESTED if there else "" for there in known]
    claims[int(np.nanargmax(means))] = ""
    bold = known & np.isclose(means, np.nanmax(means), rtol=0, atol=_ROUNDING)
    return Verdict(bold, claims, np.full(len(means), np.nan), 0)
