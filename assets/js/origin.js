// The place of a run from which Generate goes on, while one is chosen.
// value: {run, ends: what the text says up to there, tokens: how many behind the prompt}, or {}
const root = element.firstElementChild ?? element;
root.className = "origin";
const draw = () => {
  const v = props.value || {};
  root.replaceChildren();
  root.hidden = !v.run;
  if (!v.run) return;
  const count = v.tokens === 1 ? "1 token" : v.tokens + " tokens";
  const anew = make("button", "quiet", "Begin anew");
  anew.type = "button";
  anew.addEventListener("click", () => trigger("select", {}));
  root.append(make("span", "origin-sign", "▼"), make("span", "", " Generate goes on "), make("q", "", v.ends),
    make("span", "", ` (${count} behind the prompt are kept), with the method and values chosen here. `), anew);
};
let was = null;
watch("value", () => {
  draw();
  const now = props.value?.run ? JSON.stringify(props.value) : null;
  if (now && now !== was) {
    document.body.dataset.drawer = "parameters";
    document.getElementById("go")?.focus();
  }
  was = now;
});
draw();
