// Another method or preset was chosen; `drawn.js` comes with its controls. See `page.js`.
() => {
  document.body.dataset.drawing = "true";
  clearTimeout(window.drawingTimer);
  window.drawingTimer = setTimeout(() => delete document.body.dataset.drawing, 10000);
}
