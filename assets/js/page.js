// What the page does by itself: which drawer is open, dark or light.
() => {
  const phone = window.matchMedia("(max-width: 900px)");
  const DARK = "decoding-explorer-dark";
  const chosen = localStorage.getItem(DARK); // null: as the system has it
  if (chosen) document.body.classList.toggle("dark", chosen === "true");
  const names = ["parameters", "library", "catalogue"];
  const mark = () => {
    for (const name of names) {
      const button = document.getElementById("toggle-" + name);
      button?.setAttribute("aria-expanded", String(document.body.dataset.drawer === name));
      button?.setAttribute("aria-controls", "panel-" + name);
    }
  };
  if (!document.body.dataset.drawer) {
    document.body.dataset.drawer = phone.matches ? "none" : "parameters";
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
  // The buttons come with the page, which may be built after this.
  const wait = setInterval(() => {
    if (!document.getElementById("toggle-parameters")) return;
    clearInterval(wait);
    mark();
  }, 50);
}
