// What was measured: tokens, passes and time, growing while the run goes on.

function makeTotals() {
  const box = el("dl", "totals");
  box.setAttribute("aria-label", "Measured");
  const cells = {};

  function put(name, value) {
    if (!cells[name]) {
      const pair = el("div");
      cells[name] = el("dd");
      pair.append(el("dt", "", name), cells[name]);
      box.append(pair);
    }
    if (cells[name].textContent !== value) cells[name].textContent = value;
  }

  function show(status) {
    const { tokens = 0, passes = 0, seconds = 0, views = {} } = status;
    put("tokens", String(tokens));
    put("passes of the target", String(passes));
    put("tokens a pass", passes ? (tokens / passes).toFixed(2) : "–");
    put("seconds", seconds.toFixed(2));
    put("tokens a second", seconds ? (tokens / seconds).toFixed(1) : "–");
    for (const [name, view] of Object.entries(views)) {
      put(`time in ${name}`, `${(view.ms / 1000).toFixed(2)} s, ${plural(view.passes, "pass", "passes")}`);
    }
  }

  return {
    box,
    show,
    clear() {
      box.replaceChildren();
      for (const name of Object.keys(cells)) delete cells[name];
    },
  };
}
