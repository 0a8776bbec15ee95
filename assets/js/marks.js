// A picture made of marks as SVG of our own. It is built once; a step only shows, hides and
// changes classes, by the rule that visualizers/picture.py states.

const LINE = 21; // pixels of a line; a column is a character of the font, measured
const SIGN_CELLS = 2;

let measuredCell = 0;
const [SMALLEST, LARGEST] = [0.6, 3];
// Chosen by the person, for all pictures.
let scale = preferred("scale", (x) => typeof x === "number" && x >= SMALLEST && x <= LARGEST) ?? 1;

function cellWidth(host) {
  if (measuredCell) return measuredCell;
  const probe = svg("svg", "canvas");
  const text = svg("text");
  text.textContent = "0".repeat(100);
  probe.append(text);
  host.append(probe);
  const width = text.getComputedTextLength() / 100;
  probe.remove();
  if (width) measuredCell = width;
  return width || 8;
}

function classAt(mark, step) {
  if (step < (mark.born ?? 0) || (mark.dies != null && step >= mark.dies)) return null;
  let shown = mark.class;
  for (const [since, cls] of mark.changes ?? []) if (since <= step) shown = cls;
  return shown;
}

function makeCanvas(picture, tip, host, askOpens) {
  const box = el("div", "canvas-box");
  box.tabIndex = 0; // so that the keyboard can scroll it
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", picture.title);
  host.append(box);
  const cell = cellWidth(box);
  const size = (columns, lines) => [Math.ceil(columns * cell) + 16, Math.ceil(lines * LINE) + 8];
  let step = 0;
  let parts = []; // {mark, node, now, sign}: everything that has a life of its own
  const stubs = new Map(); // name -> what may be done with it
  const tips = new WeakMap();

  const drawing = surface(picture.size, box);
  for (const lane of picture.lanes ?? []) {
    const y = lane.y * LINE;
    const node = svg("g", "lane");
    node.append(svg("line", "", { x1: 0, x2: picture.size[0] * cell, y1: y - 0.8 * LINE, y2: y - 0.8 * LINE }));
    const name = svg("text", "", { x: 0, y: y + LINE / 2 });
    name.textContent = lane.label;
    node.append(name);
    drawing.append(node);
    parts.push({ mark: { ...lane, class: "lane" }, node });
  }
  // Lines lie under letters.
  const under = (mark) => (mark.shape === "text" || mark.shape === "stub" ? 1 : 0);
  for (const mark of [...(picture.marks ?? [])].sort((a, b) => under(a) - under(b))) {
    drawing.append(draw(mark, parts));
  }

  function surface([columns, lines], where) {
    const [width, height] = size(columns, lines);
    const drawn = svg("svg", "canvas", { viewBox: `-4 0 ${width} ${height}` });
    drawn.setAttribute("role", "group");
    resize(drawn);
    where.append(drawn);
    return drawn;
  }

  function resize(drawn) {
    drawn.setAttribute("width", drawn.viewBox.baseVal.width * scale);
    drawn.setAttribute("height", drawn.viewBox.baseVal.height * scale);
  }

  function draw(mark, into) {
    const [x, y] = [(mark.x ?? 0) * cell, (mark.y ?? 0) * LINE];
    const [w, h] = [(mark.width ?? 0) * cell, (mark.height ?? 0) * LINE];
    const node = svg("g", mark.shape, { "data-of": mark.of });
    if (mark.node != null) node.dataset.node = mark.node;
    const part = { mark, node };
    if (mark.tip) tips.set(node, mark.tip);
    if (mark.shape === "edge") {
      const turn = x + Math.min(cell, w) / 2; // between two pieces of one line is one cell
      node.append(svg("path", "", { d: h ? `M${x} ${y}H${turn}V${y + h}H${x + w}` : `M${x} ${y}H${x + w}` }));
    } else if (mark.shape === "bar") {
      node.append(svg("rect", "", { x, y, width: Math.max(w, 0.5), height: Math.max(h, 0) }));
    } else if (mark.shape === "rule") {
      node.append(svg("line", "", { x1: x + (w ? 0 : 4), y1: y, x2: x + (w || 4), y2: y + h }));
    } else {
      node.append(...letters(mark, x, y, w, part, into));
      if (mark.shape === "stub") makeStub(mark, node, x, y);
    }
    into.push(part);
    return node;
  }

  function letters(mark, x, y, w, part, into) {
    const found = [];
    const sign = mark.sign ? SIGN_CELLS * cell : 0;
    if (mark.shape === "stub") {
      found.push(svg("rect", "", { x: x - 3, y: y - 9, width: Math.max(w, 2 * cell) + 2, height: 18, rx: 9 }));
    }
    if (mark.sign) {
      part.sign = svg("text", "sign-of", { x, y });
      found.push(part.sign);
    }
    const text = svg("text", mark.small ? "small" : "", { x: x + sign, y });
    if (mark.align) text.setAttribute("text-anchor", mark.align);
    if (mark.text) text.textContent = mark.text;
    for (const span of mark.spans ?? []) {
      const piece = svg("tspan", "", { "data-of": span.of });
      piece.textContent = span.text;
      if (span.node != null) piece.dataset.node = span.node;
      if (span.tip) tips.set(piece, span.tip);
      text.append(piece);
      into.push({ mark: span, node: piece });
    }
    found.push(text);
    return found;
  }

  function makeStub(mark, node, x, y) {
    node.setAttribute("role", "button");
    node.setAttribute("tabindex", "0");
    node.setAttribute("aria-expanded", "false");
    node.setAttribute("aria-description", "tokens on branches that died; opens");
    let panel = null;
    let opened = null; // the marks that the panel shows
    let wanted = false; // asked for, and not there yet
    function close() {
      wanted = false;
      if (!panel) return;
      parts = parts.filter((part) => part.panel !== panel);
      panel.remove();
      panel = opened = null;
      node.setAttribute("aria-expanded", "false");
    }
    async function open() {
      wanted = true;
      const answer = await askOpens(mark.of);
      if (!answer?.opens || !box.isConnected || !wanted) return;
      close();
      unfold(answer.opens);
    }
    function unfold(opens) {
      opened = opens;
      panel = el("div", "panel");
      panel.style.left = `${x * scale}px`;
      panel.style.top = `${(y + 14) * scale}px`;
      const columns = Math.max(...opens.map((m) => (m.x ?? 0) + SIGN_CELLS + reach(m)));
      const inside = surface([columns, opens.length], panel);
      const mine = [];
      for (const inner of opens) inside.append(draw(inner, mine));
      for (const part of mine) part.panel = panel;
      parts.push(...mine);
      box.append(panel);
      node.setAttribute("aria-expanded", "true");
      mine.forEach(update);
    }
    const toggle = () => (panel ? close() : open());
    stubs.set(mark.of, {
      node,
      get held() {
        return (opened || wanted) && { text: mark.text, opens: opened };
      },
      // As it was in the drawing before this one; asked anew only where it has grown.
      reopen(held) {
        if (held.opens) unfold(held.opens);
        if (!held.opens || held.text !== mark.text) open();
      },
    });
    node.addEventListener("click", toggle);
    node.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle();
    });
  }

  function reach(mark) {
    return (mark.spans ?? []).reduce((sum, span) => sum + span.text.length, (mark.text ?? "").length);
  }

  function update(part) {
    const now = classAt(part.mark, step);
    if (now === part.now) return;
    if (now === null) part.node.style.display = "none";
    else {
      if (part.now == null) part.node.style.display = "";
      part.node.setAttribute("data-class", now);
      if (part.sign) part.sign.textContent = LOOKS[now]?.sign ?? "";
    }
    part.now = now;
  }

  // Whatever is in the middle of things at this step comes into sight.
  function follow(gently) {
    const at = picture.focus?.[Math.min(step, picture.focus.length - 1)];
    if (!at) return;
    const [x, y] = [at[0] * cell * scale, at[1] * LINE * scale];
    // What led to it reads from the left, so its place is at the right.
    const [left, top] = [box.scrollLeft, box.scrollTop];
    const across = x >= left + 0.35 * box.clientWidth && x <= left + box.clientWidth - 40;
    const down = y >= top + 24 && y <= top + 0.6 * box.clientHeight;
    if (across && down) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    box.scrollTo({
      left: x < box.clientWidth * 0.85 ? 0 : x - box.clientWidth * 0.8,
      top: y < box.clientHeight * 0.6 ? 0 : y - box.clientHeight * 0.4,
      behavior: gently && !calm ? "smooth" : "instant",
    });
  }

  function show(newStep, gently) {
    step = newStep;
    parts.forEach(update);
    follow(gently);
  }

  const tipped = (event) => {
    for (let at = event.target; at && at !== box; at = at.parentNode) if (tips.has(at)) return at;
    return null;
  };
  const tell = (event) => {
    const at = tipped(event);
    if (at) tip.show(at, tipsAt(tips.get(at), step));
    else tip.hide();
  };
  box.addEventListener("pointerover", tell);
  box.addEventListener("click", tell);
  box.addEventListener("pointerleave", tip.hide);
  function zoom(factor) {
    scale = Math.max(SMALLEST, Math.min(LARGEST, scale * factor));
    prefer("scale", scale);
    box.querySelectorAll("svg.canvas").forEach(resize);
    follow(false);
  }

  // What a person did in this drawing, for the one that takes its place: where it was scrolled to,
  // which stubs are open, what has the focus.
  function held() {
    const active = document.activeElement;
    const focused = [...stubs].find(([, stub]) => stub.node === active)?.[0];
    const open = [...stubs].filter(([, stub]) => stub.held).map(([of, stub]) => [of, stub.held]);
    return { scroll: [box.scrollLeft, box.scrollTop], open, focused, inside: box.contains(active) };
  }

  function restore(was) {
    for (const [of, stub] of was.open) stubs.get(of)?.reopen(stub);
    if (was.inside) (stubs.get(was.focused)?.node ?? box).focus({ preventScroll: true });
    [box.scrollLeft, box.scrollTop] = was.scroll;
  }

  return { box, show, zoom, held, restore, close() {} };
}

// One rule for each class of the visual language, from visualizers/style.py.
function lookRules() {
  return Object.entries(LOOKS).map(([name, look]) => {
    const ink = { ink: "var(--ink)", quiet: "var(--quiet)", coloured: "var(--c)" }[look.letters];
    const colour = look.colour === "#0072B2" ? "var(--blue)" : look.colour;
    const dash = { solid: "none; --w: 2px", dashed: "4 3; --w: 2px", thin: "none; --w: 1px" }[look.line];
    return `.trace-view [data-class="${name}"] { --c: ${colour}; --letters: ${ink}; ` +
      `--fill: ${look.filled ? "var(--c)" : "transparent"}; --struck: ${look.struck ? "line-through" : "none"}; ` +
      `--dash: ${dash}; }`;
  }).join("\n");
}
