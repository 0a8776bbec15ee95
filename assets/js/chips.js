// The filter chain of a choice: a chip for each filter, to be moved, changed and switched off. What
// the law would become is asked of Python and drawn into the figure; only the last answer counts.

const ONLY_AFTER = "The filters can be moved once the run is over.";
const HINT = "Drag a filter by its name, or move it with its arrows or Alt and an arrow key.";
const SIGN_LEFT = "M14 5 L7 12 L14 19 Z";
const SIGN_RIGHT = "M10 5 L17 12 L10 19 Z";
const SIGN_AWAY = "M6 6 L18 18 M18 6 L6 18";

// `askPreview(of, chain)` gives the answer of Python, null where a later one was asked;
// `rerun(node, chain, param)` asks for another run, `anew()` for the same run with its laws.
function makeChips(askPreview, rerun, anew) {
  const box = el("div", "chips");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Filters of this choice");
  const list = el("ol", "chip-list");
  list.setAttribute("aria-label", "Filters in the order they act");
  const add = el("select", "chip-add");
  add.setAttribute("aria-label", "Add a filter");
  add.append(el("option", "", "Add filter …"), ...Object.keys(FILTERS).map((name) => {
    const option = el("option", "", name);
    option.value = name;
    option.title = FILTERS[name].idea;
    return option;
  }));
  add.options[0].value = "";
  const reset = el("button", "chip-button", "As it was");
  const again = el("button", "chip-button", "Rerun from here");
  reset.type = again.type = "button";
  const acts = el("div", "chip-acts");
  acts.append(add, reset, again);
  const said = el("div", "chip-said");
  const key = el("p", "chip-key");
  for (const [cls, words] of [["was", "as it was"], ["would", "what it would become"]]) {
    const sample = el("span", `chip-sample ${cls}`);
    sample.setAttribute("aria-hidden", "true");
    key.append(sample, `${words}   `);
  }
  const told = el("p", "chip-told");
  told.setAttribute("role", "status");
  const help = el("p", "chip-help");
  help.id = `chip-help-${++tooltips}`;
  said.append(key, told, help);
  const under = el("div", "chip-under");
  under.append(acts, said);
  const instead = el("p", "chip-instead"); // where there is nothing to move, why
  instead.setAttribute("role", "status");
  const lawful = el("button", "chip-button", "Run it again, with its laws");
  lawful.type = "button";
  lawful.hidden = true;
  lawful.addEventListener("click", anew);
  box.append(instead, lawful, list, under);

  let chart = null; // what draws the figure
  let of = null; // the choice in front
  let live = false;
  let own = []; // the filters it was made with
  let edited = null; // chips, once anything was changed; kept from step to step
  let answer = null; // the last one about the choice in front
  let names = 0; // of chips

  const chip = ({ name, ...values }) => ({ name, values, on: true, id: ++names });
  const chips = () => edited ?? own;
  const chain = () => edited.filter((c) => c.on).map((c) => ({ name: c.name, ...c.values }));

  // What stands there ---------------------------------------------------------------------------

  function show() {
    const movable = !live && !!answer?.own;
    box.classList.toggle("still", !movable);
    box.classList.toggle("never", !!answer?.never);
    key.hidden = !answer?.frame;
    reset.disabled = !edited;
    again.disabled = !edited || !answer?.frame || answer.of !== of;
    if (movable) draw();
    sayHelp();
    lawful.hidden = live || !answer?.again;
    instead.textContent = live ? ONLY_AFTER : answer?.error ?? answer?.why ?? "";
    const words = movable ? answer.problem ?? answer.told ?? "" : "";
    told.dataset.kind = answer?.problem ? "problem" : "";
    if (told.textContent !== words) sayIn(said, told, words);
  }

  function draw() {
    const shown = chips().map((c) => c.id).join();
    if (list.dataset.shown === shown) return chips().forEach((c, i) => describe(list.children[i], c, i));
    const focus = document.activeElement;
    const held = list.contains(focus) && [focus.closest(".chip").dataset.chip, focus.dataset.part];
    list.dataset.shown = shown;
    list.replaceChildren(...chips().map(drawn));
    chips().forEach((c, i) => describe(list.children[i], c, i));
    if (!chips().length) list.append(el("li", "chip-none", "no filters"));
    if (held) partOf(...held)?.focus({ preventScroll: true });
  }

  const partOf = (id, part) => list.querySelector(`[data-chip="${id}"] [data-part="${part}"]`);

  function drawn(c) {
    const item = el("li", "chip");
    item.dataset.chip = c.id;
    const group = el("div", "chip-body");
    group.setAttribute("role", "group");
    const grip = part(el("button", "chip-name", c.name), "name");
    grip.type = "button";
    const on = part(el("input"), "on");
    on.type = "checkbox";
    on.setAttribute("aria-label", `${c.name} acts`);
    group.append(on, grip);
    for (const { name } of FILTERS[c.name].parameters) {
      const label = el("label", "chip-field", name);
      const field = part(el("input"), name);
      field.type = "text";
      field.inputMode = "decimal";
      field.autocomplete = "off";
      field.size = 4;
      field.setAttribute("aria-label", `${c.name} ${name}`);
      field.setAttribute("aria-describedby", help.id);
      field.value = c.values[name] ?? "";
      label.append(field);
      group.append(label);
    }
    for (const [name, words, path] of [["left", "earlier", SIGN_LEFT], ["right", "later", SIGN_RIGHT], ["away", "", SIGN_AWAY]]) {
      group.append(part(signButton(words ? `${c.name} ${words}` : `Remove ${c.name}`, path), name));
    }
    item.append(group);
    return item;
  }

  function part(node, name) {
    node.dataset.part = name;
    return node;
  }

  function describe(item, c, i) {
    const count = chips().length;
    item.firstChild.setAttribute("aria-label", `${i + 1} of ${count}: ${c.name}${c.on ? "" : ", off"}`);
    item.classList.toggle("off", !c.on);
    item.querySelector("[data-part=on]").checked = c.on;
    item.querySelector("[data-part=left]").disabled = i === 0;
    item.querySelector("[data-part=right]").disabled = i === count - 1;
  }

  // What the focused field means, and what is allowed in it.
  function sayHelp() {
    const focus = list.contains(document.activeElement) ? document.activeElement : null;
    const c = focus && chipOf(focus);
    if (!c) return void (help.textContent = box.classList.contains("still") ? "" : HINT);
    const parameter = FILTERS[c.name].parameters.find((p) => p.name === focus.dataset.part);
    help.textContent = parameter ? `${parameter.about} ${parameter.allowed}.` : FILTERS[c.name].idea;
  }

  // What a person does --------------------------------------------------------------------------

  const chipOf = (node) => chips().find((c) => String(c.id) === node.closest(".chip")?.dataset.chip);

  function change(act) {
    edited ??= own.map((c) => ({ ...c, values: { ...c.values } }));
    act(edited);
    show();
    look();
  }

  function move(id, by) {
    const from = chips().findIndex((c) => c.id === id);
    const to = from + by;
    if (to < 0 || to >= chips().length) return;
    change((all) => all.splice(to, 0, ...all.splice(from, 1)));
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const c = button && chipOf(button);
    const act = button?.dataset.part;
    if (!c) return;
    if (act === "left") move(c.id, -1);
    if (act === "right") move(c.id, 1);
    if (act === "away") remove(c);
  });
  function remove(c) {
    const place = chips().indexOf(c);
    change((all) => all.splice(place, 1));
    const next = chips()[Math.min(place, chips().length - 1)];
    (next ? partOf(next.id, "away") : add).focus();
  }
  list.addEventListener("change", (event) => {
    const c = chipOf(event.target);
    if (c && event.target.dataset.part === "on") {
      change((all) => (all.find((x) => x.id === c.id).on = event.target.checked));
    }
  });
  list.addEventListener("input", (event) => {
    const { part: name } = event.target.dataset;
    const c = chipOf(event.target);
    if (c && name !== "on") change((all) => (all.find((x) => x.id === c.id).values[name] = event.target.value));
  });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const c = chipOf(event.target);
    if (!by || !event.altKey || !c) return;
    event.preventDefault();
    move(c.id, by);
  });
  box.addEventListener("focusin", sayHelp);
  box.addEventListener("focusout", () => setTimeout(sayHelp));
  add.addEventListener("change", () => {
    const name = add.value;
    add.value = "";
    if (!FILTERS[name]) return;
    const values = Object.fromEntries(FILTERS[name].parameters.map((p) => [p.name, p.value]));
    change((all) => all.push(chip({ name, ...values })));
    help.textContent = FILTERS[name].idea;
    list.scrollLeft = list.scrollWidth;
  });
  reset.addEventListener("click", () => {
    edited = null;
    show();
    look();
    add.focus();
  });
  again.addEventListener("click", () => rerun(answer.node, answer.chain, answer.param));

  // The dragged chip stays in the document, its neighbours change sides: so it keeps the pointer.
  list.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".chip-name");
    if (!grip || event.button) return;
    const item = grip.closest(".chip");
    grip.setPointerCapture(event.pointerId);
    const over = (e) => {
      const { previousElementSibling: before, nextElementSibling: after } = item;
      if (before && e.clientX < middle(before)) item.after(before);
      else if (after && e.clientX > middle(after)) item.before(after);
      item.classList.add("dragged");
    };
    const drop = () => {
      grip.removeEventListener("pointermove", over);
      item.classList.remove("dragged");
      const order = [...list.children].map((child) => child.dataset.chip);
      if (order.join() === list.dataset.shown) return;
      list.dataset.shown = order.join();
      change((all) => all.sort((a, b) => order.indexOf(String(a.id)) - order.indexOf(String(b.id))));
    };
    grip.addEventListener("pointermove", over);
    grip.addEventListener("lostpointercapture", drop, { once: true });
  });
  const middle = (node) => (node.getBoundingClientRect().left + node.getBoundingClientRect().right) / 2;

  // What Python says ----------------------------------------------------------------------------

  // One question at a time; of those that wait only the last is asked.
  let asking = false;
  let stale = false;
  async function look() {
    stale = true;
    if (asking) return;
    asking = true;
    while (stale && of && !live) {
      stale = false;
      take(await askPreview(of, edited && chain()));
    }
    asking = false;
  }

  function take(found) {
    if (!found || stale) return;
    answer = found;
    if (found.own && !edited && !same(own, found.own)) own = found.own.map(chip);
    chart?.become(found.frame ?? null);
    show();
  }

  const same = (chips, given) => chips.length === given.length && given.every(({ name, ...values }, i) =>
    chips[i].name === name && Object.entries(values).every(([key, value]) => chips[i].values[key] === value));

  return {
    box,
    // Another figure, or another choice in it, is in front.
    at(newChart, newOf) {
      if (newChart === chart && newOf === of && answer) return;
      chart = newChart;
      of = newOf;
      if (!of) answer = null;
      show();
      look();
    },
    set live(on) {
      if (on === live) return;
      live = on;
      if (live) clear();
      show();
    },
    clear,
  };

  function clear() {
    chart?.become(null);
    chart = of = edited = answer = null;
    own = [];
    show();
  }
}
