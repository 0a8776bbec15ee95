// Pictures, tables and the trace as files. A drawing leaves as it is at its step, in the light look,
// with a headline and its legend, and needs nothing but itself.

const PNG_SCALE = 2;
const MOST_PIXELS = 16000; // across or down: what browsers draw at most
const MARGIN = 16;
const LETTERS = ["fill", "font-size", "font-weight", "font-style", "text-decoration-line",
  "dominant-baseline", "text-anchor", "white-space", "unicode-bidi"];
const LINES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin"];
const PAINT = { text: LETTERS, tspan: LETTERS, path: LINES, line: LINES, rect: LINES };

// `now()` tells what is shown: {run, picture, step, canvas, figure}. Where `whose` are several runs,
// each has its trace by itself, and nothing offers it here.
function makeExports(now, ask, whose = "run") {
  const box = el("span", "exports");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Save as a file");
  const said = el("span", "export-said");
  said.setAttribute("role", "status");
  for (const [name, words, act] of [["PNG", "the picture as PNG", png], ["SVG", "the picture as SVG", saveSvg],
    ["CSV", `its table of the whole ${whose} as CSV`, () => csv(now().picture.id)],
    ...(whose === "run" ? [["JSON", "the trace of the whole run as JSON", trace]] : [])]) {
    const button = el("button", "plain", name);
    button.type = "button";
    button.title = `Save ${words}`;
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", () => attempt(act));
    box.append(button);
  }
  box.append(said);

  async function attempt(act) {
    said.textContent = "";
    try {
      await act();
    } catch (error) {
      said.textContent = error.message || "This could not be saved.";
    }
  }

  const named = (...parts) => ["run", now().run, ...parts].join("-").replace(/[^\w-]+/g, "-");
  const ofStep = () => named(now().picture.id, `step-${now().step + 1}`);

  async function saveSvg() {
    const { text } = await drawn();
    hand(new Blob([text], { type: "image/svg+xml" }), `${ofStep()}.svg`);
  }

  async function png() {
    const { text, width, height } = await drawn();
    const scale = Math.min(PNG_SCALE, MOST_PIXELS / width, MOST_PIXELS / height);
    const image = new Image();
    const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    try {
      image.src = address;
      await image.decode();
      const canvas = el("canvas");
      canvas.width = Math.ceil(width * scale);
      canvas.height = Math.ceil(height * scale);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
      if (!blob) throw new Error("The picture is too large for a PNG; as SVG it can be saved.");
      hand(blob, `${ofStep()}.png`);
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  const drawn = () => (now().figure ? plotted(now()) : drawnMarks(now()));

  async function csv(picture) {
    const text = await asked({ want: "csv", picture });
    hand(new Blob([text], { type: "text/csv;charset=utf-8" }), `${named(picture)}.csv`);
  }

  async function trace() {
    hand(new Blob([await asked({ want: "trace" })], { type: "application/json" }), `${named()}.json`);
  }

  async function asked(question) {
    const answer = await ask(question, "export");
    if (answer?.text == null) throw new Error(answer?.error ?? "It was asked for again meanwhile.");
    return answer.text;
  }

  return { box, csv: (picture) => attempt(() => csv(picture)) };
}

function hand(blob, name) {
  const link = el("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function headline({ picture, step, run }) {
  return `${picture.title}, step ${step + 1} of ${picture.captions.length}, run ${run}`;
}

// A drawing of marks. It is measured outside of the page's body, where the look is always light.
function drawnMarks(at) {
  const host = el("div", "trace-view export-host");
  document.documentElement.append(host);
  try {
    const copy = at.canvas.cloneNode(true);
    copy.querySelectorAll('[style*="display: none"]').forEach((hidden) => hidden.remove());
    const whole = svg("svg", "canvas");
    host.append(whole);
    const head = [line(headline(at), "head-line"), line(at.picture.what, "")];
    head.forEach((text, i) => place(text, 0, 10 + 22 * i));
    const body = svg("g");
    body.append(...copy.childNodes);
    whole.append(...head, body);
    const part = body.getBBox(); // at an early step most of the place is empty
    body.setAttribute("transform", `translate(${-part.x} ${56 - part.y})`);
    const widest = Math.max(part.width, ...head.map((text) => text.getComputedTextLength()));
    const [legend, legendHigh] = legendOf(at.picture.legend ?? [], widest, whole);
    legend.setAttribute("transform", `translate(0 ${part.height + 80})`);
    const [width, height] = [Math.ceil(widest) + 2 * MARGIN, Math.ceil(part.height) + 80 + legendHigh + 2 * MARGIN];
    whole.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${width} ${height}`);
    whole.setAttribute("width", width);
    whole.setAttribute("height", height);
    inline(whole);
    whole.prepend(svg("rect", "", { x: -MARGIN, y: -MARGIN, width, height, fill: "#ffffff" }));
    return { text: written(whole, at), width, height };
  } finally {
    host.remove();
  }
}

function line(words, cls) {
  const text = svg("text", cls);
  text.textContent = words;
  return text;
}

function place(node, x, y) {
  node.setAttribute("x", x);
  node.setAttribute("y", y);
}

function legendOf(entries, widest, host) {
  const legend = svg("g", "drawn-legend");
  host.append(legend);
  let [x, y] = [0, 0];
  for (const [cls, words] of entries) {
    const entry = svg("g", "", { "data-class": cls });
    const [sign, text] = [line(LOOKS[cls]?.sign || "—", "sign-of"), line(words, "")];
    entry.append(sign, text);
    legend.append(entry);
    const length = 20 + text.getComputedTextLength() + 24;
    if (x && x + length > widest) [x, y] = [0, y + 20];
    place(sign, x, y);
    place(text, x + 20, y);
    x += length;
  }
  return [legend, y + 10];
}

// What the style sheets say, written on each element; what only the page needs goes.
function inline(whole) {
  const all = [whole, ...whole.querySelectorAll("*")];
  const family = getComputedStyle(whole).fontFamily;
  // All is read before anything is changed: what a thing looks like depends on what it is in.
  const styles = all.map((node) => {
    const look = getComputedStyle(node);
    return (PAINT[node.tagName] ?? []).map((name) => `${name}: ${look.getPropertyValue(name)}`).join("; ");
  });
  for (const [i, node] of all.entries()) {
    for (const { name } of [...node.attributes]) {
      if (/^(class|style|role|tabindex|data-|aria-)/.test(name)) node.removeAttribute(name);
    }
    if (styles[i]) node.setAttribute("style", styles[i]);
  }
  whole.setAttribute("style", `font-family: ${family}; color: #1a1d24`);
}

function written(whole, at) {
  const [title, about] = [svg("title"), svg("desc")];
  title.textContent = headline(at);
  about.textContent = `${at.picture.what} ${at.picture.how} ${at.picture.captions[at.step] ?? ""}`;
  whole.prepend(title, about);
  whole.setAttribute("xmlns", SVG);
  whole.setAttribute("role", "img");
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(whole)}`;
}

// A figure of Plotly's, drawn anew in the light look.
async function plotted(at) {
  const plotly = await loadPlotly();
  const [width, height] = [960, 600];
  const { data, layout } = structuredClone(at.figure());
  const words = headline(at).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const look = {
    ...layout, width, height, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff",
    title: { text: words, x: 0.02, xanchor: "left", font: { size: 15 } },
    margin: { ...layout.margin, t: 90 },
    font: { ...layout.font, color: "#1a1d24", family: getComputedStyle(document.body).fontFamily },
  };
  const address = await plotly.toImage({ data, layout: look }, { format: "svg", width, height });
  const drawn = new DOMParser().parseFromString(decodeURIComponent(address.slice(address.indexOf(",") + 1)), "image/svg+xml");
  return { text: written(drawn.documentElement, at), width, height };
}
