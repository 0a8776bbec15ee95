// The recorded examples. value: [{family, examples: [{run, title, notice}]}]
const root = element.firstElementChild ?? element;
root.className = "catalogue gallery";
const entry = (example) => {
  const item = make("li");
  const open = make("button", "quiet method-use", example.title);
  open.type = "button";
  open.dataset.run = example.run;
  open.setAttribute("aria-label", "Open the example of " + example.title);
  open.addEventListener("click", () => {
    trigger("select", { run: example.run });
    // On a phone the run would open below the list.
    if (matchMedia("(max-width: 900px)").matches) document.body.dataset.drawer = "none";
  });
  item.append(open, make("p", "", example.notice));
  return item;
};
const families = () => (props.value || []).flatMap((family) => {
  const list = make("ul");
  list.append(...family.examples.map(entry));
  return [make("h3", "", family.family), list];
});
// Which one is open is told by the view of the run.
const mark = () => {
  const shown = document.querySelector(".trace-view")?.dataset.run;
  for (const button of root.querySelectorAll("[data-run]")) {
    if (button.dataset.run === shown) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
};
const draw = () => {
  const about = "One recorded run of each method by the bundled models, with what to notice in it.";
  root.replaceChildren(make("p", "family-about", about), ...families());
  mark();
};
new MutationObserver(mark).observe(document.body, {
  attributeFilter: ["data-run"],
  subtree: true,
});
watch("value", draw);
draw();
