// The same facts as a table: a button that opens it, and the rows that a step has.

const MOST_ROWS = 400; // on the page at once

function makeTable(askTable) {
  const toggle = el("button", "table-toggle", "Table");
  toggle.type = "button";
  toggle.setAttribute("aria-expanded", "false");
  const box = el("div", "table-box");
  box.tabIndex = 0; // so that the keyboard can scroll it
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Table");
  box.hidden = true;
  let table = null;
  let step = 0;

  async function fetch() {
    const answer = await askTable();
    if (!answer) return;
    table = answer.table ?? null;
    if (table) fill();
    else box.replaceChildren(el("p", "cut", answer.error));
  }

  function fill() {
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
      for (const [j, given] of table.rows[i].entries()) {
        const counted = table.columns[j] === "step" && typeof given === "number";
        const value = counted ? given + 1 : given; // in a trace the first step is 0
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

  toggle.addEventListener("click", () => {
    box.hidden = !box.hidden;
    toggle.setAttribute("aria-expanded", !box.hidden);
    if (!box.hidden) table ? fill() : fetch();
  });

  return {
    toggle,
    box,
    show(newStep) {
      step = newStep;
      if (!box.hidden && table) fill();
    },
    clear() {
      table = null;
      box.replaceChildren();
    },
    // Another table, or the same one with more rows; the old rows stay until the new ones are there.
    renew(grown) {
      table = null;
      if (!grown) box.replaceChildren();
      if (!box.hidden) fetch();
    },
  };
}
