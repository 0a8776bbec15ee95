// Making elements. Text goes in through textContent alone, so that it is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

function el(tag, cls, text) {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  if (text != null) made.textContent = text;
  return made;
}

function svg(tag, cls, attributes) {
  const made = document.createElementNS(SVG, tag);
  if (cls) made.setAttribute("class", cls);
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  return made;
}

// A button with a drawn sign and a name for those who do not see it.
function signButton(name, path) {
  const button = el("button", "sign");
  button.type = "button";
  button.setAttribute("aria-label", name);
  button.title = name;
  const drawn = svg("svg", "", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  drawn.append(svg("path", "", { d: path }));
  button.append(drawn);
  return button;
}

// Words in a place of fixed height; where they do not fit, the keyboard can scroll them.
function sayIn(box, node, words) {
  node.textContent = words;
  if (box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}
