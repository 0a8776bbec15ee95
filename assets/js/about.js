// A method's page in the drawer. It opens on the document's event "about", whose detail is the
// method's id; what it draws is made by explorer/method_page.py.
const button = (text, act) => {
  const made = make("button", "quiet", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};
const link = (address, text) => {
  const made = make("a", "", text);
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
};
const root = element.firstElementChild ?? element;
root.className = "about";
let before = "catalogue"; // which drawer was open
let opener = null;
let asked = 0;

const close = () => {
  document.body.dataset.drawer = before;
  if (opener?.isConnected) opener.focus();
};
// The parameters show what was chosen, and the next press makes a run of it.
const use = (chosen) => {
  document.dispatchEvent(new CustomEvent("chosen", { detail: { preset: "", ...chosen } }));
  trigger("select", chosen);
  document.body.dataset.drawer = "parameters";
  document.getElementById("go")?.focus();
};
const paragraph = (pieces) => {
  const made = make("p");
  for (const piece of pieces) {
    if (typeof piece === "string") made.append(piece);
    else if (piece.link) made.append(link(piece.link, piece.link.replace(/^https?:\/\//, "")));
    else made.append(make("code", "", piece.code));
  }
  return made;
};
const parameter = (p) => {
  const term = make("dt");
  term.append(make("span", "about-name", p.title));
  if (p.symbol) term.append(" ", make("span", "about-symbol", p.symbol));
  if (p.unit) term.append(" ", make("span", "about-unit", "in " + p.unit));
  const told = make("dd");
  const allowed = make("p", "about-allowed");
  allowed.append(make("code", "", p.name), ": " + p.allowed + "; default " + p.default);
  told.append(make("p", "", p.about), allowed);
  return [term, told];
};
const preset = (method, p) => {
  const choose = button("Use", () => use({ method, preset: p.name }));
  choose.setAttribute("aria-label", "Use the preset " + p.name);
  const term = make("dt");
  term.append(make("span", "", p.name), choose);
  const told = make("dd");
  told.append(make("p", "", p.about), make("p", "about-allowed", p.values));
  return [term, told];
};
const list = (entries) => {
  const made = make("dl");
  made.append(...entries.flat());
  return made;
};
const check = (c) => {
  const good = c.passed === c.cases;
  const item = make("li", good ? "" : "about-failed");
  const times = c.cases > 1 ? " (" + (good ? c.cases : c.passed + " of " + c.cases) + " cases)" : "";
  item.append(make("span", "about-mark", good ? "passed: " : "failed: "), c.words + times);
  if (c.control) item.append(" ", make("span", "claim", "planted bug"));
  return item;
};
const folded = (words, checks) => {
  const made = make("details");
  const items = make("ul", "about-checks");
  items.append(...checks.map(check));
  made.append(make("summary", "", words), items);
  made.open = checks.some((c) => c.passed < c.cases);
  return made;
};
const oracle = (o) => {
  const made = make("div", "about-oracle");
  made.append(make("p", o.failed ? "about-failed" : "", o.sentence));
  const own = o.checks.filter((c) => c.own);
  const shared = o.checks.filter((c) => !c.own);
  if (own.length) made.append(folded("Its own checks", own));
  if (shared.length) made.append(folded("What every method must keep", shared));
  return made;
};
const claims = (v) => {
  const made = make("p", "about-claims");
  for (const [claim, meaning] of v.claims) made.append(make("span", "claim", claim), " " + meaning + " ");
  return made;
};
const draw = (v) => {
  const title = make("h2", "", v.title ?? "");
  title.tabIndex = -1;
  if (v.error) {
    title.textContent = "There is no such page";
    root.replaceChildren(title, make("p", "", v.error), button("Close", close));
    return title;
  }
  const acts = make("div", "about-acts");
  acts.append(button("Use this method", () => use({ method: v.id })), button("Close", close));
  root.replaceChildren(title, make("p", "about-family", v.family), make("p", "about-idea", v.idea), acts);
  const part = (heading, ...rest) => root.append(make("h3", "", heading), ...rest);
  const text = (s) => part(s.heading, ...s.paragraphs.map(paragraph));
  const at = (heading) => v.sections.filter((s) => s.heading === heading);
  const last = ["Guarantee", "Reference"];
  v.sections.filter((s) => !last.includes(s.heading)).forEach(text);
  part("Presets", list(v.presets.map((p) => preset(v.id, p))));
  part("Parameters", v.params.length ? list(v.params.map(parameter)) : make("p", "", "It has none."));
  at("Guarantee").forEach(text);
  root.append(claims(v), oracle(v.oracle));
  at("Reference").forEach(text);
  return title;
};
document.addEventListener("about", async (event) => {
  const mine = ++asked;
  if (document.body.dataset.drawer !== "about") {
    before = document.body.dataset.drawer ?? "none";
    opener = document.activeElement;
  }
  const page = JSON.parse(await server.method_page_of({ method: event.detail }));
  if (mine !== asked) return; // another was asked for meanwhile
  const title = draw(page);
  document.body.dataset.drawer = "about";
  title.focus();
});
