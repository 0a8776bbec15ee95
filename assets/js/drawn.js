// The controls are there; what Generate calls is known a moment later.
setTimeout(() => delete document.body.dataset.drawing, 100);
