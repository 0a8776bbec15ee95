// The line above a run: its title, how it stands, and what may be done with it.
// value: {run, with, method, share, title, notice, tags, note, sentence, kind, mine, shares: [id],
// answer, session, sessions: [[id, title]], sharable}; the run of the first visit has no id here, so that the
// address stays clean
const button = (text, act, label) => {
  const made = make("button", "quiet", text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
};
const root = element.firstElementChild ?? element;
root.className = "run-bar";
const title = make("h2", "bar-title");
const state = make("p", "bar-state");
state.setAttribute("role", "status");
const actions = make("div", "bar-actions");
const shares = make("div", "bar-shares");
const about = make("div", "bar-about");
const notice = make("p", "bar-notice");
root.append(title, state, actions, notice, about, shares);
let form = null; // where tags and note are written, while they are
let sent = 0;
let filling = false; // the form is on its way to the settings of this run

const address = (run, share, beside) => {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of [["run", run], ["with", beside], ["share", share]]) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  return location.origin + location.pathname + (text ? "?" + text : "");
};
const copy = async (field, made) => {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // without https there is no clipboard
  }
  made.textContent = "Copied";
  setTimeout(() => (made.textContent = "Copy"), 1500);
};
// Two runs have a share id each, and a link that opens both.
const shareLine = (run, beside, share) => {
  const line = make("div", "bar-share");
  const field = make("input");
  field.readOnly = true;
  field.value = address(run, share, beside);
  const said = `Anybody who has this link can read ${beside ? "both runs" : "this run"}, and change nothing.`;
  field.setAttribute("aria-label", said);
  const copyButton = button("Copy", () => copy(field, copyButton));
  const revoke = button("Revoke", () => trigger("select", { action: "revoke", share }));
  line.append(field, copyButton, revoke, make("span", "bar-share-said", said));
  return line;
};
const tagButton = (tag) => {
  const made = button("#" + tag, () => {
    document.body.dataset.drawer = "library";
    trigger("select", { action: "search", tag });
  }, "Runs with the tag " + tag);
  made.classList.add("tag");
  return made;
};
// Tags can be taken off one by one, so that one with a comma in it is kept as it is.
const writing = (v) => {
  const made = make("form", "bar-form");
  const kept = new Set(v.tags);
  const chips = make("div", "bar-tags");
  for (const tag of v.tags) {
    const chip = button("#" + tag + " ×", () => {
      kept.delete(tag);
      chip.remove();
      (chips.querySelector("button") ?? more).focus();
    }, "Take off the tag " + tag);
    chip.classList.add("tag");
    chips.append(chip);
  }
  const field = (name, words, input, value) => {
    const label = make("label", "", words);
    input.value = value;
    input.name = name;
    label.append(input);
    return label;
  };
  const more = make("input");
  const note = make("textarea");
  note.rows = 3;
  const session = make("select");
  session.append(...v.sessions.map(([id, title]) => {
    const option = make("option", "", title);
    option.value = id;
    return option;
  }));
  const problem = make("p", "field-problem");
  problem.setAttribute("role", "alert");
  problem.id = "problem-describe";
  problem.hidden = true;
  const buttons = make("div", "bar-actions");
  const save = make("button", "quiet", "Save");
  buttons.append(save, button("Cancel", close));
  made.append(chips, field("tags", "Add tags, with commas between them", more, ""),
    field("note", "Note", note, v.note), problem, buttons);
  if (v.sessions.length > 1) problem.before(field("session", "Session", session, v.session));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = more.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    trigger("select", { action: "describe", run: v.run, tags: [...kept, ...typed], note: note.value,
      session: session.value, sent: ++sent });
  });
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) made.requestSubmit();
  });
  const tell = (sentence) => {
    problem.textContent = sentence;
    problem.hidden = !sentence;
  };
  return { run: v.run, box: made, first: more, tell };
};
const close = () => {
  form = null;
  draw();
  actions.querySelector("[data-act=describe]")?.focus();
};
const describe = (v) => {
  const answered = sent && v.answer === sent;
  if (form && form.run !== v.run && !answered) form = null;
  if (form && answered) {
    if (v.kind !== "problem") return close();
    form.tell(v.sentence);
  }
  if (form) {
    if (form.box.parentNode !== about) about.replaceChildren(form.box);
    return;
  }
  const tags = make("div", "bar-tags");
  tags.append(...(v.tags ?? []).map((tag) => (v.mine ? tagButton(tag) : make("span", "tag", "#" + tag))));
  about.replaceChildren(tags, make("p", "bar-note", v.note ?? ""));
};
// What stands below stays where it is until somebody presses something.
const hold = () => {
  const { height } = root.getBoundingClientRect();
  root.style.minHeight = height + "px";
};
const free = () => setTimeout(() => (root.style.minHeight = ""));
document.addEventListener("click", free);
document.addEventListener("keyup", free);
const draw = () => {
  const v = props.value || {};
  hold();
  if (filling && v.kind === "problem") document.dispatchEvent(new CustomEvent("refused"));
  filling = false;
  title.textContent = v.title ?? "";
  title.hidden = !v.title;
  notice.replaceChildren();
  if (v.notice) notice.append(make("strong", "", "What to notice: "), v.notice);
  // What is wrong with what was typed stands beside it.
  const here = form && sent && v.answer === sent;
  state.textContent = here ? "" : (v.sentence ?? "");
  state.dataset.kind = here ? "" : (v.kind ?? "");
  actions.replaceChildren();
  shares.replaceChildren();
  if (v.run && v.mine) {
    const write = button("Tags and note", () => {
      form ??= writing(v);
      draw();
      form.first.focus();
    });
    write.dataset.act = "describe";
    write.setAttribute("aria-expanded", String(!!form));
    actions.append(write);
  }
  if (v.sharable) {
    const wish = { action: "share", run: v.run, with: v.with };
    actions.append(button(v.with ? "Share both" : "Share", () => trigger("select", wish)));
    shares.append(...v.shares.map((share) => shareLine(v.run, v.with, share)));
  }
  if (v.method) {
    const open = () => document.dispatchEvent(new CustomEvent("about", { detail: v.method }));
    const about = button("About", open, "About the method");
    about.append(make("span", "if-wide", " the method"));
    const again = button("Reproduce", () => document.dispatchEvent(new CustomEvent("reproduce")));
    again.dataset.act = "reproduce";
    const check = button("Verify", () => document.dispatchEvent(new CustomEvent("verify")));
    actions.append(about, again, check);
  }
  if (v.title) {
    const fill = () => {
      document.body.dataset.drawer = "parameters";
      filling = true;
      document.dispatchEvent(new CustomEvent("drawing"));
      trigger("select", { action: "fill", run: v.run });
      document.getElementById("go")?.focus();
    };
    const mine = v.notice ? button("Run it", fill, "Run it yourself") : button("Use its settings", fill);
    if (v.notice) mine.append(make("span", "if-wide", " yourself"));
    const save = button("Export", () => trigger("select", { action: "export", run: v.run }));
    actions.append(mine, save);
  }
  describe(v);
  if (!props.value || v.keep_address) return;
  const wanted = address(v.run, v.share, v.with);
  if (wanted !== location.href) history.replaceState(history.state, "", wanted);
};
watch("value", draw);
draw();
