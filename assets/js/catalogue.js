// All methods by family. value: [{family, about, methods: [{id, title, idea, paper, claims}]}], and
// at the end the filters: {family, about, filters: [[written, idea]]}
const root = element.firstElementChild ?? element;
root.className = "catalogue";
const entry = (method) => {
  const item = make("li");
  const use = make("button", "quiet method-use", method.title);
  use.type = "button";
  use.setAttribute("aria-label", "Use " + method.title);
  use.addEventListener("click", () => {
    document.dispatchEvent(new CustomEvent("chosen", { detail: { method: method.id } }));
    trigger("select", { method: method.id });
  });
  const line = make("p", "method-links");
  for (const [claim, meaning] of method.claims) {
    const tag = make("span", "claim", claim);
    tag.title = meaning;
    line.append(tag);
  }
  const about = make("button", "method-about", "about");
  about.type = "button";
  about.setAttribute("aria-label", "About " + method.title);
  about.addEventListener("click", () => document.dispatchEvent(new CustomEvent("about", { detail: method.id })));
  line.append(about);
  if (method.paper) {
    const paper = make("a", "", "paper");
    paper.href = method.paper;
    paper.target = "_blank";
    paper.rel = "noopener noreferrer";
    paper.setAttribute("aria-label", "Paper of " + method.title);
    line.append(paper);
  }
  item.append(use, make("p", "method-idea", method.idea), line);
  return item;
};
const filter = ([written, idea]) => {
  const item = make("li");
  item.append(make("code", "", written), make("p", "method-idea", idea));
  return item;
};
const draw = () => {
  root.replaceChildren();
  for (const family of props.value || []) {
    const list = make("ul");
    list.append(...(family.methods ?? []).map(entry), ...(family.filters ?? []).map(filter));
    root.append(make("h3", "", family.family), make("p", "family-about", family.about), list);
  }
};
watch("value", draw);
draw();
