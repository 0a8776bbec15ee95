// What a person can do in a picture of the token tree: find a word, ask what became of a token, see
// a part of the tree alone, hide what was improbable. A picture has this if its marks stand for
// tokens and are joined by lines; a part of it can be seen if it says which part it shows
// (data.sight, see visualizers/sight.py).

const SHARES = [0, 0.5, 0.1, 0.01, 0.001, 1e-6];
const MOST_CRUMBS = 3;

function makeTree({ ask, go, redraw, tip }) {
  const box = el("div", "tree-tools");
  const find = makeFind((text) => ask({ want: "find", text }, "find"), (hit) => choose(hit.node, hit.step));
  const hiding = el("label", "hiding", "hide what is less probable than ");
  const share = el("select");
  for (const value of SHARES) {
    const option = el("option", "", value ? `${value >= 0.001 ? value : "a millionth"} × the text` : "nothing");
    option.value = value;
    share.append(option);
  }
  hiding.append(share);
  const trail = el("nav", "trail");
  trail.setAttribute("aria-label", "Where in the tree");
  box.append(find.box, hiding, trail);
  const story = makeStory({ onNode: (node) => choose(node), onFocus: focusOn, onStep: go, onClose: leave });
  let sight = { focus: 0, below: 0, node: 0 };
  let path = []; // the nodes of the way to sight.node
  let picture = null;
  let stage = null;
  let unseen = false; // the chosen token has not been brought into sight yet
  let from = null; // what had the focus before the story

  const drawing = () => stage?.querySelector(".canvas-box > svg.canvas");
  const shown = (node) => node.checkVisibility();
  const drawn = (id) => drawing()?.querySelector(`[data-of^="node "][data-node="${id}"]`);

  // A token was chosen: here, in the list of hits, or in the table.
  async function choose(node, step) {
    if (!story.box.contains(document.activeElement)) from = document.activeElement;
    tip.hide();
    const answer = await ask({ want: "story", node }, "story");
    if (!answer?.story) return;
    sight.node = node;
    path = picture?.data?.places ? answer.story.way : answer.story.path; // of places a whole text
    unseen = true;
    story.show(answer.story, !!picture?.data?.sight);
    if (step != null) go(step);
    else if (drawn(node) && !shown(drawn(node))) go(answer.story.step);
    if (!drawn(node) && picture?.data?.sight) await redraw();
    else dress();
  }

  function leave() {
    sight.node = 0;
    path = [];
    story.hide();
    dress();
    if (from?.isConnected) from.focus({ preventScroll: true });
  }

  function focusOn(node) {
    sight.focus = node;
    if (!path.includes(node)) sight.node = 0;
    unseen = true;
    redraw();
  }

  share.addEventListener("change", () => {
    sight.below = Number(share.value);
    redraw();
  });

  // A picture came, or came anew.
  function set(given, where) {
    picture = given;
    stage = where;
    const nodes = (given.marks ?? []).some((m) => m.node != null || m.spans?.some((s) => s.node != null));
    box.hidden = !(nodes && given.marks.some((m) => m.shape === "edge"));
    if (box.hidden) story.hide();
    const seen = given.data?.sight;
    hiding.hidden = trail.hidden = !seen;
    if (seen) {
      sight.focus = seen.focus; // given up where the chosen token lies elsewhere
      showTrail(seen);
    }
    rove();
    dress();
  }

  function showTrail(seen) {
    const crumbs = seen.trail.slice(-MOST_CRUMBS);
    const parts = [crumb("whole tree", 0, !seen.focus)];
    if (crumbs.length < seen.trail.length) parts.push(el("span", "", "…"));
    for (const [i, { node, text }] of crumbs.entries()) {
      parts.push(crumb(text.trim() || "␣", node, i === crumbs.length - 1));
    }
    trail.replaceChildren(...parts);
  }

  function crumb(text, node, here) {
    const made = el("button", "crumb", text);
    made.type = "button";
    if (here) made.setAttribute("aria-current", "location");
    made.addEventListener("click", () => !here && focusOn(node));
    return made;
  }

  // The chosen token has a ring, the way to it a line.
  function dress() {
    const canvas = drawing();
    if (!canvas) return;
    canvas.querySelectorAll(".ring").forEach((ring) => ring.remove());
    canvas.querySelectorAll(".on-way").forEach((piece) => piece.classList.remove("on-way"));
    for (const node of path) drawn(node)?.classList.add("on-way");
    const chosen = sight.node && drawn(sight.node);
    if (!chosen || !shown(chosen)) return;
    const [text, at] = chosen.tagName === "tspan" ? [chosen.parentNode, chosen]
      : [chosen.querySelector("text:last-of-type"), null];
    const { x, y, width, height } = extent(text, at ?? text);
    text.before(svg("rect", "ring", { x: x - 2, y: y - 1, width: width + 4, height: height + 2, rx: 3 }));
    if (!unseen) return;
    unseen = false;
    bring(chosen);
  }

  function extent(text, piece) {
    const { y, height } = text.getBBox();
    if (!piece.getNumberOfChars()) return { x: text.getBBox().x, y, width: 4, height };
    const x = piece.getStartPositionOfChar(0).x;
    return { x, y, width: piece.getComputedTextLength(), height };
  }

  function bring(node) {
    const scroller = node.closest(".canvas-box");
    const [a, b] = [node.getBoundingClientRect(), scroller.getBoundingClientRect()];
    scroller.scrollTo({
      left: scroller.scrollLeft + (a.left + a.right) / 2 - b.left - 0.6 * b.width,
      top: scroller.scrollTop + a.top - b.top - 0.4 * b.height,
      behavior: "instant",
    });
  }

  // Keys: one piece of text or stub can be reached with the tab key, the others with up and down.
  const pieces = () => [...(drawing()?.querySelectorAll("g.text[data-node], g.stub") ?? [])];

  function rove() {
    const all = box.hidden ? [] : pieces();
    for (const piece of all) {
      piece.setAttribute("role", "button");
      if (piece !== document.activeElement) piece.setAttribute("tabindex", "-1");
    }
    if (!all.includes(document.activeElement)) all[0]?.setAttribute("tabindex", "0");
  }

  function walk(event) {
    const here = event.target.closest?.("g.text[data-node], g.stub");
    if (box.hidden || !here || here.closest(".panel")) return;
    if ((event.key === "Enter" || event.key === " ") && here.classList.contains("text")) {
      event.preventDefault();
      choose(lastOf(here));
    }
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const where = (piece) => {
      const { top, left } = piece.getBoundingClientRect();
      return [Math.round(top), left];
    };
    const all = pieces().filter(shown).map((piece) => [piece, where(piece)])
      .sort(([, a], [, b]) => a[0] - b[0] || a[1] - b[1]).map(([piece]) => piece);
    const next = all[all.indexOf(here) + move];
    if (!next) return;
    here.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // What became of a run of tokens is what became of its last one.
  function lastOf(piece) {
    const spans = [...piece.querySelectorAll('tspan[data-of^="node "]')].filter(shown);
    return Number((spans.at(-1) ?? piece).dataset.node);
  }

  function press(event) {
    if (box.hidden) return;
    const at = event.target.closest?.("[data-node]");
    if (!at || !at.closest(".canvas-box")) return;
    const node = at.tagName === "tspan" ? Number(at.dataset.node) : lastOf(at);
    if (node > 0) choose(node);
  }

  return {
    tools: box,
    story: story.box,
    set,
    choose,
    show: dress,
    // What of the tree is wanted, as part of a question.
    question: () => ({ ...sight }),
    listen(where) {
      where.addEventListener("click", press);
      where.addEventListener("keydown", walk);
    },
    clear() {
      sight = { focus: 0, below: 0, node: 0 };
      path = [];
      picture = stage = from = null;
      share.value = 0;
      find.clear();
      story.hide();
      trail.replaceChildren();
      box.hidden = true;
    },
  };
}
