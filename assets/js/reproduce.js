// How the shown run is made again. It opens and closes on the document's event "reproduce".
// value: {asked, ways: [{title, code, promise}]}, made by explorer/reproduce.py, or {asked, sentence}
const root = element.firstElementChild ?? element;
root.className = "reproduce";
root.hidden = true;
let opener = null;
let at = 0; // which way is shown

const copy = async (text, button) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard.
    const field = make("textarea");
    field.value = text;
    root.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
};
const close = () => {
  root.hidden = true;
  const again = opener?.isConnected ? opener : document.querySelector("[data-act=reproduce]");
  again?.focus();
};
const panel = (way) => {
  const made = make("div", "reproduce-way");
  made.id = "reproduce-way";
  made.setAttribute("role", "tabpanel");
  made.setAttribute("aria-label", way.title);
  made.append(make("p", "", way.promise));
  if (!way.code) return made;
  const code = make("pre", "", way.code);
  code.tabIndex = 0; // so that the keyboard can scroll it
  code.setAttribute("role", "region");
  code.setAttribute("aria-label", "Code for " + way.title);
  const button = make("button", "quiet", "Copy");
  button.type = "button";
  button.setAttribute("aria-label", "Copy the code for " + way.title);
  button.addEventListener("click", () => copy(way.code, button));
  made.append(button, code);
  return made;
};
const draw = () => {
  const v = props.value;
  if (!v) {
    root.hidden = true;
    return;
  }
  const ways = v.ways ?? [{ title: "Reproduce", code: "", promise: v.sentence }];
  at = Math.min(at, ways.length - 1);
  const tabs = make("div", "reproduce-tabs");
  tabs.setAttribute("role", "tablist");
  tabs.setAttribute("aria-label", "Ways to make this run again");
  ways.forEach((way, i) => {
    const tab = make("button", "quiet", way.title);
    tab.type = "button";
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", String(i === at));
    tab.setAttribute("aria-controls", "reproduce-way");
    tab.tabIndex = i === at ? 0 : -1;
    tab.addEventListener("click", () => show(i));
    tabs.append(tab);
  });
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) show((at + by + ways.length) % ways.length);
  });
  const closer = make("button", "quiet", "Close");
  closer.type = "button";
  closer.setAttribute("aria-label", "Close the ways to make this run again");
  closer.addEventListener("click", close);
  const top = make("div", "reproduce-top");
  top.append(tabs, closer);
  root.replaceChildren(top, panel(ways[at]));
};
const show = (i) => {
  at = i;
  draw();
  root.querySelector("[aria-selected=true]")?.focus();
};
root.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
let wanted = false;
document.addEventListener("reproduce", () => {
  opener = document.activeElement;
  if (!root.hidden) return close();
  wanted = true;
  trigger("select", {});
});
watch("value", () => {
  draw();
  if (!wanted || !props.value) return;
  wanted = false;
  root.hidden = false;
  root.querySelector("[aria-selected=true]")?.focus();
});
