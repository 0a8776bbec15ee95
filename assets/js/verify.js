// Whether the shown run is what its method claims. It is asked by the document's event "verify".
// value: {asked, how: "holds" | "fails" | "far" (nothing is claimed) | "failed", sentence}
const SIGNS = { holds: "✓ ", fails: "✗ ", far: "≈ ", failed: "" };
const root = element.firstElementChild ?? element;
root.className = "verdict";
root.setAttribute("role", "status");
const say = (how, text) => {
  root.dataset.how = how;
  root.replaceChildren(make("p", "", (SIGNS[how] ?? "") + text));
};
document.addEventListener("verify", () => {
  say("asked", "The target reads the text once more, alone…");
  trigger("select", {});
});
watch("value", () => {
  if (props.value) say(props.value.how, props.value.sentence);
  else root.replaceChildren();
});
