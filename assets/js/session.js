// Below the list of sessions: what may be done with the chosen one, and a new one.
// value: {session, title, shares: [id], guest, undo: {session, title}, offer: {title}, sentence}
const button = (text, label, act) => {
  const made = make("button", "quiet", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
};
const root = element.firstElementChild ?? element;
root.className = "session";
const wish = (action, more) => () => trigger("select", { action, ...more });

let writing = null; // {action, text, sent}: a title that is being typed; other news does not take it away
const write = (action, text) => () => {
  writing = { action, text, sent: false };
  draw();
  root.querySelector("form input").select();
};
const form = () => {
  const made = make("form", "run-rename");
  const field = make("input");
  field.value = writing.text;
  field.maxLength = 200;
  field.setAttribute("aria-label", "Title of the session");
  field.addEventListener("input", () => (writing.text = field.value));
  const leave = () => {
    writing = null;
    draw();
    root.querySelector("button")?.focus();
  };
  made.append(field, make("button", "quiet", "Save"), button("Cancel", "Cancel", leave));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    writing.sent = true;
    trigger("select", { action: writing.action, title: field.value });
  });
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
  });
  return made;
};
const line = (className, role, ...parts) => {
  const made = make("p", className);
  made.setAttribute("role", role);
  made.append(...parts);
  return made;
};
const shareLine = (share) => {
  const made = make("div", "bar-share");
  const field = make("input");
  field.readOnly = true;
  field.value = location.origin + location.pathname + "?share=" + encodeURIComponent(share);
  field.setAttribute("aria-label", "Link that anybody can read this session with");
  const copy = button("Copy", "Copy the link", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // without https there is no clipboard
    }
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  made.append(field, copy, button("Revoke", "Revoke the link", wish("revoke", { share })));
  return made;
};
const draw = () => {
  const v = props.value || {};
  if (writing?.sent && !v.sentence) writing = null;
  const held = root.contains(document.activeElement);
  root.replaceChildren();
  if (v.sentence) root.append(line("field-problem", "alert", v.sentence));
  if (v.undo) {
    root.append(line("run-undo", "status", "Deleted “" + v.undo.title + "”. ",
      button("Undo", "Bring back " + v.undo.title, wish("undo", { session: v.undo.session }))));
  }
  if (v.offer) {
    root.append(line("run-undo", "alert", "A run of “" + v.offer.title + "” still goes on. ",
      button("Stop and delete", "Stop and delete " + v.offer.title, wish("stop_delete"))));
  }
  if (v.guest) root.append(make("p", "run-undo", "Somebody showed you this session: to read, not to change."));
  if (writing) root.append(form());
  else {
    const actions = make("div", "session-actions");
    actions.append(button("New session", "New session", write("new", "")));
    if (v.session) {
      actions.append(
        button("Rename", "Rename the session", write("rename", v.title)),
        button("Share", "Share the session", wish("share")),
        button("Delete", "Delete the session", wish("delete")),
      );
    }
    root.append(actions);
  }
  root.append(...(v.shares ?? []).map(shareLine));
  // Whoever pressed something here goes on from here.
  if (held) (root.querySelector("form input") ?? root.querySelector(".run-undo button, button"))?.focus();
};
watch("value", draw);
draw();
