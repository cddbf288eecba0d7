"""How a setting is written in a table."""

import math
from typing import Any


def show(value: Any) -> str:
    """Write a setting briefly: numbers without needless digits, lists joined by commas, none and nothing as "none".

    >>> show(2.0), show((64, 32)), show(None), show("logistic_phi")
    ('2', '64,32', 'none', 'logistic_phi')
    """
    if isinstance(value, tuple):
        return ",".join(map(show, value)) or "none"
    if isinstance(value, float) and not math.isnan(value):
        return f"{value:.12g}"
    return "none" if value is None or isinstance(value, float) else str(value)  # pandas' NaN: no such option


_LONG = 10


def show_p_k(p_k: tuple[float, ...]) -> str:
    """Write a distribution over k as the papers do, without leading zeros.

    >>> show_p_k((0.2, 0.2, 0.6)), show_p_k((1, 0, 0, 0, 0)), show_p_k((0.0,) * 99 + (1.0,))
    ('[.2 .2 .6]', '[1 0 0 0 0]', '[k = 100]')
    """
    if not p_k:
        return ""
    if len(p_k) > _LONG and p_k[-1] == 1:
        return f"[k = {len(p_k)}]"
    return "[" + " ".join(f"{p:.4g}".replace("0.", ".", 1) for p in p_k) + "]"


def named(row: Any) -> str:
    """A configuration's name in a line: method, P_K and what tells it from others."""
    return " ".join(filter(None, [row["method"], show_p_k(row["p_k"]) if row["p_k"] else "", row["settings"]]))
