// Two runs side by side. What it gets and asks for is written in explorer/ui/compare_view.py.
//
// Everything comes with one answer, which is asked for again while a run goes on: once a second, and
// never so often that server and browser would be drawing most of the time.

const REFRESH_MS = 1000;
const CLASSES = ["only_a", "only_b"];

const root = element.querySelector(".compare-view");
const content = el("div");
root.append(content);
const tip = makeTooltip(root);
let pass = {};
let pair = null; // {run, with}
let timer = null;
let view = null; // what is on the page, made for each pair anew

function onValue() {
  const value = props.value;
  if (!value?.run || !value.with) return close();
  clearTimeout(timer);
  forget();
  pass = { ...value.pass };
  const again = pair?.run === value.run && pair.with === value.with;
  pair = { run: value.run, with: value.with };
  if (!again) {
    view = makeView();
    content.replaceChildren(...view.parts);
  }
  root.hidden = false;
  root.dataset.pair = `${pair.run} ${pair.with}`;
  refresh();
}

function close() {
  clearTimeout(timer);
  forget();
  pair = view = null;
  tip.hide();
  root.hidden = true;
  delete root.dataset.pair;
  content.replaceChildren();
}

const ask = (question, kind) => askServer({ ...pass, ...pair, ...question }, kind);

async function refresh() {
  const began = performance.now();
  const answer = await ask({ want: "comparison" }, "comparison");
  if (!answer || !view) return;
  if (answer.error) return view.fail(answer.error);
  view.show(answer);
  if (!answer.going) return;
  timer = setTimeout(refresh, Math.max(REFRESH_MS, 4 * (performance.now() - began)));
}

// What is shown -------------------------------------------------------------------------------------

function makeView() {
  const head = el("div", "compare-head");
  const title = el("h2", "", "A and B side by side");
  const shut = el("button", "table-toggle", "Close the comparison");
  shut.type = "button";
  shut.addEventListener("click", () => {
    close();
    trigger("select", { action: "close" });
  });
  head.append(title, shut);
  const said = el("p", "said");
  said.setAttribute("role", "status");
  said.textContent = "Reading both runs …";
  const notes = el("div", "notes");
  const body = el("div", "compare-body");
  body.hidden = true;
  const sides = CLASSES.map(makeSide);
  const texts = el("div", "compare-texts");
  texts.append(...sides.map((side) => side.box));
  const measures = el("div", "measures-box");
  measures.tabIndex = 0; // so that the keyboard can scroll it
  measures.setAttribute("role", "group");
  measures.setAttribute("aria-label", "Measures");
  const tree = makeJointTree(tip, () => `${pair.run}-${pair.with}`, ask);
  body.append(texts, tree.box, measures);


  function fail(sentence) {
    said.dataset.state = "failed";
    said.textContent = `✗ ${sentence}`;
  }

  function show(answer) {
    delete said.dataset.state;
    body.hidden = false;
    const words = answer.parting.at.some((at) => at != null) ? `◆ ${answer.parting.said}` : answer.parting.said;
    if (said.textContent !== words) said.textContent = words;
    notes.replaceChildren(...answer.sentences.map((sentence) => el("p", "", `! ${sentence}`)));
    body.classList.toggle("steady", body.classList.contains("steady") || answer.going);
    sides.forEach((side) => side.show(answer));
    fill(answer.rows);
    tree.show(answer.picture);
  }

  function fill(rows) {
    const table = el("table");
    const top = el("tr");
    for (const name of ["measure", "A", "B", "rests on"]) {
      const cell = el("th", "", name);
      cell.scope = "col";
      top.append(cell);
    }
    table.append(top);
    for (const row of rows) {
      const line = el("tr");
      const name = el("th", "", row.title);
      name.scope = "row";
      if (row.unit) name.append(el("span", "unit", ` ${row.unit}`));
      if (row.about) name.append(el("span", "about", row.about));
      line.append(name, ...row.values.map((value) => el("td", "", value)), el("td", "basis", row.basis));
      table.append(line);
    }
    measures.replaceChildren(table);
  }

  return { parts: [head, said, notes, body], show, fail };
}

function makeSide(cls, i) {
  const box = el("section", "side");
  const head = el("div", "side-head");
  const name = el("h3");
  const open = el("button", "table-toggle");
  open.type = "button";
  let run = "";
  let over = false;
  open.addEventListener("click", () => trigger("select", { action: "open", run }));
  head.append(name, open);
  const state = el("p", "state");
  const text = makeText(tip, (token, button) => tip.show(button, tokenTip(token)));
  text.colour("plain");
  const parts = el("p", "parts");
  box.append(head, state, text.box, parts);
  box.dataset.class = cls;

  function show(answer) {
    const mine = answer.runs[i];
    run = mine.run;
    box.setAttribute("aria-label", `Run ${mine.letter}: ${mine.title}`);
    name.textContent = `${mine.letter}: ${mine.title} `;
    name.append(el("span", "models", mine.models));
    open.textContent = `Open ${mine.letter} alone`;
    state.dataset.state = mine.state;
    state.textContent = `${SIGNS[mine.state] ?? ""} ${mine.sentence}`.trim();
    const at = answer.parting.at[i];
    const shared = new Set();
    for (const stretch of answer.stretches) {
      for (let k = 0; k < stretch[2]; k++) shared.add(stretch[i] + k);
    }
    // Without a token to part at, all that is there is common.
    const all = !answer.stretches.length && answer.parting.at.every((place) => place == null);
    text.show([
      ...mine.prompt.map((token, k) => ({ ...token, key: `prompt ${k} ${token.token}`, prompt: true, class: "prompt" })),
      ...mine.tokens.map((token, k) => ({
        ...token, key: `node ${token.node ?? `begun ${k} ${token.token}`}`, parts: k === at,
        class: all || shared.has(k) || before(k, at, answer) ? "both" : cls,
      })),
    ]);
    // Once there is no more to come, what matters is where they part, not the end.
    if (!over && !answer.going) showParting();
    over = !answer.going;
    parts.textContent = answer.parting.of[i] ? `◆ ${answer.parting.of[i]}` : "";
  }

  function showParting() {
    const token = text.box.querySelector("[data-parts]");
    const above = token ? token.getBoundingClientRect().top - text.box.getBoundingClientRect().top : 0;
    text.box.scrollTop = token ? Math.max(0, text.box.scrollTop + above - text.box.clientHeight / 3) : 0;
  }

  return { box, show };
}

// Where texts are compared by characters no stretches are told, but all before the difference is equal.
const before = (k, at, answer) => !answer.stretches.length && at != null && k < at;

const SIGNS = { failed: "✗", stopped: "■", running: "●", waiting: "…", done: "✓" };

watch("value", onValue);
onValue();
