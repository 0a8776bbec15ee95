// The search above a tree: a field, and the places where the word stands, best first.

const FIND_MS = 250; // of rest before what was typed is looked for

function makeFind(askFind, onHit) {
  const box = el("div", "find");
  const label = el("label", "", "find a word ");
  const field = el("input");
  field.type = "search";
  field.maxLength = 200;
  field.autocomplete = "off";
  field.spellcheck = false;
  const list = el("ul", "hits");
  list.id = `trace-hits-${++tooltips}`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Places where it stands");
  list.hidden = true;
  const said = el("p", "found");
  said.setAttribute("role", "status");
  for (const [name, value] of [["role", "combobox"], ["aria-controls", list.id],
    ["aria-expanded", "false"], ["aria-autocomplete", "list"]]) field.setAttribute(name, value);
  label.append(field);
  box.append(label, said, list);
  let hits = [];
  let here = 0; // of the hits, the one that Enter takes
  let sought = ""; // the text that the hits are of
  let timer = null;

  const typed = () => field.value.trim();

  async function look() {
    clearTimeout(timer);
    const text = typed();
    if (!text) return clear();
    const answer = await askFind(text);
    if (!answer || text !== typed()) return;
    hits = answer.hits ?? [];
    here = 0;
    sought = text;
    const all = plural(answer.total, "place");
    said.textContent = answer.error || answer.sentence ||
      (hits.length < answer.total ? `${all}; the first ${hits.length}` : all);
    list.replaceChildren(...hits.map(option));
    open(hits.length > 0);
  }

  function option(hit, i) {
    const made = el("li");
    made.id = `${list.id}-${i}`;
    made.setAttribute("role", "option");
    made.dataset.class = hit.class;
    const sign = el("span", "sign-of", LOOKS[hit.class]?.sign ?? "");
    sign.setAttribute("aria-hidden", "true");
    const odds = hit.odds ? `, ${hit.odds} × the text` : "";
    made.append(sign, el("b", "", hit.token), el("span", "ending", hit.ending),
      el("span", "fate", hit.sentence), el("span", "when", `step ${hit.born + 1}${odds}`));
    made.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    made.addEventListener("click", () => take(i));
    return made;
  }

  function open(shown) {
    list.hidden = !shown;
    field.setAttribute("aria-expanded", shown);
    walk(0);
  }

  function walk(by) {
    here = Math.max(0, Math.min(hits.length - 1, here + by));
    for (const [i, item] of [...list.children].entries()) item.setAttribute("aria-selected", i === here);
    const item = list.hidden ? null : list.children[here];
    if (item) field.setAttribute("aria-activedescendant", item.id);
    else field.removeAttribute("aria-activedescendant");
    item?.scrollIntoView({ block: "nearest" });
  }

  function take(i) {
    if (!hits[i]) return;
    here = i;
    open(false);
    onHit(hits[i]);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, FIND_MS);
  });
  field.addEventListener("keydown", async (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && hits.length) {
      event.preventDefault();
      if (list.hidden) open(true);
      else walk(move);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      open(false);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (typed() !== sought) await look(); // faster than the list
      if (typed() === sought) take(here);
    }
  });
  field.addEventListener("focus", () => hits.length && typed() === sought && open(true));
  field.addEventListener("blur", () => open(false));

  function clear() {
    hits = [];
    sought = said.textContent = "";
    list.replaceChildren();
    open(false);
  }

  return {
    box,
    clear() {
      field.value = "";
      clear();
    },
  };
}
