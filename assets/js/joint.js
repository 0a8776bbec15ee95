// The tree of two runs: the picture with its sentences, its legend, its size and its table.

function makeJointTree(tip, runs, ask) {
  const box = el("section", "joint");
  box.setAttribute("aria-label", "The tree of both runs");
  const what = el("p", "what");
  const caption = el("p", "caption");
  const stage = el("div", "stage");
  const legend = el("ul", "legend");
  const how = el("p", "how");
  const table = makeTable(() => ask({ want: "table" }, "table"));
  const files = makeExports(
    () => ({ run: runs(), picture: given, step: 0, canvas: stage.querySelector(".canvas-box > svg.canvas") }),
    ask, "comparison");
  const zoom = el("span", "zoom");
  for (const [name, factor] of [["Smaller", 1 / 1.25], ["Larger", 1.25]]) {
    const button = el("button", "table-toggle", name);
    button.type = "button";
    button.addEventListener("click", () => drawing?.zoom(factor));
    zoom.append(button);
  }
  box.append(what, caption, stage, legend, how, table.toggle, zoom, files.box, table.box);
  let given = null;
  let drawing = null;
  let shown = "";

  // A picture, or a grown one, which takes the other's place when it is ready: nothing flickers, and
  // what a person did there is kept.
  function show(picture) {
    box.hidden = !picture;
    const now = JSON.stringify(picture);
    if (!picture || now === shown) return;
    shown = now;
    given = picture;
    what.textContent = picture.what;
    caption.textContent = picture.captions[0];
    how.textContent = picture.how;
    legend.replaceChildren(...picture.legend.map(([cls, words]) => {
      const entry = el("li");
      entry.dataset.class = cls;
      const sample = el("span", "sample", LOOKS[cls]?.sign ?? "");
      sample.setAttribute("aria-hidden", "true");
      entry.append(sample, words);
      return entry;
    }));
    const held = drawing?.held();
    const coming = el("div", "coming");
    stage.append(coming);
    drawing = makeCanvas(picture, tip, coming, (of) => ask({ want: "opens", of }, "opens " + of));
    drawing.show(0, false);
    stage.replaceChildren(...coming.childNodes);
    if (held) drawing.restore(held);
    table.renew(!!held);
    table.show(0);
  }

  return { box, show };
}
