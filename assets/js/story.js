// The life of one token, told beside its tree: what became of it and why, and who won instead.

function makeStory({ onNode, onFocus, onStep, onClose }) {
  const box = el("section", "story");
  box.setAttribute("aria-label", "What became of a token");
  box.hidden = true;
  const head = el("h3", "story-token");
  const ending = el("p", "ending");
  const why = el("p", "why");
  why.setAttribute("aria-live", "polite");
  const focus = el("button", "plain", "Focus here");
  focus.type = "button";
  const close = el("button", "plain", "Close");
  close.type = "button";
  const buttons = el("div", "story-buttons");
  buttons.append(focus, close);
  const rest = el("div");
  box.append(head, why, ending, buttons, rest);
  let shown = null;

  function show(story, canFocus) {
    shown = story;
    head.replaceChildren(signOf(story.class), story.token);
    head.dataset.class = story.class;
    ending.textContent = story.ending;
    if (why.textContent !== story.sentence) why.textContent = story.sentence;
    focus.hidden = !canFocus;
    rest.replaceChildren(
      tipRows(story.facts),
      titled("What happened", events(story.events)),
      titled("It went on in its place", nodes(story.instead, story.more_instead)),
      titled("Beside it", nodes(story.beside, story.more_beside)),
      titled("Before it", nodes(story.before)),
      titled("Behind it", nodes(story.behind)),
    );
    box.hidden = false;
  }

  function signOf(cls) {
    const sign = el("span", "sign-of", LOOKS[cls]?.sign ?? "");
    sign.setAttribute("aria-hidden", "true");
    return sign;
  }

  function titled(title, list) {
    const part = el("div");
    if (list.childElementCount) part.append(el("h4", "", title), list);
    return part;
  }

  function events(all) {
    const list = el("ol", "events");
    for (const event of all) {
      const item = el("li");
      item.dataset.class = event.class;
      const go = el("button", "", event.sentence);
      go.type = "button";
      go.addEventListener("click", () => onStep(event.step));
      item.append(signOf(event.class), go);
      list.append(item);
    }
    return list;
  }

  function nodes(all, more) {
    const list = el("ul", "others");
    for (const other of all) {
      const item = el("li");
      item.dataset.class = other.class;
      const go = el("button", "", other.text);
      go.type = "button";
      go.addEventListener("click", () => onNode(other.node));
      item.append(signOf(other.class), go, el("span", "number", other.p));
      list.append(item);
    }
    if (more) list.append(el("li", "more", `and ${more} more`));
    return list;
  }

  function hide() {
    box.hidden = true;
    shown = null;
  }

  focus.addEventListener("click", () => shown && onFocus(shown.node));
  close.addEventListener("click", onClose);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onClose();
  });
  return { box, show, hide };
}
