// The step control: a slider, five buttons, and the keys that do the same.

const ICONS = {
  first: "M6 5v14M19 5l-9 7 9 7z",
  back: "M17 5l-9 7 9 7z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  on: "M7 5l9 7-9 7z",
  last: "M18 5v14M5 5l9 7-9 7z",
};

function makeSteps(onStep) {
  const box = el("div", "steps");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Step through the run");
  const slider = el("input");
  slider.type = "range";
  slider.min = 0;
  slider.setAttribute("aria-label", "step");
  const label = el("output", "step-label");
  const first = signButton("first step", ICONS.first);
  const back = signButton("one step back", ICONS.back);
  const play = signButton("play", ICONS.play);
  const on = signButton("one step on", ICONS.on);
  const end = signButton("last step", ICONS.last);
  const buttons = el("div", "step-buttons");
  buttons.append(first, back, play, on, end);
  box.append(buttons, slider, label);
  let step = 0;
  let last = 0;
  let playing = null;

  function draw() {
    slider.max = last;
    slider.value = step;
    label.textContent = `step ${step + 1} of ${last + 1}`; // in a trace the first one is 0
    slider.setAttribute("aria-valuetext", label.textContent);
    first.disabled = back.disabled = step === 0;
    on.disabled = end.disabled = step === last;
  }

  function go(to) {
    const there = Math.max(0, Math.min(last, to));
    if (there === step) return;
    step = there;
    draw();
    onStep(step);
  }

  function pause() {
    clearInterval(playing);
    playing = null;
    play.setAttribute("aria-label", "play");
    play.title = "play";
    play.querySelector("path").setAttribute("d", ICONS.play);
  }

  function toggle() {
    if (playing) return pause();
    if (step === last) go(0);
    play.setAttribute("aria-label", "pause");
    play.title = "pause";
    play.querySelector("path").setAttribute("d", ICONS.pause);
    // Half a minute for a long run, and time to read in a short one.
    playing = setInterval(() => (step === last ? pause() : go(step + 1)),
      Math.max(120, Math.min(700, 30000 / (last || 1))));
  }

  const byHand = (act) => () => (pause(), act());
  first.addEventListener("click", byHand(() => go(0)));
  back.addEventListener("click", byHand(() => go(step - 1)));
  on.addEventListener("click", byHand(() => go(step + 1)));
  end.addEventListener("click", byHand(() => go(last)));
  play.addEventListener("click", toggle);
  slider.addEventListener("input", byHand(() => go(Number(slider.value))));

  // Keys: from anywhere in the view, and from the page while nothing has the focus.
  function key(event, inside) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const within = event.target;
    if (within === slider && event.key !== " ") return; // the slider knows its keys itself
    const nowhere = within === document.body;
    if (!nowhere && !inside(within)) return;
    if (within.closest?.("input:not([type=range]), textarea, select, [role=tablist]")) return;
    if (event.key === " " && within.closest?.("button, summary, [role=button]")) return;
    const act = {
      ArrowLeft: byHand(() => go(step - 1)),
      ArrowRight: byHand(() => go(step + 1)),
      " ": toggle,
    }[event.key];
    if (!act || last === 0) return;
    event.preventDefault();
    act();
  }

  return {
    box,
    key,
    pause,
    // Another run, or more of this one: nobody is told.
    set(newLast, newStep) {
      last = newLast;
      step = Math.min(newStep, last);
      draw();
    },
  };
}
