// The controls are there; what Generate calls is known a moment later.
setTimeout(() => document.dispatchEvent(new CustomEvent("drawn")), 100);
