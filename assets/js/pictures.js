// The pictures: a quiet row of names, and the one that is chosen with what there is to say of it.

const PREFERRED = ["rounds", "hypotheses", "distribution"]; // shown first, where nobody chose
const MOST_ROWS = 400; // of a table on the page

function makePictures(tip, wantPicture) {
  const box = el("div", "pictures");
  const tabs = el("div", "tabs");
  tabs.setAttribute("role", "tablist");
  tabs.setAttribute("aria-label", "Pictures of the run");
  const panel = el("div", "picture");
  panel.setAttribute("role", "tabpanel");
  panel.id = `trace-picture-${++tooltips}`;
  const what = el("p", "what");
  const caption = el("p", "caption");
  const stage = el("div", "stage");
  const legend = el("ul", "legend");
  const how = el("p", "how");
  const tableButton = el("button", "table-toggle", "Table");
  tableButton.type = "button";
  tableButton.setAttribute("aria-expanded", "false");
  const table = el("div", "table-box");
  table.tabIndex = 0;
  table.hidden = true;
  panel.append(what, caption, stage, legend, how, tableButton, table);
  box.append(tabs, panel);

  let list = [];
  let chosen = null; // an id, kept from run to run
  let byHand = false;
  let picture = null;
  let drawing = null;
  let step = 0;

  // Which pictures a run has; the one in front stays in front if the run has it.
  function offer(pictures) {
    const same = pictures.map((p) => p.id).join() === list.map((p) => p.id).join();
    list = pictures;
    const ids = list.map((p) => p.id);
    if (!ids.includes(chosen) || !byHand) {
      chosen = byHand && ids.includes(chosen) ? chosen
        : PREFERRED.find((id) => ids.includes(id)) ?? ids[0] ?? null;
    }
    box.hidden = !ids.length;
    if (!same) {
      tabs.replaceChildren(...list.map((p) => {
        const tab = el("button", "tab", p.title);
        tab.type = "button";
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-controls", panel.id);
        tab.dataset.picture = p.id;
        return tab;
      }));
    }
    mark();
    return chosen;
  }

  function mark() {
    for (const tab of tabs.children) {
      const here = tab.dataset.picture === chosen;
      tab.setAttribute("aria-selected", here);
      tab.tabIndex = here ? 0 : -1;
    }
  }

  function choose(id, focus) {
    chosen = id;
    byHand = true;
    mark();
    const tab = [...tabs.children].find((t) => t.dataset.picture === id);
    if (focus) tab?.focus();
    wantPicture(id);
  }

  tabs.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab.dataset.picture);
  });
  tabs.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const here = list.findIndex((p) => p.id === chosen);
    choose(list[(here + move + list.length) % list.length].id, true);
  });

  // A picture, new or grown. What stood there goes only when the new one is ready, so that nothing
  // flickers, and where one had scrolled to is kept.
  function set(given, atStep) {
    const grown = picture?.id === given.id;
    const old = drawing;
    const held = grown && old?.box ? [old.box.scrollLeft, old.box.scrollTop] : null;
    picture = given;
    step = atStep;
    stage.dataset.picture = given.id;
    what.textContent = given.what;
    how.textContent = given.how;
    showLegend();
    if (grown && given.kind === "plotly" && old.grow) old.grow(given);
    else {
      const hidden = el("div", "coming");
      stage.append(hidden);
      drawing = given.kind === "plotly" ? makeChart(given, hidden) : makeCanvas(given, tip, hidden);
      old?.close();
      stage.replaceChildren(...hidden.childNodes);
      if (held) [drawing.box.scrollLeft, drawing.box.scrollTop] = held;
    }
    show(step, false);
  }

  function showLegend() {
    legend.replaceChildren(...(picture.legend ?? []).map(([cls, words]) => {
      const entry = el("li");
      entry.dataset.class = cls;
      const sample = el("span", "sample", LOOKS[cls]?.sign ?? "");
      sample.setAttribute("aria-hidden", "true");
      entry.append(sample, words);
      return entry;
    }));
  }

  function show(newStep, gently) {
    step = newStep;
    if (!picture) return;
    caption.textContent = picture.captions[Math.min(step, picture.captions.length - 1)] ?? "";
    drawing.show(step, gently);
    if (!table.hidden) fillTable(table, picture.table, step);
  }

  tableButton.addEventListener("click", () => {
    table.hidden = !table.hidden;
    tableButton.setAttribute("aria-expanded", !table.hidden);
    if (!table.hidden && picture) fillTable(table, picture.table, step);
  });

  return {
    box,
    offer,
    set,
    show,
    choose,
    get chosen() {
      return chosen;
    },
    get shown() {
      return picture;
    },
    frame: (of) => drawing?.choose?.(of),
    clear() {
      drawing?.close();
      picture = drawing = null;
      list = [];
      tabs.replaceChildren();
      stage.replaceChildren();
      box.hidden = true;
    },
  };
}

// The rows that a step has, the last ones first cut where there are very many.
function fillTable(box, table, step) {
  const until = table.steps.filter((s) => s <= step).length;
  const from = Math.max(0, until - MOST_ROWS);
  const made = el("table");
  const head = el("tr");
  for (const name of table.columns) {
    const cell = el("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  made.append(head);
  for (let i = from; i < until; i++) {
    const row = el("tr", table.steps[i] === step ? "now" : "");
    for (const value of table.rows[i]) {
      const numeric = typeof value === "number";
      row.append(el("td", numeric ? "number" : "", numeric ? number(value, 4) : (value ?? "")));
    }
    made.append(row);
  }
  const parts = [made];
  if (from > 0) parts.unshift(el("p", "cut", `The last ${MOST_ROWS} of ${until} rows.`));
  if (!until) parts.push(el("p", "cut", "Nothing at this step yet."));
  box.replaceChildren(...parts);
}
