// What the page does by itself: which drawer is open, dark or light.
() => {
  const phone = window.matchMedia("(max-width: 900px)");
  const DARK = "decoding-explorer-dark";
  const chosen = localStorage.getItem(DARK); // null: as the system has it
  if (chosen) document.body.classList.toggle("dark", chosen === "true");
  const names = ["parameters", "library", "catalogue", "gallery"];
  const mark = () => {
    for (const name of names) {
      const button = document.getElementById("toggle-" + name);
      button?.setAttribute("aria-expanded", String(document.body.dataset.drawer === name));
      button?.setAttribute("aria-controls", "panel-" + name);
    }
  };
  if (!document.body.dataset.drawer) {
    const query = new URLSearchParams(location.search);
    const first = query.has("share") && !query.has("run") ? "library" : "parameters";
    document.body.dataset.drawer = phone.matches ? "none" : first;
  }
  new MutationObserver(mark).observe(document.body, { attributeFilter: ["data-drawer"] });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[id^='toggle-']");
    if (!button) return;
    const name = button.id.slice("toggle-".length);
    if (name === "dark") {
      localStorage.setItem(DARK, document.body.classList.toggle("dark"));
    } else {
      document.body.dataset.drawer = document.body.dataset.drawer === name ? "none" : name;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && phone.matches) document.body.dataset.drawer = "none";
  });
  // While another method's controls are being drawn, the server knows no more of the old Generate and
  // not yet of the new one: a press waits for it.
  let pressed = false;
  const hold = (event) => {
    if (!document.body.dataset.drawing) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    pressed = true;
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#go")) hold(event);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && event.target.closest?.("#field-prompt")) hold(event);
  }, true);
  new MutationObserver(() => {
    if (document.body.dataset.drawing || !pressed) return;
    pressed = false;
    document.getElementById("go")?.click();
  }).observe(document.body, { attributeFilter: ["data-drawing"] });
  // The buttons come with the page, which may be built after this.
  const wait = setInterval(() => {
    if (!document.getElementById("toggle-parameters")) return;
    clearInterval(wait);
    mark();
  }, 50);
}
