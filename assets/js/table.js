// The same facts as a table: a button that opens it, the rows that a step has, page by page, and a
// field that leaves those with a word. Rows about tokens have their marks, and lead to them.

const MOST_ROWS = 200; // on the page at once

function makeTable(askTable, onNode, saveCsv) {
  const toggle = el("button", "table-toggle", "Table");
  toggle.type = "button";
  toggle.setAttribute("aria-expanded", "false");
  const box = el("div", "table-box");
  box.tabIndex = 0; // so that the keyboard can scroll it
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Table");
  box.hidden = true;
  const bar = el("div", "rows-bar");
  const label = el("label", "", "only rows with ");
  const filter = el("input");
  filter.type = "search";
  label.append(filter);
  const count = el("span", "rows-count");
  count.setAttribute("role", "status");
  const earlier = action("Earlier rows", () => turn(-1));
  const later = action("Later rows", () => turn(1));
  bar.append(label, count, earlier, later);
  if (saveCsv) bar.append(action("CSV", saveCsv));
  const sheet = el("div");
  box.append(bar, sheet);
  let table = null;
  let step = 0;
  let from = Infinity; // the first row that is wanted; at the end stands what happened now

  function action(words, act) {
    const made = el("button", "plain", words);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  async function fetch() {
    const answer = await askTable();
    if (!answer) return;
    table = answer.table ?? null;
    if (table) fill();
    else sheet.replaceChildren(el("p", "cut", answer.error));
  }

  // What a cell says: in a trace the first step is 0.
  function worded(i, j) {
    const given = table.rows[i][j];
    return table.columns[j] === "step" && typeof given === "number" ? given + 1 : given;
  }

  function chosen() {
    const until = table.steps.filter((s) => s <= step).length;
    const all = [...Array(until).keys()];
    const wanted = filter.value.trim().toLowerCase();
    const has = (i) => table.columns.some((_, j) => String(worded(i, j) ?? "").toLowerCase().includes(wanted));
    return wanted ? all.filter(has) : all;
  }

  function fill() {
    const found = chosen();
    const first = starting(found.length);
    const rows = found.slice(first, first + MOST_ROWS);
    const all = rows.length === found.length;
    count.textContent = !found.length ? (filter.value.trim() ? "No row has it." : "Nothing at this step yet.")
      : all ? plural(found.length, "row")
        : `rows ${first + 1} to ${first + rows.length} of ${found.length}`;
    earlier.hidden = later.hidden = all;
    earlier.disabled = first === 0;
    later.disabled = first + rows.length === found.length;
    const made = el("table");
    const head = el("tr");
    for (const name of table.columns) {
      const cell = el("th", "", name);
      cell.scope = "col";
      head.append(cell);
    }
    made.append(head, ...rows.map(row));
    sheet.replaceChildren(made);
  }

  function row(i) {
    const made = el("tr", table.steps[i] === step ? "now" : "");
    for (const [j, name] of table.columns.entries()) {
      const value = worded(i, j);
      const numeric = typeof value === "number";
      const words = numeric ? number(value, 4) : (value ?? "");
      const cell = el("td", numeric ? "number" : "");
      if (onNode && name === "token" && table.nodes?.[i]) cell.append(...marked(i, words));
      else cell.textContent = words;
      made.append(cell);
    }
    return made;
  }

  // The token with the sign of its class, as in the picture.
  function marked(i, words) {
    const cls = table.classes[i];
    const sign = el("span", "sign-of", LOOKS[cls]?.sign ?? "");
    sign.dataset.class = cls;
    sign.setAttribute("aria-hidden", "true");
    const go = action(words, () => onNode(table.nodes[i], table.steps[i]));
    go.setAttribute("aria-description", "shows it in the picture");
    return [sign, go];
  }

  const starting = (count) => Math.max(0, Math.min(from, count - MOST_ROWS));

  function turn(by) {
    from = Math.max(0, starting(chosen().length) + by * MOST_ROWS);
    fill();
    box.scrollTop = 0;
  }

  filter.addEventListener("input", () => {
    from = filter.value.trim() ? 0 : Infinity;
    if (table) fill();
  });
  toggle.addEventListener("click", () => {
    box.hidden = !box.hidden;
    toggle.setAttribute("aria-expanded", !box.hidden);
    if (!box.hidden) table ? fill() : fetch();
  });

  return {
    toggle,
    box,
    show(newStep) {
      if (newStep !== step && !filter.value.trim()) from = Infinity;
      step = newStep;
      if (!box.hidden && table) fill();
    },
    clear() {
      table = null;
      from = Infinity;
      filter.value = "";
      sheet.replaceChildren();
      count.textContent = "";
    },
    // Another table, or the same one with more rows; the old rows stay until the new ones are there.
    renew(grown) {
      table = null;
      if (!grown) {
        from = Infinity;
        filter.value = "";
        sheet.replaceChildren();
      }
      if (!box.hidden) fetch();
    },
  };
}
