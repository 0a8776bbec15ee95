// Another method or preset was chosen; `drawn.js` comes with its controls. See `press.js`.
() => {
  document.dispatchEvent(new CustomEvent("drawing"));
}
