"""Hierarchies that ship: graphs of WordNet 3.0 nouns, and the 20 superclasses of CIFAR-100 (Krizhevsky, 2009).

The WordNet graphs are those of the classes of ImageNet-1K, of ImageNet-21K-P (winter21) and of the demo set, with
all of their ancestors; see WORDNET-LICENSE.txt beside this file. Whatever they share is the same in all of them, so
that together they are one graph.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from topkbench.hierarchy import _files
from topkbench.hierarchy._graph import Edge

_HERE = Path(__file__).parent
_WORDNET, _TEXT = ".tsv.gz", ".tsv"
_CIFAR = "cifar-100"


def known() -> list[str]:
    """Name the hierarchies that ship with topkbench.

    >>> known()
    ['cifar-100', 'imagenet-1k', 'imagenet-21k-p', 'wordnet826']
    """
    return sorted([_CIFAR, *_graphs()])


def find(class_ids: Sequence[str] | None, class_names: Sequence[str] | None) -> list[Edge] | None:
    """The graph of classes that are known: by WordNet ids, or by the names of CIFAR-100's classes."""
    if class_ids and set(class_ids) <= {edge.child for edge in _wordnet()}:
        return _wordnet() if len(set(class_ids)) == len(class_ids) else None
    return _cifar(class_ids) or _cifar(class_names)


def words() -> dict[str, str]:
    """What WordNet calls the nodes of the graphs that ship, by id.

    >>> words()["n00001740"]
    'entity'
    """
    return {wnid: word for name in _graphs() for wnid, word in _files.words(_HERE / f"{name}{_WORDNET}")}


def load(name: str, n_classes: int, class_ids: Sequence[str] | None, class_names: Sequence[str] | None) -> list[Edge]:
    """A hierarchy that ships; a hundred classes with neither ids nor names may be taken for CIFAR-100's by number."""
    if name != _CIFAR:
        return _read(f"{name}{_WORDNET}")
    edges = _read(f"{_CIFAR}{_TEXT}")
    if not class_ids and not class_names and n_classes == len(edges):
        return [edge._replace(child=str(label)) for label, edge in enumerate(edges)]
    return _cifar(class_ids) or _cifar(class_names) or edges


def _cifar(own: Sequence[str] | None) -> list[Edge] | None:
    """The superclasses of CIFAR-100's classes in the caller's spelling, or None where these are other classes."""
    edges = _read(f"{_CIFAR}{_TEXT}")
    spelled = {_plain(name): name for name in own or ()}
    if len(own or ()) != len(edges) or spelled.keys() != {_plain(edge.child) for edge in edges}:
        return None
    return [edge._replace(child=spelled[_plain(edge.child)]) for edge in edges]


def _plain(name: str) -> str:
    """The name without what spellings differ in.

    >>> _plain("Aquarium_fish") == _plain("aquarium fish")
    True
    """
    return name.lower().replace("_", " ")


@cache
def _wordnet() -> list[Edge]:
    return [edge for name in _graphs() for edge in _read(f"{name}{_WORDNET}")]


def _graphs() -> list[str]:
    return [path.name.removesuffix(_WORDNET) for path in _HERE.glob(f"*{_WORDNET}")]


@cache
def _read(file: str) -> list[Edge]:
    return _files.parents(_HERE / file)
