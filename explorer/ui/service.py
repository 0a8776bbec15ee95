"""What visitors may do with runs: the page and the API both go through this, and only this.

Nothing here knows of Gradio. Every method takes a `Visitor` and checks what they may do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from explorer.errors import ExplorerError, InputError
from explorer.models.library import Library
from explorer.settings import Settings
from explorer.trace import Trace
from explorer.ui.branching import as_before, branch_point, check_fits, placed
from explorer.ui.checks import FieldErrors, checked_job
from explorer.ui.examples import Examples
from explorer.ui.keeping import StoreSink
from explorer.worker import Batch, End, Job, QueueFull, Worker, default_library, make_worker
from storage import NotThere, Owner, Reader, RunInfo, Shared, Store, open_store

OWN_FIELDS = ("method", "model-", "param-")  # those that are not shared by two methods
WATCH_BEAT_SECONDS = 0.25
SETTLING_SECONDS, SETTLING_TRIES = 5.0, 100


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever asks: the token their browser made, and the share id in their address, if any.

    The address of two runs has one id for each, with a comma between them.
    """

    token: str
    share: str = ""

    @property
    def guests(self) -> list[Shared]:
        return [Shared(share_id) for share_id in self.share.split(",") if share_id]


@dataclass(frozen=True, slots=True)
class Place:
    """A run as it stands: whether it goes on, whose it is, how it ended."""

    info: RunInfo | None  # None: an example, which belongs to nobody
    mine: bool

    @property
    def going(self) -> bool:
        return self.info is not None and not self.info.ended

    @property
    def sentence(self) -> str:
        """How the run ended, where its events alone do not tell."""
        return self.info.sentence if self.info is not None else ""

    @property
    def failure(self) -> str:
        """Why the run failed."""
        return self.sentence if self.info is not None and self.info.status == "failed" else ""


class Service:
    """Store, worker and examples behind one door; `library` is where the worker's models are."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None = None,
        library: Callable[[], Library] = default_library,
    ) -> None:
        self.store = store or open_store(settings)
        # First of all: its processes load models while the page is being built.
        self.worker: Worker = make_worker(settings, StoreSink(self.store), library)
        self.examples = Examples()

    def close(self) -> None:
        self.worker.close()
        self.store.close()

    # Who -----------------------------------------------------------------------------------------

    def owner(self, visitor: Visitor) -> Owner:
        """The owner behind the visitor's token.

        Raises:
            InputError: it is no token that our page makes.
        """
        return self.store.owner_of(visitor.token)

    def reader(self, run_id: str, visitor: Visitor) -> Reader:
        """As whom the visitor may read a run: its owner, else whoever has the share id.

        Raises:
            NotThere: neither.
        """
        readers: list[Reader] = [self.owner(visitor), *visitor.guests]
        for reader in readers:
            try:
                self.store.run(run_id, reader)
                return reader
            except NotThere:
                continue
        raise NotThere("run", run_id)

    # Reading -------------------------------------------------------------------------------------

    def trace(self, run_id: str, visitor: Visitor) -> Trace:
        """A run's header and what has happened in it so far."""
        if run_id in self.examples:
            return self.examples.trace(run_id)
        return self.store.trace(run_id, self.reader(run_id, visitor))

    def place(self, run_id: str, visitor: Visitor) -> Place:
        """How a run stands."""
        if run_id in self.examples:
            return Place(None, False)
        reader = self.reader(run_id, visitor)
        return Place(self.store.run(run_id, reader), isinstance(reader, Owner))

    def watch(self, run_id: str, visitor: Visitor, after: int = 0) -> Iterator[Batch]:
        """What happens in a run that goes on behind the first `after` events, as `Worker.watch`.

        For a run that is over and not at hand any more, nothing: the store has it whole.
        """
        self.reader(run_id, visitor)
        try:
            yield from self.worker.watch(run_id, after, WATCH_BEAT_SECONDS)
        except InputError:
            return

    # Making --------------------------------------------------------------------------------------

    def start(
        self, visitor: Visitor, values: Mapping[str, Any], session_id: str | None = None
    ) -> str:
        """Make a job and put it in the queue; returns the run's id.

        Raises:
            FieldErrors: something is not allowed.
            NotThere: the visitor has no such session.
            QueueFull: no more runs are taken for now.
        """
        return self._submit(self.owner(visitor), checked_job(values), session_id)

    def start_two(
        self,
        visitor: Visitor,
        first: Mapping[str, Any],
        second: Mapping[str, Any],
        session_id: str | None = None,
    ) -> tuple[str, str, str]:
        """Put two runs to be compared in the queue, one behind the other.

        Returns their ids and an empty sentence; or where the queue had room for the first alone,
        its id, an empty one and why the second was not taken.

        Raises:
            FieldErrors: something is not allowed, and neither was started. What is wrong with the
                second alone has "b-" before the field's name.
            QueueFull: no more runs are taken for now.
        """
        owner = self.owner(visitor)
        jobs: list[Job] = []
        found: dict[str, str] = {}
        for prefix, values in (("", first), ("b-", second)):
            try:
                jobs.append(checked_job(values))
            except FieldErrors as error:
                found |= {
                    prefix + name if name.startswith(OWN_FIELDS) else name: sentence
                    for name, sentence in error.found.items()
                }
        if found:
            raise FieldErrors(found)
        begun = self._submit(owner, jobs[0], session_id)
        try:
            return begun, self._submit(owner, jobs[1], session_id), ""
        except QueueFull as error:
            return begun, "", f"A was started and B was not. {error}"

    def _submit(self, owner: Owner, job: Job, session_id: str | None) -> str:
        self.store.create_run(job.header, owner, session_id)
        try:
            self.worker.submit(job)
        except ExplorerError:
            self.store.finish(job.run_id, "stopped")
            self.store.delete_run(job.run_id, owner)
            raise
        return job.run_id

    def session_of_branch(self, run_id: str, visitor: Visitor, chosen: str | None) -> str | None:
        """Where a branch of this run goes: beside it, where it is the visitor's own."""
        place = self.place(run_id, visitor)
        return place.info.session_id if place.info is not None and place.mine else chosen

    def branch(
        self,
        run_id: str,
        visitor: Visitor,
        wish: Mapping[str, Any],
        chosen: str | None = None,
    ) -> str:
        """A run that goes on from a place of this one; see `explorer.ui.branching`.

        Where this run is not the visitor's own, the branch goes into the session `chosen`.

        Raises:
            InputError: the place, the token or a parameter is not allowed, or the model is not
                here.
            QueueFull: no more runs are taken for now.
        """
        trace = self.trace(run_id, visitor)
        at = branch_point(trace, wish)
        changed = {}
        if wish.get("act") == "branch":
            changed[str(wish.get("param"))] = wish.get("chain")
        where = self.session_of_branch(run_id, visitor, chosen)
        return self.start(visitor, as_before(trace, at, **changed), where)

    def from_place(
        self, run_id: str, visitor: Visitor, wish: Mapping[str, Any], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A job's values, as the form says, for a run that goes on from a place of another one.

        Raises:
            InputError: as `branch`; or what the form says does not fit that place.
        """
        trace = self.trace(run_id, visitor)
        at = branch_point(trace, wish)
        check_fits(trace, at, values.get("prompt"), values.get("models", {}).get("target", ""))
        return {**values, **placed(at)}

    def verify(self, run_id: str, visitor: Visitor) -> End:
        """Whether a run that is over is what its method claims, by the target alone.

        Raises:
            InputError: the run goes on, or its model is not one that may be asked for.
            QueueFull: no more is taken for now.
        """
        trace = self.trace(run_id, visitor)
        if trace.done is None:
            raise InputError("The run is not over: it can be verified once it is.")
        header = trace.header
        asked = checked_job({
            "method": header.method,
            "prompt": header.prompt,
            "models": {"target": header.models.get("target", "")},
            "params": header.params,
        })  # fmt: skip
        job = replace(asked, of=trace)
        self.worker.submit(job)
        ends = (batch.end for batch in self.worker.watch(job.run_id))
        return next(end for end in ends if end is not None)

    def share(self, visitor: Visitor, *run_ids: str) -> None:
        """Mint a share id for each of the visitor's own runs; examples need none.

        Raises:
            NotThere: one is not theirs, and none was shared.
        """
        owner = self.owner(visitor)
        asked = [run_id for run_id in run_ids if run_id not in self.examples]
        for run_id in asked:
            self.store.run(run_id, owner)
        for run_id in asked:
            self.store.share_run(run_id, owner)

    def stop(self, run_id: str, visitor: Visitor) -> bool:
        """Ask for the end of one's own run; False if it was over already."""
        self.store.run(run_id, self.owner(visitor))
        return self.worker.cancel(run_id)

    def wait(self, run_id: str, visitor: Visitor) -> None:
        """Wait for the end of a run, until the store has it."""
        for _ in self.watch(run_id, visitor):
            pass
        self.settled(run_id, visitor)

    def settled(self, run_id: str, visitor: Visitor) -> None:
        """Returns once the store has a run's end, which its sink may hear of a little later."""
        for _ in range(SETTLING_TRIES):
            if not self.place(run_id, visitor).going:
                return
            time.sleep(SETTLING_SECONDS / SETTLING_TRIES)
