// Dark or light, and which drawer is open: before anything is drawn, and whenever a button is pressed.

const phone = matchMedia("(max-width: 900px)");
const darkness = matchMedia("(prefers-color-scheme: dark)");
const drawers = ["parameters", "library", "catalogue", "gallery"];

// Where nothing was chosen it stays as the system has it, which Gradio follows.
const paint = () => {
  const theme = preferred("theme", (value) => ["dark", "light"].includes(value));
  if (theme) document.body.classList.toggle("dark", theme === "dark");
};
paint();
darkness.addEventListener("change", paint);

const firstDrawer = () => {
  if (phone.matches) return "none";
  const query = new URLSearchParams(location.search);
  if (query.has("share") && !query.has("run")) return "library"; // the link is to what stands there
  return preferred("drawer", (value) => ["none", ...drawers].includes(value)) ?? "parameters";
};
document.body.dataset.drawer = firstDrawer();

const markDrawers = () => {
  for (const name of drawers) {
    const button = document.getElementById("toggle-" + name);
    button?.setAttribute("aria-expanded", String(document.body.dataset.drawer === name));
    button?.setAttribute("aria-controls", "panel-" + name);
  }
};
new MutationObserver(markDrawers).observe(document.body, { attributeFilter: ["data-drawer"] });
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[id^='toggle-']");
  if (!button) return;
  const name = button.id.slice("toggle-".length);
  if (name === "dark") {
    prefer("theme", document.body.classList.toggle("dark") ? "dark" : "light");
  } else {
    const open = document.body.dataset.drawer === name ? "none" : name;
    document.body.dataset.drawer = open;
    if (!phone.matches) prefer("drawer", open);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && phone.matches) document.body.dataset.drawer = "none";
});
// The buttons come with the page, which is built after this.
const buttonsCome = setInterval(() => {
  if (!document.getElementById("toggle-parameters")) return;
  clearInterval(buttonsCome);
  markDrawers();
}, 50);
