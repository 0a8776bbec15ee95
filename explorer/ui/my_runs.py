"""The drawer with one's earlier runs: sessions, search, the list, files."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from explorer.errors import ExplorerError, InputError
from explorer.ui import runs, sessions
from explorer.ui.bar import bar_value
from explorer.ui.parts import detail, part
from explorer.ui.query import Query, read_query
from explorer.ui.service import Service, Visitor
from explorer.ui.tab import PAGE, Tab


class MyRuns:
    """The drawer of one page. New runs ask `session` for their place, so it is made first."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.session = gr.Dropdown(
            [("All runs", sessions.ALL)],
            value=sessions.ALL,
            label="Session",
            info="New runs go into the session chosen here; else into the first.",
            interactive=True,
            elem_id="field-session",
            render=False,
        )

    def place(self) -> None:
        """Where the layout stands now."""
        gr.HTML("<h2>My runs</h2>")
        self.session.render()
        self.about_session = part("session", {})
        self.search = gr.Textbox(
            label="Search", placeholder="prompt, text, tag:lesson", elem_id="field-search"
        )
        self.list = part("runs")
        with gr.Row():
            self.export = gr.Button("Export", size="sm", min_width=0)
            self.bring = gr.UploadButton(
                "Import", file_types=[".json"], size="sm", min_width=0, elem_id="import"
            )

    @property
    def shown(self) -> list[Any]:
        """What `now` and `search_tag` answer for."""
        return [self.list, self.search, self.session, self.about_session]

    def wire(
        self, who: list[Any], current: gr.State, bar: Any, download: Any, every: dict[str, Any]
    ) -> None:
        """`who` are the owner's token and the tab; the rest is what changes elsewhere."""
        self.current, self.bar, self.download = current, bar, download
        changed = [*self.shown, current]
        self.list.select(self._act_on_list, [*who, self.search], changed, **every)
        self.about_session.select(self._act_on_session, who, [bar, *changed], **every)
        asked = [*who, self.search, self.session]
        found = [self.list, self.about_session]
        # What is asked for while an answer is on its way is asked for behind it, not forgotten.
        last: dict[str, Any] = {**every, "trigger_mode": "always_last"}
        self.search.submit(partial(self._find, False), asked, found, **last)
        self.session.input(partial(self._find, True), asked, found, **last)
        self.export.click(self._export, who, [download, self.list], **every)
        self.bring.upload(self._import, [*who, self.bring], changed, **every)

    # What it shows --------------------------------------------------------------------------------
    # Whoever calls these holds the tab's turn.

    def now(self, visitor: Visitor, tab: Tab, **more: Any) -> dict[Any, Any]:
        """The list of runs, with `more`, and the sessions."""
        chosen, about = self.chosen(visitor, tab)
        listed = runs.listed(self.service, visitor, tab, **more)
        return {self.list: listed, self.session: chosen, self.about_session: about}

    def chosen(self, visitor: Visitor, tab: Tab) -> tuple[Any, dict[str, Any]]:
        """The list of sessions with the chosen one, and what stands below it."""
        found = sessions.choices(self.service, visitor, tab.session)
        about = sessions.chosen(self.service, visitor, tab.session)
        return gr.update(choices=found, value=tab.session), about

    def search_tag(self, visitor: Visitor, tab: Tab, tag: object) -> dict[Any, Any]:
        """A tag was pressed: all runs that have it."""
        tab.search, tab.session = str(Query(tag=str(tag or ""))), sessions.ALL
        return self.now(visitor, tab) | {self.search: tab.search}

    # What is pressed ------------------------------------------------------------------------------

    def _act_on_list(self, token: str, tab: Tab, search: str, wish: gr.EventData) -> dict[Any, Any]:
        """Something in the list of runs was pressed."""
        visitor, asked = tab.visitor(token), detail(wish)
        more: dict[str, Any] = {"acted": True}
        match asked.get("action"):
            case "open":
                return {self.current: tab.open(str(asked.get("run", "")))}
            case "compare":
                return {self.current: tab.open(tab.current.get("run", ""), asked.get("run"))}
            case "search":
                with tab.turn:
                    return self.search_tag(visitor, tab, asked.get("tag"))
            case "narrow":
                return self._narrow(visitor, tab, search, asked)
            case "more":
                with tab.turn:
                    tab.shown += PAGE
                    return {self.list: runs.listed(self.service, visitor, tab)}
        try:
            more |= runs.act(self.service, visitor, asked)
        except InputError as error:
            more["sentence"] = str(error)
        with tab.turn:
            return self.now(visitor, tab, **more)

    def _act_on_session(self, token: str, tab: Tab, wish: gr.EventData) -> dict[Any, Any]:
        """Something below the list of sessions was pressed."""
        visitor = tab.visitor(token)
        chosen = tab.session
        more: dict[str, Any] = {}
        try:
            chosen, more = sessions.act(self.service, visitor, tab.session, detail(wish))
        except InputError as error:
            more = {"sentence": str(error)}
        with tab.turn:
            tab.session = chosen
            # A run may be moved to each session.
            answer = {self.bar: bar_value(self.service, visitor, tab)}
            return (
                answer
                | self.now(visitor, tab)
                | {self.about_session: sessions.chosen(self.service, visitor, chosen, **more)}
            )

    def _narrow(
        self, visitor: Visitor, tab: Tab, search: str, asked: dict[str, Any]
    ) -> dict[Any, Any]:
        """A method, a model or a tag was chosen below the search."""
        query = read_query(search or "")
        with tab.turn:
            tab.search = str(
                query.narrowed(str(asked.get("kind", "")), str(asked.get("value", "")))
            )
            return {self.list: runs.listed(self.service, visitor, tab), self.search: tab.search}

    def _find(
        self, afresh: bool, token: str, tab: Tab, search: str, session: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Something was searched for, or another session chosen."""
        visitor = tab.visitor(token)
        afresh = afresh or not search  # what can be picked does not depend on the search
        with tab.turn:
            tab.search, tab.session = search or "", session or sessions.ALL
            listed = runs.listed(self.service, visitor, tab, kinds=afresh)
            return listed, sessions.chosen(self.service, visitor, tab.session)

    def _export(self, token: str, tab: Tab) -> dict[Any, Any]:
        visitor = tab.visitor(token)
        try:
            return {self.download: runs.session_file(self.service, visitor, tab.session)}
        except InputError as error:
            with tab.turn:
                return {self.list: runs.listed(self.service, visitor, tab, sentence=str(error))}

    def _import(self, token: str, tab: Tab, path: str | None) -> dict[Any, Any]:
        visitor = tab.visitor(token)
        try:
            session, opened = runs.bring_in(self.service, visitor, path)
        except ExplorerError as error:
            with tab.turn:
                return {self.list: runs.listed(self.service, visitor, tab, sentence=str(error))}
        with tab.turn:
            tab.search, tab.session = "", session
            current = tab.open(opened) if opened else tab.current
            return self.now(visitor, tab) | {self.search: "", self.current: current}
