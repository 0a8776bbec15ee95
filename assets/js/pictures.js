// The pictures: a quiet row of names, and the one that is chosen with what there is to say of it.

// Shown first, where nobody chose: what a run has that few have, then what many have.
const PREFERRED = ["rounds", "lattice", "lanes", "intervals", "constraints", "votes", "scores", "utilities",
  "revisits", "expansion", "hypotheses", "lines", "distribution"];

function makePictures(tip, wantPicture, askTable, askOpens, tree, chips, files) {
  const box = el("div", "pictures");
  const tabs = el("div", "tabs");
  tabs.setAttribute("role", "tablist");
  tabs.setAttribute("aria-label", "Pictures of the run");
  const panel = el("div", "picture");
  panel.setAttribute("role", "tabpanel");
  panel.id = `${NAME}-picture-${++tooltips}`;
  const what = el("p", "what");
  const caption = el("p", "caption");
  const head = el("div", "head");
  head.append(what, caption);
  const stage = el("div", "stage");
  const scene = el("div", "scene");
  scene.append(stage, tree.story);
  tree.listen(stage);
  const legend = el("ul", "legend");
  const how = el("p", "how");
  const table = makeTable(() => askTable(chosen), tree.choose, () => files.csv(chosen));
  const zoom = el("span", "zoom");
  for (const [name, factor] of [["Smaller", 1 / 1.25], ["Larger", 1.25]]) {
    const button = el("button", "table-toggle", name);
    button.type = "button";
    button.addEventListener("click", () => drawing?.zoom?.(factor));
    zoom.append(button);
  }
  panel.append(head, tree.tools, chips.box, scene, legend, how, table.toggle, zoom, files.box, table.box);
  box.append(tabs, panel);

  let list = [];
  let wanted = preferred("picture", (id) => typeof id === "string") ?? null; // an id, chosen by the person
  let chosen = wanted; // that one where the run has it, else another
  let picture = null;
  let drawing = null;
  let step = 0;
  let sayHow = false;

  // Which pictures a run has; the one in front stays in front if the run has it.
  function offer(pictures) {
    const same = pictures.map((p) => p.id).join() === list.map((p) => p.id).join();
    list = pictures;
    const ids = list.map((p) => p.id);
    chosen = [wanted, ...PREFERRED].find((id) => ids.includes(id)) ?? ids[0] ?? null;
    box.hidden = !ids.length;
    if (!same) {
      const focused = tabs.contains(document.activeElement);
      tabs.replaceChildren(...list.map((p) => {
        const tab = el("button", "tab", p.title);
        tab.type = "button";
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-controls", panel.id);
        tab.dataset.picture = p.id;
        return tab;
      }));
      mark();
      if (focused) tabOf(chosen)?.focus({ preventScroll: true });
    }
    mark();
    return chosen;
  }

  const tabOf = (id) => [...tabs.children].find((tab) => tab.dataset.picture === id);

  function mark() {
    for (const tab of tabs.children) {
      const here = tab.dataset.picture === chosen;
      tab.setAttribute("aria-selected", here);
      tab.tabIndex = here ? 0 : -1;
    }
  }

  function choose(id, focus) {
    wanted = chosen = id;
    prefer("picture", id);
    mark();
    if (focus) tabOf(id)?.focus();
    wantPicture(id);
  }

  tabs.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab.dataset.picture);
  });
  tabs.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const here = list.findIndex((p) => p.id === chosen);
    choose(list[(here + move + list.length) % list.length].id, true);
  });

  // A picture, new or grown. What stood there goes only when the new one is ready, so that nothing
  // flickers, and what a person did there is kept: scrolled, opened, walked to.
  function set(given, atStep, told) {
    const grown = picture?.id === given.id;
    const old = drawing;
    const held = grown ? old.held?.() : null;
    picture = given;
    step = atStep;
    stage.dataset.picture = given.id;
    panel.setAttribute("aria-label", given.title);
    zoom.hidden = given.kind !== "marks";
    chips.box.hidden = given.id !== "distribution";
    what.textContent = given.what;
    // Where the sentence of the step is told already, how to read the picture stands in its place.
    sayHow = told;
    how.textContent = told ? "" : given.how;
    showLegend();
    if (grown && old?.grow) old.grow(given);
    else {
      const hidden = el("div", "coming");
      stage.append(hidden);
      drawing = given.kind === "plotly" ? makeChart(given, hidden, framed)
        : makeCanvas(given, tip, hidden, (of) => askOpens(given.id, of));
      drawing.show(step, false);
      old?.close();
      stage.replaceChildren(...hidden.childNodes);
      if (held) drawing.restore?.(held);
    }
    table.renew(grown);
    show(step, false);
    tree.set(given, stage);
  }

  // The law in front is one whose filters can be moved.
  function framed(chart, of) {
    if (picture.id === "distribution") chips.at(chart, of);
  }

  function showLegend() {
    legend.replaceChildren(...(picture.legend ?? []).map(([cls, words]) => {
      const entry = el("li");
      entry.dataset.class = cls;
      const sample = el("span", "sample", LOOKS[cls]?.sign ?? "");
      sample.setAttribute("aria-hidden", "true");
      entry.append(sample, words);
      return entry;
    }));
  }

  function show(newStep, gently) {
    step = newStep;
    if (!picture) return;
    const told = picture.captions[Math.min(step, picture.captions.length - 1)] ?? "";
    sayIn(head, caption, sayHow ? picture.how : told);
    drawing.show(step, gently);
    tree.show();
    table.show(step);
  }

  return {
    box,
    offer,
    set,
    show,
    choose,
    get chosen() {
      return chosen;
    },
    get shown() {
      return picture;
    },
    // What is shown, for whoever saves it.
    get drawn() {
      return { picture, step, canvas: stage.querySelector(".canvas-box > svg.canvas"), figure: drawing?.figure };
    },
    frame: (of) => drawing?.choose?.(of),
    clear() {
      tree.clear();
      chips.clear();
      drawing?.close();
      picture = drawing = null;
      list = [];
      tabs.replaceChildren();
      stage.replaceChildren();
      legend.replaceChildren();
      table.clear();
      what.textContent = caption.textContent = how.textContent = "";
      box.hidden = false; // its place is kept, so that nothing moves when the pictures come
    },
  };
}
