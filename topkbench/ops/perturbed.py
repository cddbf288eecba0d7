"""Perturbed optimisers (Berthet et al. 2020): any function, however it jumps, made smooth by noise on its inputs.

The mean f_σ(θ) = E f(θ + σ Z) has a derivative even where f has none: integration by parts takes it from f to the
density exp(−ν) of the noise (their prop. 3.1),

    J f_σ(θ) = E f(θ + σ Z) ∇ν(Z)ᵀ / σ,    ∇ν(z) = z (normal), 1 − exp(−z) (standard Gumbel).

For Gumbel noise, what is drawn is an exponential number X, so that Z = −log X and ∇ν(Z) = 1 − X.

Samples are drawn in blocks, whose size depends on the shapes of the inputs alone, and a block is evaluated in chunks:
so the noise is the same whatever the chunk. Between forward and backward pass no sample is kept, only the state of the
generator: the backward pass draws the same noise again. A state is known on the host, so nothing waits for a device.

Legend: S samples of the noise evaluated together, B batch, N = S · B rows that f sees; n samples in all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce, wraps
from operator import index
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import first_order, require_first_order
from topkbench.ops.options import require_one_of, require_positive
from topkbench.ops.scores import at_least_float32, finite, float_type

_BLOCK = 2**18  # numbers drawn together: 1 MB, which a core keeps near


def perturbed(
    fn: Callable[..., Any] | None = None,
    num_samples: int = 1000,
    sigma: float = 0.05,
    noise: str = "gumbel",
    batched: bool = True,
    generator: Generator | None = None,
    chunk: int | None = None,
) -> Callable[..., Any]:
    """A function with the signature of `fn` that gives its mean under noise, and that can be differentiated.

    To be called, or put above a function as `@perturbed` or `@perturbed(sigma=0.5)`. All tensors given by position are
    perturbed, with independent noise, and get a gradient; all else, keywords above all, reaches `fn` as it is.

    The value is ȳ = 1/n Σ_i y_i with y_i = fn(θ + σ Z_i). The gradient of a loss whose derivative by ȳ is v is the
    covariance, over the samples, of <y, v> and ∇ν(Z), divided by σ:

        1 / ((n − 1) σ) Σ_i <y_i − ȳ, v> ∇ν(Z_i).

    It is unbiased: n / (n − 1) · (y_i − ȳ) is y_i less the mean of the other samples, which is independent of Z_i,
    and E ∇ν(Z) = 0. Less that mean, the estimate does not change where a constant is added to `fn`, and it is zero
    where all samples agree. One sample alone has no others; its gradient is <y, v> ∇ν(Z) / σ.

    Args:
        fn: what to perturb. Batched, it sees inputs [N, …], every row for itself, and gives [N, …]: floating point,
            integer or boolean, or a tuple of such tensors. It is called without gradients, and again, for the same
            inputs, in the backward pass.
        num_samples: n ≥ 1; the error of value and gradient falls with 1/√n.
        sigma: σ > 0, the scale of the noise, in units of the inputs.
        noise: `gumbel` (standard, of mean 0.5772) or `normal` (standard); drawn in float32 for inputs of any type.
        batched: whether the first axis of the inputs is a batch, each sample of which gets its own noise; otherwise
            inputs are one sample, and `fn` sees the noise's samples where the batch would be.
        generator: where noise comes from, on the inputs' device; None for the device's default generator.
        chunk: samples that `fn` sees at once, at most; None for a whole block, 2^18 numbers. Results differ by
            rounding alone. Of use where `fn` takes much more memory than its inputs.

    Returns:
        The function. Its results have the shape of fn's, and their type, but at least float32, and the first input's
        where fn's are not floating point.

    Raises:
        TypeError: (of the function that is returned) no tensor by position, one that is not floating point, or
            results of `fn` that are not tensors.
        ValueError: n, σ or chunk out of range, or an unknown noise; (of the function that is returned) inputs without
            a common first axis, a generator on another device, or results of `fn` without the batch's axis.
        NotImplementedError: a second derivative is asked for.

    >>> argmax = lambda x_NC: torch.nn.functional.one_hot(x_NC.argmax(-1), x_NC.shape[-1])
    >>> smooth = perturbed(argmax, 10**6, sigma=1.0, generator=torch.Generator().manual_seed(0))
    >>> smooth(torch.tensor([[0.0, 1.0986]])).round(decimals=2)  # softmax(0, log 3) = 1/4, 3/4
    tensor([[0.2500, 0.7500]])
    """
    sampling = _Sampling(num_samples, sigma, noise, generator, chunk)
    return partial(_smoothed, sampling, batched) if fn is None else _smoothed(sampling, batched, fn)


def fenchel_young(  # noqa: PLR0913 - what is learnt, and how `perturbed` is to sample
    scores: Tensor,
    target: Tensor | Callable[[Tensor], Tensor],
    fn: Callable[[Tensor], Tensor],
    *,
    num_samples: int = 1000,
    sigma: float = 0.05,
    noise: str = "gumbel",
    batched: bool = True,
    generator: Generator | None = None,
    chunk: int | None = None,
) -> Tensor:
    """The Fenchel–Young loss of a perturbed maximiser (Berthet et al. 2020, §4).

    For θ_i = θ + σ Z_i, fn(θ) = argmax_y <y, θ> over some set, and a target y in the set's convex hull,

        L(θ; y) = 1/n Σ_i <fn(θ_i) − y, θ_i>,    ∂L/∂θ = 1/n Σ_i fn(θ_i) − y.

    No sample's share is negative, as fn(θ_i) is the best there is. L is convex in θ, with its minimum where the mean
    of fn(θ_i) is y, and its gradient is exact, no estimate by scores. Its expectation is the paper's
    F_σ(θ) − <θ, y>, but for σ E<Z, y>, which θ does not change.

    Where several answers are right, `target` may be the maximiser over these alone: y = target(θ_i) is then the right
    answer that is the best for each sample. This is the partial Fenchel–Young loss (Stewart et al. 2023), a difference
    of two convex functions, zero where all samples have a right answer.

    Args:
        scores: θ, [B, …] where batched; floating point, ±∞ counts as ±1e18.
        target: y, the shape of the scores, to which no gradient goes; or a function like `fn`.
        fn: the maximiser, as for `perturbed`; its result has the shape of its input. A minimiser of <y, costs> is the
            maximiser `lambda theta: minimiser(-theta)` of scores that are the negative costs.
        num_samples: as for `perturbed`.
        sigma: likewise.
        noise: likewise.
        batched: likewise.
        generator: likewise.
        chunk: likewise.

    Returns:
        One loss for each sample of the batch, [B], or [] where not batched; in units of the scores.

    Raises:
        TypeError: scores that are not floating point.
        ValueError: a target or results of a function of another shape than the scores, a batch of numbers, or what
            `perturbed` refuses.
        NotImplementedError: a second derivative is asked for.

    >>> argmax = lambda x_NC: torch.nn.functional.one_hot(x_NC.argmax(-1), x_NC.shape[-1])
    >>> scores, target = torch.tensor([[1.0986, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> loss = fenchel_young(scores, target, argmax, num_samples=10**6, sigma=1.0)
    >>> loss.round(decimals=1)  # −log softmax = log 4 = 1.386
    tensor([1.4000])
    """
    if batched and scores.ndim < 2:
        raise ValueError(
            f"scores {list(scores.shape)} have no axis beside the batch's; give batched=False for one sample"
        )
    theta_B = finite(scores if batched else scores.unsqueeze(0))
    right = _always(_like(scores, target).view_as(theta_B)) if isinstance(target, Tensor) else target

    def off_target(theta_N: Tensor) -> tuple[Tensor, Tensor]:
        best_N, right_N = (_like(theta_N, maximise(theta_N)) for maximise in (fn, right))
        excess_N = best_N - right_N
        return excess_N, _inner(excess_N, theta_N)

    smoothed = perturbed(off_target, num_samples, sigma, noise, generator=generator, chunk=chunk)
    excess_B, value_B = smoothed(theta_B.detach())
    loss_B: Tensor = value_B + _inner(excess_B, first_order(theta_B) - theta_B.detach())  # which is but the gradient
    return loss_B if batched else loss_B.squeeze(0)


def _always(target_B: Tensor) -> Callable[[Tensor], Tensor]:
    """A function that gives the target, once for every sample, whatever it sees."""

    def repeated(theta_N: Tensor) -> Tensor:
        samples = len(theta_N) // max(1, len(target_B))
        return target_B.expand(samples, *target_B.shape).flatten(0, 1)

    return repeated


def _like(theta: Tensor, y: Tensor) -> Tensor:
    """An answer in the type of the scores.

    Raises:
        ValueError: it has another shape.
    """
    if y.shape != theta.shape:
        raise ValueError(f"an answer {list(y.shape)} for scores {list(theta.shape)}; it must have the scores' shape")
    return y.to(theta.dtype)


class _Noise(NamedTuple):
    draw: Callable[..., Tensor]
    """Raw numbers of a shape, from a generator, on a device."""
    value: Callable[[Tensor], Tensor]
    """Z, of raw numbers."""
    score: Callable[[Tensor], Tensor]
    """∇ν(Z), of raw numbers."""


def _exponential(shape: Sequence[int], generator: Generator, device: torch.device) -> Tensor:
    """Standard exponential numbers between 6e-8 and 17.3; on a CPU several times faster than torch's own."""
    uniform = torch.rand(shape, generator=generator, device=device, dtype=torch.float32)
    return uniform.clamp_min_(2**-25).log_().neg_()  # torch draws multiples of 2^-24, among them 0


_NOISES = {
    "gumbel": _Noise(_exponential, lambda x: -x.log(), lambda x: 1 - x),
    "normal": _Noise(partial(torch.randn, dtype=torch.float32), lambda z: z, lambda z: z),
}
NOISES = tuple(_NOISES)


class _Part(NamedTuple):
    """Samples that are evaluated together."""

    draws: Sequence[Tensor]
    """What was drawn for each input, [S, B, …]."""
    outputs: tuple[Tensor, ...]
    """What fn gave, [S, B, …] each."""
    is_tuple: bool
    """Whether it gave a tuple."""


@dataclass(frozen=True)
class _Sampling:
    """How to sample."""

    num_samples: int
    sigma: float
    noise: str
    generator: Generator | None
    chunk: int | None

    def __post_init__(self) -> None:
        for option in ("num_samples", "chunk"):
            if getattr(self, option) is not None:
                object.__setattr__(self, option, _whole(getattr(self, option), option))
        if self.num_samples < 1:
            raise ValueError(f"num_samples = {self.num_samples}; give 1 or more")
        require_positive(self.sigma, "sigma")
        require_one_of(self.noise, NOISES, "noise")
        if self.chunk is not None and self.chunk < 1:
            raise ValueError(f"chunk = {self.chunk}; give 1 or more, or None")

    def source(self, device: torch.device) -> Generator:
        """The generator to draw from.

        Raises:
            ValueError: it is on another device.
        """
        if self.generator is None:
            return _default_generator(device)
        if self.generator.device.type != device.type:
            raise ValueError(
                f"the generator is on {self.generator.device}, the inputs on {device}; give both one device"
            )
        return self.generator

    def parts(
        self, evaluate: Callable[[Sequence[Tensor]], Any], inputs: Sequence[Tensor], source: Generator
    ) -> Iterator[_Part]:
        """All samples, part by part: `evaluate` sees the noisy inputs, [N, …] each."""
        value = _NOISES[self.noise].value
        for draws in self._draws(inputs, source):
            noisy = [x.add(value(z.to(x.dtype)), alpha=self.sigma) for x, z in zip(inputs, draws, strict=True)]
            result = evaluate([x.flatten(0, 1) for x in noisy])
            is_tuple = isinstance(result, tuple)
            outputs = result if is_tuple else (result,)
            yield _Part(draws, tuple(_by_sample(y, draws[0].shape[:2]) for y in outputs), is_tuple)

    def _draws(self, inputs: Sequence[Tensor], source: Generator) -> Iterator[Sequence[Tensor]]:
        block = max(1, _BLOCK // max(1, sum(x.numel() for x in inputs)))
        draw = _NOISES[self.noise].draw
        for start in range(0, self.num_samples, block):
            samples = min(block, self.num_samples - start)
            draws = [draw((samples, *x.shape), generator=source, device=x.device) for x in inputs]
            yield from zip(*(torch.split(z, self.chunk or samples) for z in draws), strict=True)


def _whole(value: object, option: str) -> int:
    """An integer of any library's as Python's own.

    Raises:
        TypeError: it is none.
    """
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise TypeError(f"{option} = {value!r}; give a whole number") from error


def _default_generator(device: torch.device) -> Generator:
    if device.type == "cpu":
        return torch.default_generator
    return torch.get_device_module(device).default_generators[device.index]  # type: ignore[no-any-return]


def _by_sample(y: object, samples_and_batch: Sequence[int]) -> Tensor:
    """[N, …] -> [S, B, …].

    Raises:
        TypeError: not a tensor.
        ValueError: another first axis than N.
    """
    samples, batch = samples_and_batch
    if not isinstance(y, Tensor):
        raise TypeError(f"fn gave a {type(y).__name__}; it must give a tensor or a tuple of tensors")
    if y.shape[:1] != (samples * batch,):
        raise ValueError(f"fn gave {list(y.shape)} for {samples * batch} rows; the rows must be its first axis")
    return torch.unflatten(y, 0, (samples, batch))


def _smoothed(sampling: _Sampling, batched: bool, fn: Callable[..., Any]) -> Callable[..., Any]:
    if not callable(fn):
        raise TypeError(f"fn is {fn!r}, which cannot be called; give a function, and options by their names")

    @wraps(fn)
    def mean(*arguments: Any, **options: Any) -> Any:
        inputs = _inputs(arguments, batched)

        def evaluate(noisy: Sequence[Tensor]) -> Any:
            left = iter(noisy)
            return fn(*(next(left) if isinstance(a, Tensor) else a for a in arguments), **options)

        means = _Mean.apply(sampling, evaluate, *inputs)  # type: ignore[no-untyped-call]
        if batched:
            return means
        return tuple(y.squeeze(0) for y in means) if isinstance(means, tuple) else means.squeeze(0)

    return mean


def _inputs(arguments: Sequence[object], batched: bool) -> list[Tensor]:
    """The tensors among the arguments, [B, …] each; B = 1 where not batched.

    Raises:
        TypeError: there is none, or one is not floating point.
        ValueError: they have no common first axis.
    """
    tensors = [a for a in arguments if isinstance(a, Tensor)]
    if not tensors:
        raise TypeError("there is no tensor to perturb; give one by position")
    for x in tensors:
        if not x.is_floating_point():
            raise TypeError(f"an input is {x.dtype}; give it as floating point, or by its name to leave it unperturbed")
    if not batched:
        return [at_least_float32(x).unsqueeze(0) for x in tensors]
    if not tensors[0].dim() or any(x.shape[:1] != tensors[0].shape[:1] for x in tensors):
        shapes = " and ".join(str(list(x.shape)) for x in tensors)
        raise ValueError(f"inputs {shapes} have no common first axis, the batch; give one, or batched=False")
    return [at_least_float32(x) for x in tensors]


class _Mean(torch.autograd.Function):
    """The mean of fn's outputs over the samples, [B, …] each."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, sampling: _Sampling, evaluate: Callable[[Sequence[Tensor]], Any], *inputs: Tensor
    ) -> Any:
        source = sampling.source(inputs[0].device)
        ctx.sampling, ctx.evaluate, ctx.source = sampling, evaluate, source.clone_state()  # type: ignore[attr-defined]
        sums: list[Tensor] = []
        for part in sampling.parts(evaluate, inputs, source):
            sums = _added(sums, [y.sum(0, dtype=_mean_type(y, inputs[0])) for y in part.outputs])
        means = tuple(total / sampling.num_samples for total in sums)
        ctx.save_for_backward(*inputs, *means)
        return means if part.is_tuple else means[0]

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        require_first_order()
        sampling: _Sampling = ctx.sampling  # type: ignore[attr-defined]
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        inputs, means = saved[: -len(gradients)], saved[-len(gradients) :]
        score = _NOISES[sampling.noise].score
        others = max(sampling.num_samples - 1, 1)
        baseline_B = _inners(means, gradients) if sampling.num_samples > 1 else 0
        sums: list[Tensor] = []
        for part in sampling.parts(ctx.evaluate, inputs, ctx.source.clone_state()):  # type: ignore[attr-defined]
            weight_SB1 = (_inners(part.outputs, gradients) - baseline_B).unsqueeze(-1)
            sums = _added(sums, [(weight_SB1 * _flat(score(z), 2)).sum(0) for z in part.draws])
        scale = 1 / (sampling.sigma * others)
        return None, None, *(scale * total.view_as(x) for x, total in zip(inputs, sums, strict=True))


def _added(sums: Sequence[Tensor], parts: list[Tensor]) -> list[Tensor]:
    return [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts


def _mean_type(y: Tensor, x: Tensor) -> torch.dtype:
    return float_type(y) if y.is_floating_point() else x.dtype


def _inners(ys: Sequence[Tensor], vs: Sequence[Tensor]) -> Tensor:
    """Σ over fn's outputs of <y, v>, [S, B] or [B]."""
    return reduce(torch.add, map(_inner, ys, vs))


def _inner(y: Tensor, v: Tensor) -> Tensor:
    """<y, v> over all axes of v but its first: [S, B, …] or [B, …], [B, …] -> [S, B] or [B]."""
    return _flat(y * v, y.dim() - v.dim() + 1).sum(-1)


def _flat(x: Tensor, first: int) -> Tensor:
    """All axes from the given one flattened into one, which is made where there is none."""
    return x.unsqueeze(-1).flatten(first)
