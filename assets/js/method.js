// What the chosen method is. value: {id, idea, paper, claims: [[name, meaning]]}
const root = element.firstElementChild ?? element;
root.className = "method-line";
const draw = () => {
  const v = props.value || {};
  root.dataset.method = v.id ?? "";
  root.replaceChildren(make("span", "method-idea", v.idea ?? ""));
  for (const [claim, meaning] of v.claims ?? []) {
    const tag = make("span", "claim", claim);
    tag.title = meaning;
    root.append(" ", tag);
  }
  if (v.id) {
    const about = make("button", "method-about", "About");
    about.append(make("span", "if-wide", " this method"));
    about.setAttribute("aria-label", "About this method");
    about.type = "button";
    about.addEventListener("click", () => document.dispatchEvent(new CustomEvent("about", { detail: v.id })));
    root.append(" ", about);
  }
  if (!v.paper) return;
  const paper = make("a", "", "paper");
  paper.href = v.paper;
  paper.target = "_blank";
  paper.rel = "noopener noreferrer";
  root.append(" ", paper);
};
watch("value", draw);
draw();
