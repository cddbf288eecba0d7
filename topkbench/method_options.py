"""What a method takes: its own options and, where it leaves the judging of its scores to another's loss, those of that.

Both are given alike, as one set of options; `build` hands each to whom it belongs.
"""

from collections.abc import Mapping
from typing import Any

from topkbench import losses, option_types, training_options
from topkbench.errors import UsageError
from topkbench.losses import Method, TopKCrossEntropy


def known(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a method takes, and their own defaults.

    Args:
        method: name, alias or file.
        given: the options chosen so far, of which `loss` may name the loss that judges.

    Raises:
        UsageError: there is no such method or loss.
    """
    own = losses.options(method)
    if losses.JUDGED not in own:
        return own
    judged = {option: value for option, value in own.items() if option != losses.JUDGED}
    return judged | losses.options(judge(method, given))


def judge(method: str, given: Mapping[str, Any]) -> str:
    """The method whose loss judges a method's scores: itself, or that which its option `loss` names.

    Args:
        method: name, alias or file.
        given: the options chosen so far.

    Raises:
        UsageError: there is no such method; or `loss` names a file, whose text no record would hold.
    """
    own = losses.options(method)
    if losses.JUDGED not in own:
        return losses.canonical(method)
    named = given.get("loss", own["loss"])
    if not isinstance(named, str):
        raise UsageError(f"{method}: loss = {named!r}; it takes a method's name")
    if losses.is_file(named):
        name = losses.canonical(method)
        cure = f"name a method, or derive the file's Loss from topkbench.losses.{name}'s and give it to --method"
        raise UsageError(f"{name}: loss = {named}: a file judges no other method's scores; {cure}")
    return losses.canonical(named)


def check_types(method: str, values: Mapping[str, Any]) -> None:
    """Refuse values that are not of the types that options take.

    Raises:
        UsageError: one is of another type.
    """
    own = losses.options(method)
    name = losses.canonical(method)
    option_types.check(losses.find(method), {option: value for option, value in values.items() if option in own}, name)
    judges = {option: value for option, value in values.items() if option not in own}
    if judges:
        option_types.check(losses.find(values["loss"]), judges, values["loss"])


def build(method: str, values: Mapping[str, Any]) -> Method:
    """The method's loss.

    Args:
        method: name, alias or file.
        values: of the options that `known` lists.

    Raises:
        UsageError: a value out of range.
    """
    own = losses.options(method)
    chosen = {option: value for option, value in values.items() if option in own}
    if losses.JUDGED in own:
        chosen["loss"] = losses.canonical(values["loss"])
        chosen[losses.JUDGED] = {option: value for option, value in values.items() if option not in own}
    return losses.load(method, **chosen)


def with_k(method: str, own: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with k in place of the p_k that says it, where the method takes k and no p_k.

    Args:
        method: that which takes them, a judge for itself.
        own: the options that there are.
        options: those given.

    Raises:
        UsageError: the p_k asks for more than one k, or for another one than `k` does.
    """
    if "p_k" not in options or "p_k" in own or "k" not in own:
        return dict(options)
    option_types.check(TopKCrossEntropy, {"p_k": options["p_k"]}, method)
    p_k = tuple(options["p_k"])
    if p_k != p_k_of({"k": len(p_k)}):
        raise UsageError(f"--p-k {training_options.shown(p_k)}: {method} takes one k; --p-k 0 0 0 0 1 means k = 5")
    if options.get("k", len(p_k)) != len(p_k):
        raise UsageError(
            f"--p-k {training_options.shown(p_k)} means k = {len(p_k)}, but k = {options['k']} is given too"
        )
    return {option: value for option, value in options.items() if option != "p_k"} | {"k": len(p_k)}


def p_k_of(own: Mapping[str, Any]) -> tuple[float, ...]:
    """The p_k that a method's options say: their own, all weight on their k, or none."""
    if "p_k" in own or not isinstance(own.get("k"), int):
        return tuple(own.get("p_k", ()))
    return (*[0.0] * (own["k"] - 1), 1.0)
