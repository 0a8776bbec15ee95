// What may be done with a token of the text: another one there, go on from it, or what if. A panel
// below the text, with all that is known about the token; every wish goes to Python, which checks it.

function makeActions(wish) {
  const box = el("section", "token-panel");
  box.tabIndex = -1;
  box.hidden = true;
  let token = null;
  let from = null; // the token's button, to which the focus returns
  let problem = null;
  let told = null;

  function place() {
    return token.begun != null ? { begun: token.begun } : { node: token.node };
  }

  function act(name, more) {
    problem.hidden = true;
    box.setAttribute("aria-busy", "true");
    wish({ act: name, ...place(), ...more });
    if (name === "anew") close(); // the form goes on with it
  }

  function action(words, name, more, label) {
    const button = el("button", "action", words);
    button.type = "button";
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", () => act(name, more));
    return button;
  }

  function close() {
    if (box.hidden) return;
    const focused = box.contains(document.activeElement);
    box.hidden = true;
    token = null;
    if (focused && from?.isConnected) from.focus();
  }

  function open(pressed, button) {
    token = pressed;
    from = button;
    const name = token.alone ?? spaced(token.text);
    box.setAttribute("aria-label", `Token ${name}`);
    box.removeAttribute("aria-busy");
    const head = el("div", "panel-head");
    const shut = el("button", "action", "Close");
    shut.type = "button";
    shut.addEventListener("click", close);
    head.append(el("h3", "tip-token", name), shut);
    problem = el("p", "panel-problem");
    problem.setAttribute("role", "alert");
    problem.hidden = true;
    const ways = el("div", "ways");
    ways.append(
      typed(name),
      action("Continue from here", "continue", {}, `Continue from here: behind ${name}, with the same method`),
      action("What if …", "anew", {}, `What if … ${name} is chosen anew, with another method or setting`),
    );
    told = el("div", "told");
    tell();
    box.replaceChildren(head, ways, problem, told);
    box.hidden = false;
    box.scrollIntoView({ block: "nearest" });
    box.focus({ preventScroll: true });
  }

  function tell() {
    told.replaceChildren(others(token.alternatives), tokenFacts(token));
  }

  // A token that was pressed as it streamed by: what the overview knows of it comes behind.
  function learn(tokens) {
    if (box.hidden || token.alternatives || token.node == null) return;
    const known = tokens.find((other) => other.node === token.node);
    if (!known) return;
    token = { ...known, ...token };
    tell();
  }

  // What else the law had there, each with a button that takes it.
  function others(all) {
    if (!all && token.node != null) return el("p", "quiet", "What else there was is being fetched …");
    if (!all?.length) {
      return el("p", "quiet", token.begun != null
        ? "This token was taken over; the run it comes from knows what else there was."
        : "No law was recorded for this token.");
    }
    const table = alternatives(all, MOST_ALTERNATIVES + 2);
    for (const row of table.querySelectorAll("tr[data-token]")) {
      const cell = el("td");
      const other = all.find((o) => String(o.token) === row.dataset.token);
      if (other.token !== token.token) {
        const take = action("Take", "take", { token: other.token }, `Take ${other.text} here`);
        take.classList.add("take");
        cell.append(take);
      }
      row.prepend(cell);
    }
    table.querySelector("tr").prepend(el("th"));
    const scroll = el("div", "panel-scroll");
    scroll.append(table);
    return scroll;
  }

  function typed(name) {
    const form = el("form", "typed");
    const label = el("label", "", "Type a token here ");
    const field = el("input");
    field.type = "text";
    field.autocomplete = "off";
    field.spellcheck = false;
    // A space in front belongs to a token that begins a word.
    field.value = token.text.startsWith(" ") ? " " : "";
    field.maxLength = 200;
    field.addEventListener("focus", () => field.setSelectionRange(field.value.length, field.value.length));
    label.append(field);
    const go = el("button", "action", "Branch");
    go.setAttribute("aria-label", `Branch with the typed token in place of ${name}`);
    form.append(label, go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act("type", { typed: field.value });
    });
    return form;
  }

  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });

  return {
    box,
    open,
    close,
    learn,
    refuse(sentence) {
      if (box.hidden) return;
      box.removeAttribute("aria-busy");
      problem.textContent = sentence;
      problem.hidden = false;
    },
  };
}
