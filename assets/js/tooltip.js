// One tooltip for everything: rows of a name and a value, and under a token what else there was.

let tooltips = 0;

function makeTooltip(root) {
  const box = el("div", "tip");
  box.setAttribute("role", "tooltip");
  box.id = `${NAME}-tip-${++tooltips}`;
  box.hidden = true;
  root.append(box);
  let anchor = null;

  function hide() {
    anchor?.removeAttribute("aria-describedby");
    anchor = null;
    box.hidden = true;
  }

  function show(at, parts) {
    hide();
    if (!parts.length) return;
    anchor = at;
    anchor.setAttribute("aria-describedby", box.id);
    box.replaceChildren(...parts);
    box.hidden = false;
    place();
  }

  // Below the thing, above it where there is no room; on a phone the style sheet pins it down.
  function place() {
    const [a, b] = [anchor.getBoundingClientRect(), box.getBoundingClientRect()];
    const left = Math.max(8, Math.min(a.left, window.innerWidth - b.width - 8));
    const below = a.bottom + 8;
    const top = below + b.height > window.innerHeight ? Math.max(8, a.top - b.height - 8) : below;
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
  }

  const stay = () => anchor && (anchor.isConnected ? place() : hide());
  window.addEventListener("scroll", stay, { capture: true, passive: true });
  root.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  return { show, hide };
}

function tipRows(rows) {
  const list = el("dl", "tip-rows");
  for (const [label, value] of rows) list.append(el("dt", "", label), el("dd", "", value));
  return list;
}

// The rows of a mark's tooltip that are there at a step.
function tipsAt(tips, step) {
  const rows = (tips ?? []).filter(([, , since]) => (since ?? 0) <= step);
  return rows.length ? [tipRows(rows)] : [];
}

// Everything that is known about a token of the text.
function tokenTip(token) {
  const parts = [el("p", "tip-token", token.alone ?? spaced(token.text)), tokenFacts(token)];
  if (token.alternatives?.length) parts.push(alternatives(token.alternatives, MOST_ALTERNATIVES));
  return parts;
}

function tokenFacts(token) {
  const rows = token.prompt ? [["part of", "the prompt"], ["id", String(token.token)]] : [];
  if (token.begun != null) {
    rows.push(["part of", token.class === "forced" ? "the beginning, chosen by a person"
      : "the beginning, taken over from the run before"], ["id", String(token.token)]);
  }
  if (token.p != null) {
    const raw = token.p_raw;
    const before = raw != null && number(raw) !== number(token.p);
    rows.push(["probability", number(token.p) + (before ? `, before the filters ${number(raw)}` : "")]);
  }
  if (token.surprisal != null) rows.push(["surprisal", `${number(token.surprisal)} nats`]);
  for (const [view, nats] of Object.entries(token.entropy ?? {})) {
    rows.push([`entropy, ${view}`, `${number(nats)} nats`]);
  }
  if (token.by) rows.push(["proposed by", token.by]);
  if (token.u != null) rows.push(["random number", number(token.u)]);
  for (const [filter, mass] of Object.entries(token.removed_mass ?? {})) {
    if (mass > 0) rows.push([`removed by ${filter}`, number(mass)]);
  }
  if (token.source) rows.push(["p comes from", token.source]);
  return tipRows(rows);
}

function spaced(text) {
  return text.trim() ? text.replace(/^ +| +$/g, (s) => "␣".repeat(s.length)) : "␣".repeat(text.length) || "∅";
}

const MOST_ALTERNATIVES = 8;

function alternatives(all, most) {
  const table = el("table", "alternatives");
  const head = el("tr");
  for (const name of ["it could have been", "before", "after", ""]) head.append(el("th", "", name));
  table.append(head);
  const first = all.slice(0, most);
  for (const other of first.concat(all.slice(most).filter((o) => o.chosen))) {
    const row = el("tr", other.removed_by ? "removed" : other.chosen ? "chosen" : "");
    row.dataset.token = other.token;
    const share = (logp) => (logp == null ? "0" : number(Math.exp(logp), 2));
    const bar = el("span", "bar");
    bar.style.width = `${other.final == null ? 0 : 60 * Math.exp(other.final)}px`;
    const verdict = el("td", "verdict");
    if (other.removed_by) verdict.textContent = `✗ removed by ${other.removed_by}`;
    else verdict.append(bar, other.chosen ? " ● chosen" : "");
    const name = el("td");
    name.append(el(other.removed_by ? "s" : "span", "", other.text));
    row.append(name, el("td", "", share(other.raw)), el("td", "", share(other.final)), verdict);
    table.append(row);
  }
  return table;
}
