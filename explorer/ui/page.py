"""The page: its layout, and which event calls what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from explorer.errors import ExplorerError, InputError
from explorer.registry import get_method
from explorer.ui import form, method_form, runs, sessions
from explorer.ui.about import about_panel
from explorer.ui.api import publish
from explorer.ui.bar import bar_value
from explorer.ui.branching import branch_point, quoted
from explorer.ui.catalogue import catalogue
from explorer.ui.checks import FieldErrors, blamed_field
from explorer.ui.compare_view import compare_view
from explorer.ui.comparing import compared
from explorer.ui.examples import gallery
from explorer.ui.family import family_value
from explorer.ui.my_runs import MyRuns
from explorer.ui.parts import detail, part, script
from explorer.ui.quiet import quiet
from explorer.ui.reproducing import reproduction
from explorer.ui.service import Place, Service, Visitor
from explorer.ui.tab import Tab
from explorer.ui.trace_view import trace_view
from explorer.ui.verifying import verification
from explorer.ui.watching import chunks, fetched

OWNER_KEY = "decoding-explorer-owner"
HEADER = """<h1>Decoding Explorer</h1>
<p>See how a language model's text comes to be: every candidate, and why it won or lost.</p>"""


class Page:
    """The page of one service. `blocks` is what is launched."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with gr.Blocks(
            title="Decoding Explorer", analytics_enabled=False, fill_width=True
        ) as self.blocks:
            # A token that the visitor's browser makes and keeps; only its hash is stored.
            self.owner = gr.BrowserState(
                "", storage_key=OWNER_KEY, secret="in the browser alone anyway"
            )
            # No time to live for these: it would end them in a tab that is open, too.
            self.tab = gr.State(Tab())
            self.current = gr.State({})  # `Tab.current`, as news for whatever shows it
            # The place of a run from which the next one goes on, as a wish (see `branching`).
            self.origin = gr.State({})
            self._layout()
            self._wire()
            publish(service)
        for event in self.blocks.fns.values():
            if event.renderable:  # the one kind of event that cannot be told when it is made
                event.show_progress_on = self.every["show_progress_on"]

    # Layout --------------------------------------------------------------------------------------

    def _layout(self) -> None:
        with gr.Row(elem_id="top"):
            self.every = quiet(gr.HTML(HEADER, elem_id="name"))
            with gr.Row(elem_id="toggles"):
                gr.Button("Parameters", elem_id="toggle-parameters", size="sm", min_width=0)
                gr.Button("My runs", elem_id="toggle-library", size="sm", min_width=0)
                gr.Button("Methods", elem_id="toggle-catalogue", size="sm", min_width=0)
                gr.Button("Examples", elem_id="toggle-gallery", size="sm", min_width=0)
                gr.Button("Dark", elem_id="toggle-dark", size="sm", min_width=0)
        self.ask, self.my_runs = form.ask_row(), MyRuns(self.service)
        self.place = part("origin", {})
        self.problems = part("problems", {})
        self.download = part("download")
        with gr.Row(elem_id="body"):
            with gr.Column(elem_id="main"):
                self.bar = part("bar")
                reproduction(self.service, self.owner, self.tab, self.current, self.every)
                verification(self.service, self.owner, self.tab, self.current, self.every)
                self.family = part("family", {})
                self.view = trace_view(lambda question: fetched(self.service, question))
                self.compare = compare_view(lambda question: compared(self.service, question))
            with gr.Column(elem_id="drawer"):
                with gr.Column(elem_id="panel-parameters"):
                    self.common = form.common_controls()
                    method_form.place_controls(
                        self.ask,
                        self.common,
                        [self.owner, self.tab, self.my_runs.session, self.origin],
                        self.blocks.load,
                        self._start,
                        [self.problems, self.current, self.origin, self.place],
                        self.every,
                    )
                with gr.Column(elem_id="panel-library"):
                    self.my_runs.place()
                with gr.Column(elem_id="panel-gallery"):
                    self.gallery = part("gallery", gallery(self.service.examples))
                with gr.Column(elem_id="panel-catalogue"):
                    self.catalogue = part("catalogue", catalogue())
                with gr.Column(elem_id="panel-about"):
                    self.about = about_panel()

    # Events --------------------------------------------------------------------------------------

    def _wire(self) -> None:
        who = [self.owner, self.tab]
        ask, my_runs, every = self.ask, self.my_runs, self.every
        self.blocks.load(
            self._arrive,
            who,
            [self.owner, self.current, my_runs.session, my_runs.about_session],
            js=script("owner.js"),
            **every,
        )
        around = [self.bar, self.family, ask.stop, my_runs.list, my_runs.session, self.problems]
        self.current.change(self._standing, who, around, **every)
        self.current.change(self._compare, who, [self.compare], **every)
        self.compare.select(self._act_on_two, [self.tab], [self.current], **every)
        seen = self.current.change(self._watch, who, [self.view], **every)
        seen.then(self._standing, who, around, **every)
        chosen = [ask.about, self.common.preset]
        picked = [ask.method, self.common.preset]
        ask.method.change(form.method_chosen, picked, chosen, **every)
        second = ask.second
        second.method.change(form.second_chosen, [second.method], [second.preset], **every)
        self.catalogue.select(_picked, None, [ask.method], **every)
        self.about.select(_begun, None, [ask.method, self.common.preset], **every)
        ask.stop.click(self._stop, who, [self.problems], queue=False, **every)
        formed = form.fields(ask, self.common)
        acted = [self.bar, self.download, *my_runs.shown, *formed]
        self.bar.select(self._act_on_run, who, acted, **every)
        my_runs.wire(who, self.current, self.bar, self.download, every)
        self.gallery.select(_opened, [self.tab], [self.current], **every)
        self.view.select(
            self._act_on_token,
            [*who, my_runs.session],
            [self.view, self.current, self.origin, self.place, *formed],
            **every,
        )
        self.place.select(_nowhere, None, [self.origin, self.place], **every)
        self.family.select(_opened, [self.tab], [self.current], **every)

    def _arrive(self, token: str, tab: Tab, request: gr.Request) -> tuple[Any, ...]:
        """A tab was opened: by whom, and on which run."""
        tab.share = request.query_params.get("share", "")
        run_id = request.query_params.get("run", "")
        visitor = tab.visitor(token)
        shown, more = next(iter(self.service.examples), ""), {}
        try:
            run_id, tab.session = sessions.arrival(self.service, visitor, run_id)
            if run_id:
                self.service.place(run_id, visitor)
                shown = run_id
        except InputError as error:
            more["sentence"] = str(error)
        current = tab.open(shown, request.query_params.get("with"), **more)
        return token, current, *self.my_runs.chosen(visitor, tab)

    def _start(
        self, token: str, tab: Tab, session: str, origin: dict[str, Any], *jobs: dict[str, Any]
    ) -> dict[Any, Any]:
        """Generate was pressed, for one method or for two."""
        visitor = tab.visitor(token)
        second = sentence = ""
        try:
            where = sessions.place_of_new(session)
            if origin:
                start = origin["run"]
                where = self.service.session_of_branch(start, visitor, where)
                jobs = tuple(self.service.from_place(start, visitor, origin, j) for j in jobs)
            if len(jobs) == 2:
                run_id, second, sentence = self.service.start_two(visitor, *jobs, where)
            else:
                run_id = self.service.start(visitor, jobs[0], where)
        except FieldErrors as error:
            return {self.problems: error.found}
        except ExplorerError as error:
            return {self.problems: {"run": str(error)}}
        problems = {"run": sentence} if sentence else {}
        current = tab.open(run_id, second, new=True)
        return {self.problems: problems, self.current: current, self.origin: {}, self.place: {}}

    def _watch(self, token: str, tab: Tab) -> Iterator[dict[str, Any]]:
        """Show the current run, and go on for as long as it does, or as the one beside it.

        Only the view hears of each piece: a second output would cost the browser as much again.
        """
        current, visitor = tab.current, tab.visitor(token)
        run_id = current.get("run", "")
        look = tab.look = object()
        if not run_id:
            return
        try:
            for chunk in chunks(self.service, run_id, visitor):
                if tab.look is not look:
                    return
                yield chunk
        except ExplorerError as error:
            yield {"error": str(error)}
        if beside := current.get("with"):
            self._wait(beside, visitor, lambda: tab.look is look)

    def _wait(self, run_id: str, visitor: Visitor, wanted: Callable[[], bool]) -> None:
        """Until the run beside the shown one is over; the compare view asks for it itself."""
        try:
            for _ in self.service.watch(run_id, visitor):
                if not wanted():
                    return
            self.service.settled(run_id, visitor)
        except ExplorerError:
            pass  # the compare view says it

    def _compare(self, token: str, tab: Tab) -> dict[str, Any] | None:
        """What the compare view is given: two runs, or that there is nothing to compare."""
        current = tab.current
        if not current.get("with"):
            return None
        runs = {"run": current["run"], "with": current["with"]}
        return {**runs, "pass": {"owner": token, "share": tab.share}}

    def _act_on_two(self, tab: Tab, wish: gr.EventData) -> dict[str, Any]:
        """One of two runs is to be seen alone."""
        asked = detail(wish)
        if asked.get("action") == "open":
            return tab.open(str(asked.get("run", "")))
        return tab.open(tab.current.get("run", ""))

    def _standing(self, token: str, tab: Tab) -> dict[Any, Any]:
        """What stands around the view, when a run is opened and when it is over."""
        with tab.turn:
            current, visitor = tab.current, tab.visitor(token)
            run_id, sentence = current.get("run", ""), current.get("sentence", "")
            listed = runs.listed(self.service, visitor, tab)
            if not run_id:
                return {
                    self.bar: {"sentence": sentence, "kind": "problem"},
                    self.my_runs.list: listed,
                }
            choices = sessions.choices(self.service, visitor, tab.session)
            stoppable = False
            blame: dict[Any, Any] = {}
            for one in filter(None, (run_id, current.get("with"))):
                try:
                    place = self.service.place(one, visitor)
                    stoppable = stoppable or (place.going and place.mine)
                    blame |= self._blame(place, current) if one == run_id else {}
                except InputError:
                    pass  # the view says it
            return {
                self.bar: bar_value(self.service, visitor, tab, sentence),
                self.family: family_value(self.service, visitor, run_id),
                self.ask.stop: gr.update(interactive=stoppable),
                self.my_runs.list: listed,
                self.my_runs.session: gr.update(choices=choices),
                **blame,
            }

    def _blame(self, place: Place, current: dict[str, Any]) -> dict[Any, Any]:
        """What only the models could tell is said beside the control that caused it, too."""
        if not place.failure or not current.get("new") or place.info is None:
            return {}
        return {self.problems: {blamed_field(place.failure, place.info.models): place.failure}}

    def _stop(self, token: str, tab: Tab) -> dict[Any, Any]:
        """Stop what is shown: of two runs both, if they are the visitor's."""
        current = tab.current
        shown = [run for run in (current.get("run", ""), current.get("with")) if run is not None]
        failures = []
        for run_id in shown:
            try:
                self.service.stop(run_id, tab.visitor(token))
            except InputError as error:
                failures.append(str(error))
        return {self.problems: {"run": failures[0]} if len(failures) == len(shown) else {}}

    def _act_on_token(
        self, token: str, tab: Tab, session: str, wish: gr.EventData
    ) -> dict[Any, Any]:
        """Something about a token of the shown run was pressed: a branch begins there."""
        run_id, visitor, asked = tab.current.get("run", ""), tab.visitor(token), detail(wish)
        if asked.get("run") != run_id:
            return {}  # of a run that is not shown any more
        try:
            if asked.get("act") != "anew":
                where = sessions.place_of_new(session)
                made = self.service.branch(run_id, visitor, asked, where)
                return {self.current: tab.open(made, new=True)}
            trace = self.service.trace(run_id, visitor)
            at = branch_point(trace, asked)
            filled = form.filled(self.ask, self.common, trace.header)
        except ExplorerError as error:
            return {self.view: {"run": run_id, "refused": str(error)}}
        place = {"run": run_id, "ends": quoted(trace, at), "tokens": len(at.begun)}
        return {self.origin: asked, self.place: place, **filled}

    def _act_on_run(self, token: str, tab: Tab, wish: gr.EventData) -> dict[Any, Any]:
        """Something on the line above a run was pressed."""
        visitor, asked = tab.visitor(token), detail(wish)
        # The run that the line was about when it was pressed; an example need not say it.
        run_id = str(asked.get("run") or tab.current.get("run", ""))
        store = self.service.store
        sentence = ""
        more: dict[str, Any] = {}
        try:
            match asked.get("action"):
                case "share":
                    beside = asked.get("with")
                    self.service.share(visitor, run_id, *([str(beside)] if beside else []))
                case "revoke":
                    for share_id in str(asked.get("share", "")).split(","):
                        store.revoke(share_id, self.service.owner(visitor))
                case "export":
                    return {self.download: runs.run_file(self.service, visitor, run_id)}
                case "search":
                    with tab.turn:
                        return self.my_runs.search_tag(visitor, tab, asked.get("tag"))
                case "fill":
                    header = self.service.trace(run_id, visitor).header
                    return form.filled(ask=self.ask, common=self.common, header=header)
                case "describe":
                    more = {"answer": asked.get("sent")}  # which of the form's questions this is
                    runs.describe(self.service, visitor, run_id, asked)
        except InputError as error:
            sentence = str(error)
        with tab.turn:
            answer = {self.bar: bar_value(self.service, visitor, tab, sentence, **more)}
            return answer | (self.my_runs.now(visitor, tab) if more and not sentence else {})


def _nowhere() -> tuple[dict[str, Any], dict[str, Any]]:
    """The next run begins behind its prompt again."""
    return {}, {}


def _picked(wish: gr.EventData) -> str:
    return get_method(str(detail(wish).get("method", ""))).id


def _begun(wish: gr.EventData) -> tuple[str, Any]:
    asked = detail(wish)
    return form.begun_with(str(asked.get("method", "")), str(asked.get("preset", "")))


def _opened(tab: Tab, wish: gr.EventData) -> dict[str, Any]:
    """A run, or two side by side."""
    asked = detail(wish)
    return tab.open(str(asked.get("run", "")), asked.get("with"))
