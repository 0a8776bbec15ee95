// The view of a run. What it gets and asks for is written in explorer/ui/trace_view.py.
//
// While a run streams, its tokens come in chunks and the text is what they add up to. Everything
// else, and the text at an earlier step, comes with the overview, which is fetched: at once for a
// kept run, at most once a second for one that goes on.

const REFRESH_MS = 1000;

const root = element.querySelector(".trace-view");

const tip = makeTooltip(root);
const state = el("p", "state");
state.setAttribute("role", "status");
const text = makeText(tip, (token, button) => actions.open(token, button));
const actions = makeActions((wish) => {
  if (wish.act === "anew") document.dispatchEvent(new CustomEvent("drawing")); // of the form
  trigger("select", { run: at.run, ...wish });
});
const steps = makeSteps(onStep);
const sentence = el("p", "sentence");
sentence.setAttribute("aria-live", "polite");
const tree = makeTree({ ask, go, tip, redraw: () => fetchPicture(pictures.chosen) });
const files = makeExports(() => ({ run: at.run, ...pictures.drawn }), ask);
const chips = makeChips(
  (of, chain) => ask({ want: "preview", of, chain }, "preview"),
  (node, chain, param) => trigger("select", { act: "branch", run: at.run, node, chain, param }),
  () => trigger("select", { act: "continue", run: at.run, node: 0 }), // from the prompt on
);
const pictures = makePictures(tip, fetchPicture, askTable,
  (picture, of) => ask({ want: "opens", picture, of, ...tree.question() }, "opens " + of), tree, chips, files);
const tokenTable = makeTable(() => askTable("ribbon"), tree.choose, () => files.csv("ribbon"));
const totals = makeTotals();
const empty = el("div", "empty");
empty.append(
  el("p", "empty-title", "Nothing has been run yet."),
  el("p", "", "The text will grow here, token by token. Under it: a control to step back and " +
    "forth, and pictures of every choice the method made, with what it looked at and dropped."),
);
const controls = colourControl();
const body = el("div", "body");
controls.append(tokenTable.toggle);
body.append(text.box, actions.box, controls, tokenTable.box, sentence, steps.box, pictures.box, totals.box);
body.hidden = true;
root.append(state, empty, body);

const fresh = () => ({ run: null, seq: -1, tokens: [], prompt: [], overview: null, live: false,
  following: true, step: 0, last: 0, end: null });
let at = fresh();
let pass = {};

function colourControl() {
  const box = el("div", "colouring");
  const label = el("label", "", "colour by ");
  const select = el("select");
  for (const [name, { words }] of Object.entries(COLOURINGS)) {
    const option = el("option", "", words);
    option.value = name;
    select.append(option);
  }
  select.value = preferred("colouring", (name) => Object.hasOwn(COLOURINGS, name)) ?? "probability";
  label.append(select);
  const scale = el("span", "scale");
  const key = el("span", "who");
  for (const [by, words] of [["target", "target"], ["guess", "draft or table"], ["person", "person"]]) {
    const entry = el("span", "token", words);
    entry.dataset.by = by;
    key.append(entry);
  }
  function show() {
    const chosen = COLOURINGS[select.value];
    text.colour(select.value);
    scale.replaceChildren();
    if (chosen.ends) scale.append(chosen.ends[0], el("span", "ramp"), chosen.ends[1]);
    key.hidden = select.value !== "proposer";
  }
  select.addEventListener("change", () => {
    prefer("colouring", select.value);
    show();
  });
  box.append(label, scale, key);
  show();
  return box;
}

// What comes from Python ----------------------------------------------------------------------------

function onValue() {
  const value = props.value;
  if (!value) return showEmpty();
  if (value.pass) pass = { ...value.pass };
  if (value.error) return say("failed", value.error);
  if (value.refused) {
    document.dispatchEvent(new CustomEvent("refused"));
    return void (value.run === at.run && actions.refuse(value.refused));
  }
  if (value.load) return load(value);
  if (value.tokens) return grow(value);
}

function showEmpty() {
  forget();
  at = fresh();
  steps.pause();
  body.hidden = true;
  empty.hidden = false;
  say("", "");
}

function begin(run) {
  forget();
  actions.close();
  at = { ...fresh(), run };
  root.dataset.run = run;
  steps.pause();
  tip.hide();
  pictures.clear();
  totals.clear();
  empty.hidden = true;
  body.hidden = false;
  sentence.textContent = "";
}

// The room that a stream takes is made when it is asked for: then nothing jumps once it comes.
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#go")) body.classList.add("steady");
});

function load(value) {
  begin(value.run);
  chips.live = at.live = !!value.live;
  body.classList.toggle("steady", at.live);
  say("loading", "Reading the run …");
  steps.set(0, 0);
  text.show([]);
  at.following = value.step == null;
  at.step = value.step ?? 0;
  fetchOverview();
}

// A chunk. The tokens that are told anew replace those behind `at`.
function grow(chunk) {
  if (chunk.run !== at.run) {
    begin(chunk.run);
    text.show([]);
  } else if (chunk.seq === at.seq) return;
  const lost = chunk.at > at.tokens.length; // then the next overview fills the gap
  at.seq = chunk.seq;
  chips.live = at.live = !chunk.done;
  body.classList.add("steady"); // also at the end: nothing should jump then
  sentence.setAttribute("aria-live", at.live ? "off" : "polite");
  if (chunk.prompt) at.prompt = chunk.prompt.map(promptToken);
  if (!lost) {
    at.tokens.length = chunk.at;
    for (const token of chunk.tokens) at.tokens.push(keyed(token, token.class));
  }
  at.last = Math.max(at.last, chunk.status.step);
  if (at.following) at.step = at.last;
  steps.set(at.last, at.step);
  showStatus(chunk.status);
  if (chunk.done) at.end = { state: chunk.status.state, sentence: chunk.status.sentence };
  if (at.following) later(showLiveText);
  if (chunk.done) fetchOverview();
  else refreshSoon();
}

// However many chunks come between two frames, the text is laid out once.
let coming = 0;
function later(act) {
  cancelAnimationFrame(coming);
  coming = requestAnimationFrame(act);
}

function showLiveText() {
  if (at.following) text.show([...at.prompt, ...at.tokens]);
}

// What is fetched -----------------------------------------------------------------------------------

function askTable(picture) {
  return ask({ want: "table", picture }, picture === "ribbon" ? "table of the text" : "table");
}

function ask(question, kind) {
  return askServer({ ...pass, run: at.run, ...question }, kind);
}

async function fetchOverview() {
  const began = performance.now();
  const question = { want: "overview" };
  if (pictures.chosen) Object.assign(question, { picture: pictures.chosen }, tree.question());
  // It brings the picture along. One that is asked for from now on is newer, and comes by itself.
  const brought = claim("picture");
  const answer = await ask(question, "overview");
  if (!answer || answer.run !== undefined && answer.run !== at.run) return;
  if (answer.error) return say("failed", answer.error);
  at.overview = answer;
  actions.learn(answer.tokens);
  at.prompt = answer.prompt.map(promptToken);
  at.last = Math.max(at.live ? at.last : 0, answer.last);
  if (at.following) at.step = at.last;
  at.step = Math.min(at.step, at.last);
  steps.set(at.last, at.step);
  // How a streamed run ended was told with its last chunk.
  if (!at.live) showStatus({ ...answer.status, ...at.end });
  const chosen = pictures.offer(answer.pictures);
  if (!(at.live && at.following)) text.show(textAt(at.step));
  else describe();
  caption();
  tokenTable.show(at.step);
  tokenTable.renew(true);
  if (asked.picture === brought) {
    if (answer.picture?.id === chosen) showPicture(answer.picture);
    else if (chosen) await fetchPicture(chosen);
  }
  restMs = Math.max(REFRESH_MS, 4 * (performance.now() - began));
  preparePlotly();
}

async function fetchPicture(id) {
  const answer = await ask({ want: "picture", picture: id, ...tree.question() }, "picture");
  if (!answer) return;
  if (answer.error) return say("failed", answer.error);
  showPicture(answer.picture);
}

function showPicture(picture) {
  // What the sentence above says already is not said again.
  const told = at.overview.captions;
  const same = picture.captions.every((caption, step) => caption === told[step]);
  pictures.set(picture, at.step, same);
}

// While a run goes on: not more often than once a second, and never so often that server and browser
// would be drawing most of the time.
let restMs = REFRESH_MS;
let timer = null;
function refreshSoon() {
  timer ??= setTimeout(async () => {
    if (at.live) await fetchOverview();
    timer = null;
  }, restMs);
}

// What is shown -------------------------------------------------------------------------------------

// What stands before the tree: the prompt, and behind it what a branch began with.
function promptToken(token, i, all) {
  const typed = all.findIndex((other) => other.class !== "prompt");
  const begun = typed >= 0 && i >= typed ? i - typed : null;
  return { ...token, key: `prompt ${i} ${token.token}`, prompt: begun == null, begun };
}

function keyed(token, cls, isFresh) {
  return { ...token, key: `node ${token.node}`, class: cls, fresh: isFresh };
}

// The text at a step: the tokens with an interval that holds it, in the order of their places.
function textAt(step) {
  const found = [];
  for (const token of at.overview.tokens) {
    const here = token.shows.find(([from, until]) => from <= step && (until == null || step < until));
    if (here) found.push(keyed(token, here[2], here[0] === step && step > 0 && step < at.last));
  }
  found.sort((a, b) => a.place - b.place);
  return [...at.prompt, ...found];
}

// The streamed tokens learn what the overview knows of them; lost ones come from there.
function describe() {
  const known = new Map(at.overview.tokens.map((token) => [token.node, token]));
  const told = textAt(at.overview.last).slice(at.prompt.length);
  if (told.length > at.tokens.length) at.tokens = told;
  at.tokens = at.tokens.map((token) => ({ ...known.get(token.node), ...token }));
  later(showLiveText);
}

function onStep(step) {
  at.step = step;
  at.following = at.live && step === at.last;
  tip.hide();
  if (!at.overview) return;
  cancelAnimationFrame(coming);
  if (at.following) showLiveText();
  else text.show(textAt(step));
  caption();
  tokenTable.show(step);
  pictures.show(step, true);
}

// Something in the view leads to a step.
function go(step) {
  steps.pause();
  steps.set(at.last, Math.min(step, at.last));
  onStep(Math.min(step, at.last));
}

function caption() {
  const captions = at.overview.captions;
  sayIn(sentence, sentence, captions[Math.min(at.step, captions.length - 1)] ?? "");
}

const SIGNS = { failed: "✗", stopped: "■", running: "●", waiting: "…", done: "✓", loading: "…" };

function showStatus(status) {
  totals.show(status);
  const words = {
    waiting: status.position > 0 ? `Waiting: ${plural(status.position, "run")} before yours.`
      : "Waiting for the model …",
    running: "Running",
    done: status.reason ? `Done: ${status.reason}.` : "Done.",
    stopped: "Stopped.",
    failed: "The run broke off.",
  }[status.state];
  say(status.state, status.sentence || words || "");
}

function say(kind, words) {
  const said = SIGNS[kind] ? `${SIGNS[kind]} ${words}` : words;
  if (state.textContent !== said) state.textContent = said;
  state.dataset.state = kind;
}

document.addEventListener("keydown", (event) => {
  if (!root.isConnected || body.hidden || !root.checkVisibility?.()) return;
  steps.key(event, (node) => root.contains(node));
});
watch("value", onValue);
onValue();
