// The map of a run's family: each run below the one it branched from; a press opens one, or puts it
// beside the run that is shown.
// value: {current, runs: [{run, parent, title, method, status, text, place, forced}]}, or {}
const root = element.firstElementChild ?? element;
root.className = "family";
const spaced = (text) => text.trim() ? text : "␣".repeat(text.length) || "∅";
const entry = (run, current) => {
  const open = make("button", "family-run");
  open.type = "button";
  open.dataset.run = run.run;
  if (run.run === current) open.setAttribute("aria-current", "true");
  const where = make("span", "family-where");
  if (!run.parent) where.textContent = run.method;
  else if (run.forced) where.textContent = `at token ${run.place}, “${spaced(run.forced)}” ▼, ${run.method}`;
  else where.textContent = `from token ${run.place} on, ${run.method}`;
  open.append(where, make("span", "family-text", run.text || (run.status === "done" ? "" : run.status)));
  open.addEventListener("click", () => run.run !== current && trigger("select", { run: run.run }));
  return open;
};
const beside = (run, current) => {
  const made = make("button", "quiet", "Compare");
  made.type = "button";
  made.setAttribute("aria-label", `Compare the run ${run.parent ? `from token ${run.place}` : "before"} with the one shown`);
  made.addEventListener("click", () => trigger("select", { run: current, with: run.run }));
  return made;
};
const branch = (runs, parent, current) => {
  const list = make("ul");
  for (const run of runs.filter((run) => run.shownBelow === parent)) {
    const item = make("li");
    item.append(entry(run, current));
    if (run.run !== current) item.append(beside(run, current));
    if (runs.some((below) => below.shownBelow === run.run)) item.append(branch(runs, run.run, current));
    list.append(item);
  }
  return list;
};
const draw = () => {
  const v = props.value || {};
  const focused = root.contains(document.activeElement);
  root.replaceChildren();
  root.hidden = !v.runs?.length;
  if (root.hidden) return;
  // A run whose parent is not here hangs at the top.
  const here = new Set(v.runs.map((run) => run.run));
  const runs = v.runs.map((run) => ({ ...run, shownBelow: here.has(run.parent) ? run.parent : "" }));
  const box = make("nav");
  box.setAttribute("aria-label", "Branches");
  box.append(branch(runs, "", v.current));
  root.append(make("h3", "", `Branches (${runs.length - runs.filter((run) => !run.shownBelow).length})`), box);
  if (focused) root.querySelector("[aria-current]")?.focus();
};
watch("value", draw);
draw();
