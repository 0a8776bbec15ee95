// While another method's controls are being drawn, the server knows no more of the old Generate and
// not yet of the new one: a press waits for it. The document's event "drawing" says that controls are
// on their way, "drawn" that they are there, "refused" that they do not come.

const MOST_DRAWING_MS = 10000;
let pressed = false;
let drawingTimer = null;

const drawn = () => {
  clearTimeout(drawingTimer);
  delete document.body.dataset.drawing;
  if (!pressed) return;
  pressed = false;
  document.getElementById("go")?.click();
};
document.addEventListener("drawing", () => {
  document.body.dataset.drawing = "true";
  clearTimeout(drawingTimer);
  drawingTimer = setTimeout(drawn, MOST_DRAWING_MS);
});
document.addEventListener("drawn", drawn);
// There will be no others: what was pressed meanwhile was meant for them.
document.addEventListener("refused", () => {
  pressed = false;
  drawn();
});
// A press chose a method, and perhaps a preset of it ("" for the defaults): the server answers later.
document.addEventListener("chosen", ({ detail: { method, preset } }) => {
  const now = document.querySelector("#part-method .method-line")?.dataset.method;
  const begun = document.querySelector("#field-preset input")?.value;
  const same = method === now && (preset === undefined || (preset || "defaults") === begun);
  if (!same) document.dispatchEvent(new CustomEvent("drawing"));
});

const hold = (event) => {
  if (!document.body.dataset.drawing) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  pressed = true;
};
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#go")) hold(event);
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && event.target.closest?.("#field-prompt")) hold(event);
}, true);
