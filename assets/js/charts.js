// Pictures that Plotly draws. Plotly comes from the app's own server, when it is first needed.

let plotlyComing = null;

function loadPlotly() {
  plotlyComing ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = el("script");
    script.src = (window.gradio_config?.root ?? "") + PLOTLY;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => ((plotlyComing = null), reject(new Error("plotly.js")));
    document.head.append(script);
  });
  return plotlyComing;
}

// Reading its 4 MB of script takes a slow machine a second, in which no text can grow: better done
// while nothing happens than in the middle of the first run.
function preparePlotly() {
  if (!plotlyComing) (window.requestIdleCallback ?? setTimeout)(() => loadPlotly().catch(() => {}));
}

// `shown(of)` hears which frame is in front.
function makeChart(picture, host, shown) {
  const box = el("div", "chart-box");
  const choice = el("select", "frame-choice");
  choice.setAttribute("aria-label", "which law of this step");
  const plot = el("div", "chart");
  box.append(choice, plot);
  host.append(box);
  let step = 0;
  let wanted = null; // the frame that a person chose, until the step changes
  let drawn = Promise.resolve();
  let tried = null; // a frame as it would be, in place of the one of its name
  let closed = false;

  const come = () => picture.frames.filter((frame) => frame.step <= step);

  function framesHere() {
    const found = come();
    return found.filter((frame) => frame.step === found.at(-1).step);
  }

  function front() {
    const here = framesHere();
    return here.find((f) => f.of === wanted) ?? here[0];
  }

  // The figure as it was at the end of the step: points that have come, or the frame's data.
  function figure() {
    const { data, layout } = picture.figure;
    if (!picture.frames.length) return { data: data.map(points), layout };
    const own = front();
    if (!own) return { data, layout };
    const frame = tried?.of === own.of ? tried : own;
    const merged = { ...layout };
    for (const [name, part] of Object.entries(frame.layout ?? {})) merged[name] = { ...merged[name], ...part };
    return { data: frame.traces.map((trace, i) => ({ ...data[i], ...trace })), layout: merged };
  }

  function points(trace) {
    const born = trace.meta?.born;
    if (!born) return trace;
    const kept = born.map((b) => b <= step);
    const cut = { ...trace };
    for (const [name, column] of Object.entries(trace)) {
      if (Array.isArray(column) && column.length === born.length) cut[name] = column.filter((_, i) => kept[i]);
    }
    return cut;
  }

  // The axes stay where the whole run puts them, so that points come without anything moving.
  function steady(layout) {
    if (picture.frames.length) return layout;
    const axes = {};
    for (const name of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
      const axis = name[0];
      const own = picture.figure.data.filter((t) => (t[`${axis}axis`] ?? axis) === name.replace("axis", ""));
      const all = own.flatMap((t) => t[axis] ?? []).filter((v) => typeof v === "number");
      if (!all.length || layout[name].range) continue;
      const [low, high] = [Math.min(0, ...all), Math.max(...all)];
      const room = (high - low || 1) * 0.05;
      axes[name] = { ...layout[name], range: [low && low - room, high + room] };
    }
    return { ...layout, ...axes };
  }

  function themed(layout) {
    const look = getComputedStyle(box);
    const ink = look.color;
    const paper = look.getPropertyValue("--paper").trim() || "#fff";
    return {
      ...layout,
      autosize: true,
      font: { ...layout.font, color: ink, family: look.fontFamily },
      hoverlabel: { ...layout.hoverlabel, bgcolor: paper, font: { color: ink } },
    };
  }

  async function draw() {
    const plotly = await loadPlotly();
    if (closed || !plot.isConnected) return;
    const { data, layout } = figure();
    const config = { responsive: true, displaylogo: false, scrollZoom: false,
      modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"] };
    await plotly.react(plot, structuredClone(data), structuredClone(themed(steady(layout))), config);
    plot.dataset.step = step;
  }

  function show(newStep) {
    if (newStep !== step) wanted = null;
    step = newStep;
    const here = picture.frames.length ? framesHere() : [];
    choice.hidden = here.length === 0;
    choice.disabled = here.length < 2;
    const same = here.length === choice.options.length &&
      here.every((frame, i) => choice.options[i].value === frame.of);
    if (!same) {
      choice.replaceChildren(...here.map((frame) => {
        const option = el("option", "", frame.label);
        option.value = frame.of;
        return option;
      }));
    }
    if (wanted) choice.value = wanted;
    redraw();
    if (picture.frames.length) shown(chart, front()?.of ?? null);
  }

  // One drawing after the other; of those that wait only the last is made.
  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    drawn = drawn.then(() => ((waiting = false), draw())).catch(() => {
      plot.textContent = "The figure could not be drawn; its table has the same numbers.";
    });
  }

  choice.addEventListener("change", () => {
    wanted = choice.value;
    show(step);
  });
  const theme = new MutationObserver(redraw);
  theme.observe(document.body, { attributeFilter: ["class"] });
  const chart = {
    box,
    show,
    // Draw another frame in place of the one of its name; null: as it was.
    become(frame) {
      if (frame === tried) return;
      tried = frame;
      redraw();
    },
    // As it is now, for whoever draws it elsewhere.
    figure() {
      const { data, layout } = figure();
      return { data, layout: steady(layout) };
    },
    // The same picture of a run that has gone on: drawn into the figure that is there.
    grow(given) {
      picture = given;
    },
    // Show the law of one choice, if this step has it.
    choose(of) {
      wanted = of;
      show(step);
    },
    close() {
      closed = true;
      theme.disconnect();
      if (window.Plotly && plot.classList.contains("js-plotly-plot")) window.Plotly.purge(plot);
    },
  };
  return chart;
}
