// The line above a run: its title, how it stands, and what may be done with it.
// value: {run, share, title, sentence, kind, mine, going, shares: [id]}
const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
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
root.append(title, state, actions, shares);

const address = (run, share) => {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of [["run", run], ["share", share]]) {
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
const shareLine = (run, share) => {
  const line = make("div", "bar-share");
  const field = make("input");
  field.readOnly = true;
  field.value = address(run, share);
  field.setAttribute("aria-label", "Link that anybody can read this run with");
  const copyButton = button("Copy", () => copy(field, copyButton));
  const revoke = button("Revoke", () => trigger("select", { action: "revoke", share }));
  line.append(field, copyButton, revoke);
  return line;
};
const draw = () => {
  const v = props.value || {};
  title.textContent = v.title ?? "";
  title.hidden = !v.title;
  state.textContent = v.sentence ?? "";
  state.dataset.kind = v.kind ?? "";
  actions.replaceChildren();
  shares.replaceChildren();
  if (v.run && v.mine) {
    actions.append(button("Share", () => trigger("select", { action: "share" })));
    shares.append(...(v.shares ?? []).map((share) => shareLine(v.run, share)));
  }
  if (v.run) actions.append(button("Export", () => trigger("select", { action: "export" })));
  if (!props.value || v.keep_address) return;
  const wanted = address(v.run, v.share);
  if (wanted !== location.href) history.replaceState(history.state, "", wanted);
};
watch("value", draw);
draw();
