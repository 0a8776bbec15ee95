"""The token tree: every token that a run looked at, as a prefix tree.

Node 0 is the end of the prompt; every other node is one token after its parent. The tree knows
nothing about models: a `View` is one model's reading of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

ROOT = 0


@dataclass(frozen=True, slots=True)
class Mixture:
    """Several tokens at one place, each with its share; the shares sum to one.

    A network is given the mean of their embeddings, weighted by the shares.
    """

    shares: tuple[tuple[int, float], ...]  # (token, share), by token

    @classmethod
    def of(cls, weights: Mapping[int, float]) -> Mixture:
        """Tokens in proportion to their weights, of which one is positive at least."""
        total = fsum(weights.values())
        return cls(tuple((token, w / total) for token, w in sorted(weights.items())))


class TokenTree:
    """A growing prefix tree of tokens.

    Nodes are numbered in the order of their birth, so a parent's number is always smaller than
    its children's. Children with the same token are one node. A node without a token (a soft or
    virtual one) is told apart from its siblings by its key; a mixture of tokens is such a key.
    """

    def __init__(self) -> None:
        self._parents: list[int] = [-1]
        self._tokens: list[int | None] = [None]
        self._mixtures: dict[int, Mixture] = {}
        self._depths: list[int] = [0]
        self._children: list[dict[object, int]] = [{}]
        self._dead: set[int] = set()
        self.on_add: Callable[[int], None] = lambda node: None

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, parent: int, token: int | None, key: object = None) -> int:
        """The child of `parent` that carries `token`, made if it does not exist yet.

        A dead child that is added again lives again; so does whatever is dead above the child.
        """
        self._revive(parent)
        siblings = self._children[parent]
        name = token if token is not None else ("virtual", key)
        if (known := siblings.get(name)) is not None:
            self._revive(known)
            return known
        node = len(self._parents)
        siblings[name] = node
        self._parents.append(parent)
        self._tokens.append(token)
        if token is None and isinstance(key, Mixture):
            self._mixtures[node] = key
        self._depths.append(self._depths[parent] + 1)
        self._children.append({})
        self.on_add(node)
        return node

    def mix(self, parent: int, weights: Mapping[int, float]) -> int:
        """The child of `parent` at which tokens stand in proportion to their weights.

        One token alone is that token's own child.
        """
        if len(weights) == 1:
            return self.add(parent, next(iter(weights)))
        return self.add(parent, None, key=Mixture.of(weights))

    def find(self, parent: int, token: int) -> int | None:
        """The child of `parent` that carries `token`; None if there is none."""
        return self._children[parent].get(token)

    def extend(self, parent: int, tokens: Sequence[int]) -> list[int]:
        """A chain of tokens below `parent`; returns its nodes from top to bottom."""
        chain = []
        for token in tokens:
            parent = self.add(parent, token)
            chain.append(parent)
        return chain

    def parent(self, node: int) -> int:
        """The parent's number; -1 for the root."""
        return self._parents[node]

    def token(self, node: int) -> int:
        """The token id that `node` carries; the root and virtual nodes carry none."""
        token = self._tokens[node]
        if token is None:
            raise ValueError(f"Node {node} carries no token.")
        return token

    def token_or_none(self, node: int) -> int | None:
        """The token id that `node` carries, None where it carries none."""
        return self._tokens[node]

    def mixture(self, node: int) -> Mixture | None:
        """What a soft node is a mixture of; None where a token stands, or something else."""
        return self._mixtures.get(node)

    def given(self, node: int) -> int | Mixture:
        """What a model is given at `node`: its token, or the mixture that it is."""
        return self._mixtures.get(node) or self.token(node)

    def depth(self, node: int) -> int:
        """Tokens between the end of the prompt and here; 0 for the root."""
        return self._depths[node]

    def children(self, node: int) -> list[int]:
        """Children in the order of their birth."""
        return list(self._children[node].values())

    def upward(self, node: int) -> Iterator[int]:
        """`node`, its parent, and so on, the root excluded."""
        while node > ROOT:
            yield node
            node = self._parents[node]

    def path(self, node: int) -> list[int]:
        """The nodes from below the root down to `node`."""
        return list(self.upward(node))[::-1]

    def tokens(self, node: int) -> list[int]:
        """The token ids from the end of the prompt down to `node`."""
        return [self.token(n) for n in self.path(node)]

    def subtree(self, node: int) -> list[int]:
        """`node` and everything below it, parents before children."""
        found = [node]
        for n in found:
            found.extend(self._children[n].values())
        return found

    # Which nodes still matter. Views may drop what they keep for the dead; asking a dead node
    # again is allowed and only costs its computation.

    def alive(self, node: int) -> bool:
        """False once no hypothesis runs through `node` any more."""
        return node not in self._dead

    def kill_guess(self, node: int) -> list[int]:
        """A guess was wrong: it dies with everything below it. Returns the newly dead."""
        return self._kill(self.subtree(node))

    def kill_hypothesis(self, node: int) -> list[int]:
        """A hypothesis lost: it dies from its tip up to where a living one branches off.

        Nothing dies if a living one runs through the tip itself. Returns the newly dead.
        """
        newly = []
        for n in self.upward(node):
            if any(map(self.alive, self._children[n].values())):
                break
            newly += self._kill([n])
        return newly

    def _revive(self, node: int) -> None:
        # Above a living node all live, so the way up ends at the first one.
        while node in self._dead:
            self._dead.discard(node)
            node = self._parents[node]

    def _kill(self, nodes: list[int]) -> list[int]:
        newly = [n for n in nodes if n != ROOT and n not in self._dead]
        self._dead.update(newly)
        return newly
