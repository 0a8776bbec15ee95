"""The pictures of runs that are looked at, kept at hand: drawing a large run takes a second."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from explorer.errors import UnknownName
from explorer.trace import Trace
from visualizers import TREES, pictures_of
from visualizers.picture import Picture
from visualizers.reading import Reading
from visualizers.sight import WHOLE, Sight

MOST_DRAWN = 8  # runs; one is a few megabytes
MOST_SIGHTS = 4  # of each run: the one that is shown, and those before it


class Drawn:
    """A run as far as it was when it was drawn."""

    def __init__(self, trace: Trace, token_text: Callable[[int], str]) -> None:
        self.reading = Reading(trace.fold(), token_text, trace.header.notes)
        self.pictures = pictures_of(self.reading)
        self._seen: OrderedDict[tuple[str, Sight], Picture] = OrderedDict()

    def picture(self, picture_id: str, sight: Sight = WHOLE) -> Picture:
        """One picture; a tree as the sight wants it.

        Raises:
            UnknownName: the run has no such picture.
        """
        found = next((p for p in self.pictures if p.id == picture_id), None)
        if found is None:
            raise UnknownName("picture", picture_id, [p.id for p in self.pictures])
        if sight == WHOLE or picture_id not in TREES:
            return found
        key = (picture_id, sight)
        with _lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return self._seen[key]
        made = TREES[picture_id](self.reading, sight)
        with _lock:
            self._seen[key] = made
            while len(self._seen) > MOST_SIGHTS:
                self._seen.popitem(last=False)
        return made


_drawn: OrderedDict[tuple[str, int], Drawn] = OrderedDict()
_lock = Lock()


def drawn(trace: Trace, token_text: Callable[[int], str]) -> Drawn:
    """The pictures of a run with the events that it has by now."""
    key = (trace.run_id, len(trace.events))
    with _lock:
        if key in _drawn:
            _drawn.move_to_end(key)
            return _drawn[key]
    made = Drawn(trace, token_text)
    with _lock:
        for old in [k for k in _drawn if k[0] == trace.run_id]:
            del _drawn[old]
        _drawn[key] = made
        while len(_drawn) > MOST_DRAWN:
            _drawn.popitem(last=False)
    return made
