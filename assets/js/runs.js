// The visitor's earlier runs.
// value: {runs: [{run, title, method, models, when, status, text, tags}], total, next, current,
//         undo: {run, title} or absent, sentence}
const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const button = (text, label, detail) => {
  const made = make("button", "quiet", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", () => trigger("select", detail));
  return made;
};
const root = element.firstElementChild ?? element;
root.className = "runs";

const ago = (seconds) => {
  const past = Math.max(0, Date.now() / 1000 - seconds);
  if (past < 60) return "just now";
  if (past < 3600) return Math.floor(past / 60) + " min ago";
  if (past < 86400) return Math.floor(past / 3600) + " h ago";
  return new Date(seconds * 1000).toLocaleDateString();
};
const rename = (item, run) => {
  const form = make("form", "run-rename");
  const field = make("input");
  field.value = run.title;
  field.maxLength = 200;
  field.setAttribute("aria-label", "New title");
  const save = make("button", "quiet", "Save");
  form.append(field, save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trigger("select", { action: "rename", run: run.run, title: field.value });
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") draw();
  });
  item.replaceChildren(form);
  field.select();
};
const row = (run, current) => {
  const item = make("li", "run-row");
  const open = make("button", "run-open");
  open.type = "button";
  open.append(make("span", "run-title", run.title), make("span", "run-preview", run.text));
  if (run.run === current) open.setAttribute("aria-current", "true");
  open.addEventListener("click", () => trigger("select", { action: "open", run: run.run }));
  const models = run.models.join(" + ");
  const told = [run.method, models, run.status, ago(run.when), ...run.tags.map((tag) => "#" + tag)];
  const actions = make("span", "run-actions");
  const renamer = make("button", "quiet", "Rename");
  renamer.type = "button";
  renamer.setAttribute("aria-label", "Rename " + run.title);
  renamer.addEventListener("click", () => rename(item, run));
  actions.append(renamer, button("Delete", "Delete " + run.title, { action: "delete", run: run.run }));
  const about = make("div", "run-about");
  about.append(make("span", "", told.join(" · ")), actions);
  item.append(open, about);
  return item;
};
const draw = () => {
  const v = props.value || { runs: [] };
  root.replaceChildren();
  if (v.sentence) {
    const line = make("p", "field-problem", v.sentence);
    line.setAttribute("role", "alert");
    root.append(line);
  }
  if (v.undo) {
    const line = make("p", "run-undo");
    line.setAttribute("role", "status");
    line.append(
      make("span", "", "Deleted “" + v.undo.title + "”. "),
      button("Undo", "Bring back " + v.undo.title, { action: "undo", run: v.undo.run }),
    );
    root.append(line);
  }
  const list = make("ul");
  list.append(...v.runs.map((run) => row(run, v.current)));
  root.append(list);
  if (!v.runs.length && !v.sentence) {
    root.append(make("p", "run-none", v.searched ? "No run matches." : "Runs that you make appear here."));
  }
  if (v.next) {
    root.append(button("Show more", "Show more runs", { action: "more", before: v.next }));
  }
};
watch("value", draw);
draw();
