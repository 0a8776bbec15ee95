// The text as tokens that can be pointed at, walked with the arrow keys, and pressed.
//
// `show(tokens)` keeps what is there already and changes only the end, so that streaming a token
// and stepping back and forth are one and the same thing.

const BROKEN_AT_WILL = /[\u2e80-\u9fff\uac00-\ud7af\u3040-\u30ff]/; // scripts without spaces
const LONG = 26; // characters of a word that may be broken anywhere

function makeText(tip, onPress) {
  const box = el("div", "run-text");
  const line = el("p");
  line.dir = "auto";
  box.append(line);
  let shown = []; // {token, button, word, extras}: what stands behind and before the button
  let colouring = COLOURINGS.probability;
  let focus = null; // the button that the tab key reaches
  let atEnd = true; // then the end stays in sight; asked when somebody scrolls, as asking costs a layout
  const known = new WeakMap(); // button -> its token

  function append(token) {
    const button = el("button", token.prompt ? "token prompt" : "token");
    button.type = "button";
    button.tabIndex = -1;
    const item = { token, button, extras: [] };
    const before = shown.at(-1);
    // Tokens of one word stay together on a line; the space before a word stands outside.
    const space = /^ \S/.test(token.text) ? " " : "";
    button.textContent = token.text.slice(space.length);
    const joins = before && !space && !/[\s↵]$/.test(before.token.text) &&
      !token.text.startsWith(" ") && !BROKEN_AT_WILL.test(token.text);
    item.word = joins ? before.word : el("span", "word");
    if (!joins) {
      if (space) item.extras.push(document.createTextNode(space));
      line.append(...item.extras, item.word);
    }
    item.word.append(button);
    if (item.word.textContent.length > LONG) item.word.classList.add("long");
    const ends = (token.text.match(/↵/g) ?? []).length;
    for (let i = 0; i < ends; i++) {
      const end = i ? el("span", "gap") : el("br"); // an empty line need not be a whole one
      item.extras.push(end);
      line.append(end);
    }
    known.set(button, token);
    shown.push(item);
    dress(item);
  }

  function remove() {
    const { button, word, extras } = shown.pop();
    if (button === focus) focus = null;
    if (button.hasAttribute("aria-describedby")) tip.hide();
    button.remove();
    for (const extra of extras) extra.remove();
    if (!word.childElementCount) word.remove();
  }

  function dress({ token, button }) {
    button.dataset.class = token.class ?? "prompt";
    button.classList.toggle("fresh", !!token.fresh);
    button.toggleAttribute("data-parts", !!token.parts);
    const share = colouring.share?.(token);
    button.classList.toggle("measured", share != null);
    if (share != null) {
      button.style.setProperty("--share", share);
      button.style.setProperty("--tint", cividis(share).colour);
    }
    if (colouring === COLOURINGS.proposer && !token.prompt) button.dataset.by = proposer(token.by);
    else delete button.dataset.by;
  }

  // Those who are no target and no person share one look: they guess.
  const proposer = (by) => (by === "target" || by === "person" ? by : "guess");

  function show(tokens) {
    const had = shown.length;
    let same = 0;
    while (same < shown.length && same < tokens.length &&
      shown[same].token.key === tokens[same].key) same++;
    const focused = focus === document.activeElement;
    while (shown.length > same) remove();
    for (let i = 0; i < same; i++) {
      const item = shown[i];
      if (item.token === tokens[i]) continue;
      item.token = tokens[i];
      known.set(item.button, tokens[i]);
      dress(item);
    }
    for (const token of tokens.slice(same)) append(token);
    if (!focus && shown.length) setFocus(shown.at(-1).button, focused);
    if (atEnd && shown.length !== had) box.scrollTop = box.scrollHeight;
  }

  function setFocus(button, now) {
    if (focus) focus.tabIndex = -1;
    focus = button;
    focus.tabIndex = 0;
    if (now) focus.focus();
  }

  function colour(name) {
    colouring = COLOURINGS[name];
    box.dataset.colour = name;
    shown.forEach(dress);
  }

  box.addEventListener("scroll", () => {
    atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 40;
  }, { passive: true });
  const at = (event) => event.target.closest?.("button.token");
  box.addEventListener("pointerover", (event) => {
    if (at(event) && event.pointerType !== "touch") tip.show(at(event), tokenTip(known.get(at(event))));
  });
  box.addEventListener("pointerleave", tip.hide);
  box.addEventListener("focusin", (event) => {
    if (!at(event)) return;
    setFocus(at(event), false);
    tip.show(at(event), tokenTip(known.get(at(event))));
  });
  box.addEventListener("focusout", tip.hide);
  box.addEventListener("click", (event) => {
    if (!at(event)) return;
    tip.show(at(event), tokenTip(known.get(at(event))));
    if (known.get(at(event)).prompt) return;
    tip.hide();
    onPress(known.get(at(event)), at(event));
  });
  box.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!move || !at(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the same keys step through the run elsewhere
    const here = shown.findIndex((item) => item.button === at(event));
    const there = Math.max(0, Math.min(shown.length - 1, here + move));
    setFocus(shown[there].button, true);
  });
  colour("probability");
  return { box, show, colour };
}
