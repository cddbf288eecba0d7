"""What captions have in common."""

import pandas as pd

from topkbench.report.evidence import Evidence


def spreads(rows: pd.DataFrame, single: str = ", in brackets Wilson's 95 % interval") -> str:
    """What stands beside the means; `single` is what stands there where there is one seed.

    >>> spreads(pd.DataFrame({"n_seeds": [5, 5]})), spreads(pd.DataFrame({"n_seeds": [1, 3]}), single="")
    ('mean ± sample standard deviation over 5 seeds', 'mean ± sample standard deviation over up to 3 seeds')
    """
    if rows["n_seeds"].max() == 1:
        return f"one seed{single}"
    over = f"mean ± sample standard deviation over {seeds(rows)}"
    return f"{over} (of one{single})" if rows["n_seeds"].min() == 1 and single else over


def seeds(rows: pd.DataFrame) -> str:
    """How many seeds configurations have.

    >>> seeds(pd.DataFrame({"n_seeds": [1, 3]}))
    'up to 3 seeds'
    """
    most, fewest = rows["n_seeds"].max(), rows["n_seeds"].min()
    return f"{most if fewest == most else f'up to {most}'} seeds"


def numbers(rows: pd.DataFrame) -> str:
    """What stands in parentheses where a table has no column of seeds, and configurations have unlike many."""
    return "In parentheses the number of seeds." if rows["n_seeds"].nunique() > 1 else ""


def chosen(evidence: Evidence) -> str:
    """Which configurations are there, where not all are."""
    if not evidence.grouped:
        return ""
    return f"Of each {', '.join(evidence.grouped)} the configuration with the best validation top-1."


def sentences(*parts: str) -> str:
    """The parts that say something, one after the other."""
    return " ".join(filter(None, parts))
