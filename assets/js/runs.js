// The visitor's earlier runs.
// value: {runs: [{run, title, method, models, when, status, text, tags}], total, more, current, mine,
//         kinds: {method: [[value, words]], model, tag}, narrowed: {method, model, tag},
//         acted: whether this answers a wish, with undo: {run, title} or absent, offer: {run, title} or absent, sentence, most_bytes}
const button = (text, label, detail) => {
  const made = make("button", "quiet", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", () => trigger("select", detail));
  return made;
};
const root = element.firstElementChild ?? element;
root.className = "runs";
const body = make("div");

// What the list can be narrowed down to; the choice is written into the search above.
const narrow = make("div", "narrow");
const pickers = Object.fromEntries(["method", "model", "tag"].map((kind) => {
  const picker = make("select");
  picker.setAttribute("aria-label", "Only this " + kind);
  picker.addEventListener("change", () => {
    trigger("select", { action: "narrow", kind, value: picker.value });
  });
  narrow.append(picker);
  return [kind, picker];
}));
root.append(narrow, body);
let kinds = null; // what can be picked; it does not come with every search
const drawPickers = (v) => {
  kinds = v.kinds ?? kinds;
  if (!kinds || !v.narrowed) return;
  for (const [kind, picker] of Object.entries(pickers)) {
    const chosen = v.narrowed[kind];
    const choices = kinds[kind];
    const known = !chosen || choices.some(([value]) => value === chosen);
    const all = [["", "any " + kind], ...choices, ...(known ? [] : [[chosen, chosen]])];
    picker.replaceChildren(...all.map(([value, words]) => {
      const option = make("option", "", words);
      option.value = value;
      return option;
    }));
    picker.value = chosen;
    picker.hidden = choices.length < 2 && !chosen;
  }
};

const ago = (seconds) => {
  const past = Math.max(0, Date.now() / 1000 - seconds);
  if (past < 60) return "just now";
  if (past < 3600) return Math.floor(past / 60) + " min ago";
  if (past < 86400) return Math.floor(past / 3600) + " h ago";
  return new Date(seconds * 1000).toLocaleDateString();
};
let renaming = null; // {run, text, sent}: a title that is being typed; other news does not take it away
const rename = (item, run) => {
  renaming ??= { run: run.run, text: run.title, sent: false };
  const form = make("form", "run-rename");
  const field = make("input");
  field.value = renaming.text;
  field.addEventListener("input", () => (renaming.text = field.value));
  field.maxLength = 200;
  field.setAttribute("aria-label", "New title");
  const save = make("button", "quiet", "Save");
  form.append(field, save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    renaming.sent = true;
    trigger("select", { action: "rename", run: run.run, title: field.value });
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    renaming = null;
    draw();
  });
  item.replaceChildren(form);
  return field;
};
const row = (run, current) => {
  const item = make("li", "run-row");
  item.dataset.run = run.run;
  const open = make("button", "run-open");
  open.type = "button";
  open.append(make("span", "run-title", run.title), make("span", "run-preview", run.text));
  if (run.run === current) open.setAttribute("aria-current", "true");
  open.addEventListener("click", () => trigger("select", { action: "open", run: run.run }));
  const models = run.models.join(" + ");
  const told = [run.method, models, run.status, ago(run.when)];
  const actions = make("span", "run-actions");
  const mine = props.value.mine;
  const renamer = make("button", "quiet", "Rename");
  renamer.type = "button";
  renamer.setAttribute("aria-label", "Rename " + run.title);
  renamer.addEventListener("click", () => {
    renaming = null;
    draw();
    const place = [...root.querySelectorAll(".run-row")].find((other) => other.dataset.run === run.run);
    rename(place, run).select();
  });
  if (current && run.run !== current) {
    actions.append(button("Compare", "Compare " + run.title + " with the run shown", { action: "compare", run: run.run }));
  }
  if (mine) {
    actions.append(renamer, button("Delete", "Delete " + run.title, { action: "delete", run: run.run }));
  }
  const about = make("div", "run-about");
  about.append(make("span", "", told.join(" · ")), actions);
  const tags = make("div", "run-tags");
  for (const tag of run.tags) {
    const made = mine ? button("#" + tag, "Runs with the tag " + tag, { action: "search", tag })
      : make("span", "", "#" + tag);
    made.classList.add("tag");
    tags.append(made);
  }
  item.append(open, about, tags);
  if (renaming?.run === run.run) rename(item, run);
  return item;
};
// What has the focus in the list, to be called once that is drawn anew: it goes to what can be done
// about the last wish, or to the first run that "Show more" brought, or stays with its run. What is in
// sight stays there.
const focused = (acted) => {
  const active = document.activeElement;
  if (!body.contains(active)) return () => {};
  const openers = () => [...body.querySelectorAll(".run-open")];
  const runOf = (node) => node.closest(".run-row")?.dataset.run;
  const [count, run] = [openers().length, runOf(active)];
  return () => {
    const next = active.dataset.act === "more"
      ? openers()[count] ?? body.querySelector("[data-act=more]")
      : openers().find((opener) => run && runOf(opener) === run);
    const offered = acted && body.querySelector(".run-undo button");
    if (next && !offered) next.focus({ preventScroll: true });
    else (offered || body.querySelector(".run-undo button, .run-open"))?.focus();
  };
};
let said = {}; // what came of the last wish: it stays while other news of the list come
const draw = () => {
  const v = props.value || { runs: [] };
  if (v.acted) said = { undo: v.undo, offer: v.offer };
  const { undo, offer } = said;
  if (renaming?.sent && !v.sentence) renaming = null;
  const typing = root.querySelector(".run-rename input");
  const place = typing === document.activeElement ? typing?.selectionStart : null;
  drawPickers(v);
  const giveBack = focused(v.acted);
  body.replaceChildren();
  if (v.sentence) {
    const line = make("p", "field-problem", v.sentence);
    line.setAttribute("role", "alert");
    body.append(line);
  }
  if (offer) {
    const line = make("p", "run-undo");
    line.setAttribute("role", "alert");
    line.append(
      make("span", "", "“" + offer.title + "” still goes on. "),
      button("Stop and delete", "Stop and delete " + offer.title, { action: "stop_delete", run: offer.run }),
    );
    body.append(line);
  }
  if (undo) {
    const line = make("p", "run-undo");
    line.setAttribute("role", "status");
    line.append(
      make("span", "", "Deleted “" + undo.title + "”. "),
      button("Undo", "Bring back " + undo.title, { action: "undo", run: undo.run }),
    );
    body.append(line);
  }
  const list = make("ul");
  list.append(...v.runs.map((run) => row(run, v.current)));
  body.append(list);
  if (!v.runs.length && !v.sentence) {
    body.append(make("p", "run-none", v.searched ? "No run matches. Shorten the search, or choose All runs."
      : "Runs that you make appear here."));
  }
  if (v.more) {
    const more = button("Show more", "Show more runs", { action: "more" });
    more.dataset.act = "more";
    body.append(more);
  }
  if (place != null) {
    const field = root.querySelector(".run-rename input");
    field?.focus();
    field?.setSelectionRange(place, place);
  } else giveBack();
};
// A file that is too large is refused before it is sent: what Gradio says then is no sentence of ours.
document.addEventListener("change", (event) => {
  const files = event.target.closest?.("input[type=file]")?.files ?? [];
  const size = Math.max(0, ...[...files].map((file) => file.size));
  if (!root.isConnected || size <= (props.value?.most_bytes ?? Infinity)) return;
  event.stopImmediatePropagation();
  event.target.value = "";
  trigger("select", { action: "file", size });
}, true);
watch("value", draw);
draw();
