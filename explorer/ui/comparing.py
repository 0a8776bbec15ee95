"""What the page fetches of two runs side by side: texts aligned, measures, the joint tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from explorer.alignment import divergence, shared
from explorer.errors import InputError
from explorer.measures import MEASURES, Story
from explorer.registry import Method, all_methods
from explorer.sampling.chain import chain_text, parse_chain
from explorer.trace import FINISH_REASONS, Fold, Trace
from explorer.ui.live import SENTENCES
from explorer.ui.service import Place, Service, Visitor
from explorer.ui.spreadsheet import csv_text
from explorer.ui.token_texts import TokenText, bracketed, token_text
from explorer.ui.watching import waiting_sentence
from visualizers import Reading, ribbon
from visualizers.facts import logps, probabilities
from visualizers.picture import Picture
from visualizers.together import LETTERS, Side, draw_together
from visualizers.words import number, plural, show_text

OTHER_PROMPT = (
    "The prompts differ. Texts and measures can be compared; a token's probability stands behind "
    "another prompt, and there is no common tree."
)
OTHER_TOKENS = (
    "The tokenizers differ, so the texts are compared character by character. Measures that count "
    "tokens count different things, and there is no common tree."
)
ONE_RUN = "This is one run: choose another one to compare it with."


@dataclass(frozen=True)
class Compared:
    """One of the two runs, as far as it is."""

    letter: str
    trace: Trace
    place: Place
    waiting: str  # where it stands in the queue, while it does

    @cached_property
    def fold(self) -> Fold:
        return self.trace.fold()

    @cached_property
    def model(self) -> str:
        models = self.trace.header.models
        return models.get("target") or next(iter(models.values()), "")

    @cached_property
    def token_text(self) -> TokenText:
        return token_text(self.model)

    @cached_property
    def reading(self) -> Reading:
        return Reading(self.fold, self.token_text, self.trace.header.notes)

    @cached_property
    def _ribbon(self) -> dict[str, Any]:
        (picture,) = ribbon.draw(self.reading)
        data: dict[str, Any] = picture.to_dict(opens=False, table=False)["data"]
        return data

    @cached_property
    def begun(self) -> list[int]:
        """What the run began with: tokens of the text that are no part of its tree."""
        return self.trace.header.begun if self.fold.views else []

    @cached_property
    def prompt(self) -> list[dict[str, Any]]:
        """The prompt's tokens as it was typed."""
        read: list[dict[str, Any]] = self._ribbon["prompt"]
        return read[: len(read) - len(self.begun)]

    @cached_property
    def tokens(self) -> list[dict[str, Any]]:
        """The continuation as it stands, as the page's ribbon has it."""
        last = self.fold.step
        before = [token | {"node": None} for token in self._ribbon["prompt"][len(self.prompt) :]]
        found = [
            token | {"class": shows[-1][2]}
            for token in self._ribbon["tokens"]
            if (shows := [s for s in token["shows"] if s[0] <= last and (s[1] is None)])
        ]
        return before + sorted(found, key=lambda token: int(token["place"]))

    @cached_property
    def ids(self) -> list[int]:
        """The text's tokens."""
        return [token["token"] for token in self.tokens]

    @property
    def going(self) -> bool:
        return self.place.going

    @property
    def side(self) -> Side:
        nodes = [token["node"] for token in self.tokens if token["node"] is not None]
        return Side(self.reading, nodes, self.begun)

    def to_dict(self) -> dict[str, Any]:
        header = self.trace.header
        method = all_methods().get(header.method)
        return {
            "run": self.trace.run_id,
            "letter": self.letter,
            "title": method.title if method else header.method,
            "models": " + ".join(dict.fromkeys(header.models.values())),
            "prompt": self.prompt or [{"token": None, "text": show_text(header.prompt)}],
            "tokens": self.tokens,
            "going": self.going,
            **self.status(),
        }

    def status(self) -> dict[str, str]:
        if self.waiting:
            return {"state": "waiting", "sentence": self.waiting}
        if self.going:
            return {"state": "running", "sentence": "Running"}
        done = self.trace.done
        state = self.place.info.status if self.place.info else "done"
        reason = FINISH_REASONS.get(done.reason, done.reason) if done else ""
        said = f"Done: {reason}." if state == "done" and reason else ""
        return {"state": state, "sentence": self.place.sentence or SENTENCES.get(state, "") or said}


def compared(service: Service, question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a question of the compare view.

    "run" and "with": the two runs, "owner" and "share": as whom they are read; and "want":
    "comparison" (the default):
        runs      of A and of B: run, letter, title, models, prompt, tokens, state, sentence, going
        sentences what cannot be compared, and why
        stretches equal ones: [token of A, token of B, tokens] each; by characters none
        parting   said (in one sentence), of (one for each run), at: the token of each at which
                  they part, null where they do not or one has ended
        rows      of the table: title, unit, about, basis, values
        picture   the joint tree, null where there is none
        going     whether there is more to come
    "table": the joint tree's table; "csv": the same for a spreadsheet, as text;
    "opens" with "of": what one of its stubs opens

    Raises:
        InputError: a run is not there for whoever asks, or both are one.
    """
    a, b = both(service, question)
    want = question.get("want", "comparison")
    if want in ("table", "csv", "opens"):
        picture = together(a, b)
        if picture is None:
            raise InputError("There is no common tree of these runs.")
        if want == "table":
            return {"table": picture.to_dict(opens=False)["table"]}
        if want == "csv":
            return {"text": csv_text(picture.table)}
        return {"opens": picture.opened(str(question.get("of", "")))}
    tree = together(a, b)
    same = same_tokens(a, b)
    sentences = [] if same_prompt(a, b) else [OTHER_PROMPT]
    return {
        "runs": [a.to_dict(), b.to_dict()],
        "sentences": sentences if same else [*sentences, OTHER_TOKENS],
        "stretches": [[s.a, s.b, s.length] for s in shared(a.ids, b.ids)] if same else [],
        "parting": parting(a, b),
        "rows": rows(a, b),
        "picture": tree.to_dict(opens=False, table=False) if tree else None,
        "going": a.going or b.going,
    }


def both(service: Service, question: Mapping[str, Any]) -> tuple[Compared, Compared]:
    """The two runs that are asked for."""
    visitor = Visitor(_text(question, "owner"), _text(question, "share"))
    names = [_text(question, name) for name in ("run", "with")]
    if names[0] == names[1]:
        raise InputError(ONE_RUN)
    found = []
    for letter, run_id in zip(LETTERS, names, strict=True):
        try:
            place = service.place(run_id, visitor)  # first: once it is over, the trace is whole
            trace = service.trace(run_id, visitor)
        except InputError as error:
            raise InputError(f"{letter} cannot be shown. {error}") from None
        queued = place.info is not None and place.info.status == "queued"
        waiting = waiting_sentence(service.worker.position(run_id)) if queued else ""
        found.append(Compared(letter, trace, place, waiting))
    return found[0], found[1]


def same_prompt(a: Compared, b: Compared) -> bool:
    ours, theirs = a.trace.header, b.trace.header
    return (ours.prompt, ours.chat) == (theirs.prompt, theirs.chat)


def same_tokens(a: Compared, b: Compared) -> bool:
    """Whether a token of one means what it means in the other, as far as these texts tell."""
    if a.model == b.model:
        return True
    ours, theirs = a.trace.header.prompt_ids, b.trace.header.prompt_ids
    if same_prompt(a, b) and ours and theirs and ours != theirs:
        return False
    if bracketed in (a.token_text, b.token_text):
        return False
    used = {token for token in (*a.ids, *b.ids, *ours, *theirs) if token is not None}
    return all(a.reading.token(token) == b.reading.token(token) for token in used)


def together(a: Compared, b: Compared) -> Picture | None:
    """The joint tree, where there is one."""
    if not same_prompt(a, b) or not same_tokens(a, b):
        return None
    return draw_together([a.side, b.side])


# Where they part ---------------------------------------------------------------------------------


def parting(a: Compared, b: Compared) -> dict[str, Any]:
    """Where the texts first differ, in sentences."""
    runs = (a, b)
    if not a.ids and not b.ids:
        waits = a.going or b.going
        return _no_parting("Nothing to compare yet." if waits else "Both texts are empty.")
    by_token = same_tokens(a, b)
    thing = "token" if by_token else "character"
    if by_token:
        place = divergence(a.ids, b.ids)
        at = [_within(run, place) for run in runs]
    else:
        place = divergence(*("".join(token["text"] for token in run.tokens) for run in runs))
        at = [_token_at(run, place) for run in runs]
    if place is None:
        so_far = " so far" if a.going or b.going else ""
        length = plural(len(a.ids), "token") if by_token else "character by character"
        return _no_parting(f"No difference{so_far}: both texts are the same, {length}.")
    if any(run.going for run, here in zip(runs, at, strict=True) if here is None):
        return _no_parting(f"The same so far: {plural(place, thing)}.")
    said = f"They part at the first {thing}."
    if place:
        said = f"Both begin with the same {plural(place, thing)}, then they part."
    comparable = by_token and same_prompt(a, b)
    told = [
        _chosen(run, other, here, comparable) for run, other, here in ((a, b, at[0]), (b, a, at[1]))
    ]
    return {"said": said, "of": told, "at": at}


def _no_parting(said: str) -> dict[str, Any]:
    return {"said": said, "of": ["", ""], "at": [None, None]}


def _within(run: Compared, place: int | None) -> int | None:
    return place if place is not None and place < len(run.ids) else None


def _token_at(run: Compared, character: int | None) -> int | None:
    """The token that holds a character of the text."""
    if character is None:
        return None
    for i, token in enumerate(run.tokens):
        character -= len(token["text"])
        if character < 0:
            return i
    return None


def _chosen(run: Compared, other: Compared, at: int | None, comparable: bool) -> str:
    """What a run wrote where they part, and what the other made of that token."""
    if at is None:
        return f"{run.letter} has ended here."
    token = run.tokens[at]
    said = f"{run.letter} has “{run.reading.alone(token['token'])}”"
    if token["node"] is None:
        return f"{said}, with which it began."
    law = run.reading.law(token["node"])
    if law is not None:
        said += f", with probability {probabilities(*logps(law, token['token']))}"
    elif token["p"] is not None:
        said += f", with probability {number(token['p'])}"
    if not comparable:
        return f"{said}."
    return f"{said}; {_given(other, at, token['token'])}."


def _given(run: Compared, at: int, token: int) -> str:
    """What a run gave a token that it did not write."""
    if at < len(run.begun):
        return f"{run.letter} began with what stands there"
    above = run.tokens[at - 1]["node"] or 0 if at else 0
    reading = run.reading
    for choice in reversed(run.fold.choices.get(above, [])):
        if choice.stream in reading.guessers or token not in choice.tokens:
            continue
        gone = choice.removed_by[choice.tokens.index(token)]
        words = f"{run.letter} gave it {probabilities(*logps(choice, token))}"
        return f"{words}, removed by {gone}" if gone else words
    return f"what {run.letter} gave it was not recorded"


# The table ---------------------------------------------------------------------------------------


def rows(a: Compared, b: Compared) -> list[dict[str, Any]]:
    """What was asked of each, and what came of it."""
    asked = [_asked(run) for run in (a, b)]
    told = [
        {
            "title": title,
            "unit": "",
            "about": "",
            "basis": "asked for",
            "values": [one[title] for one in asked],
        }
        for title in asked[0]
    ]
    stories = [Story(run.trace, run.fold) for run in (a, b)]
    for measure in MEASURES:
        values = [measure.of(story) for story in stories]
        told.append(
            {
                "title": measure.title,
                "unit": measure.unit if measure.unit not in measure.title.lower() else "",
                "about": measure.about,
                "basis": measure.basis,
                "values": [measure.missing if x is None else number(x, 4) for x in values],
            }
        )
    ends = [run.status()["sentence"] for run in (a, b)]
    return [
        *told,
        {"title": "How it ended", "unit": "", "about": "", "basis": "recorded", "values": ends},
    ]


def _asked(run: Compared) -> dict[str, str]:
    header = run.trace.header
    method = all_methods().get(header.method)
    limit = header.limits.get("max_new_tokens")
    return {
        "Method": method.title if method else header.method,
        "Parameters": _parameters(method, header.params),
        "Models": ", ".join(f"{role}: {model}" for role, model in header.models.items()),
        "Seed": str(header.seed),
        "Most new tokens": "–" if limit is None else number(int(limit)),
    }


def _parameters(method: Method | None, params: Mapping[str, Any]) -> str:
    fields = method.params.model_fields if method else {}
    named = (
        f"{(fields[name].title or name) if name in fields else name} {_value(value)}"
        for name, value in params.items()
    )
    return ", ".join(named) or "none"


def _value(value: Any) -> str:
    """A parameter's value as a person would write it."""
    if isinstance(value, list):
        try:
            return chain_text(parse_chain(value))  # an empty one is "none"
        except ValueError:
            return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else str(value)


def _text(question: Mapping[str, Any], name: str) -> str:
    value = question.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"The question's {name!r} is no text.")
    return value
