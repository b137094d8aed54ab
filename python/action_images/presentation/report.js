"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector) => document.querySelector(selector);
  const mosaic = find("#mosaic"), slider = find("#slider"), play = find("#play"), counter = find("#counter");
  const withPath = find("#path"), speed = find("#speed");
  const [tileWidth, tileHeight] = data.tile;
  const canvases = [...document.querySelectorAll("canvas[data-kind]")];
  const last = data.frames - 1;
  let shown = 0;
  const listeners = [];  // called with the frame whenever another one is shown

  // ---- players: every canvas shows its part of the one video ----
  const enlarge = Math.max(1, Math.ceil(640 / tileWidth));
  for (const canvas of canvases) {
    canvas.width = tileWidth * enlarge;
    canvas.height = tileHeight * enlarge;
  }

  function drawPart(context, view, column, alpha) {
    context.globalAlpha = alpha;
    context.drawImage(mosaic, column * tileWidth, view * tileHeight, tileWidth, tileHeight, 0, 0,
                      context.canvas.width, context.canvas.height);
    context.globalAlpha = 1;
  }

  function drawPath(context, path) {
    const { width, height } = context.canvas;
    const unit = width / 320;
    const at = (t) => path[t] && path[t].every(Number.isFinite) ? [path[t][0] * width, path[t][1] * height] : null;
    const stroke = (from, to, style, lineWidth) => {
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.strokeStyle = style;
      context.lineWidth = lineWidth * unit;
      context.stroke();
    };
    context.lineCap = "round";
    for (const halo of [true, false]) {
      for (let t = 0; t < last; ++t) {
        const from = at(t), to = at(t + 1);
        if (!from || !to || (halo && t >= shown)) continue;
        const colour = data.colours[t].join(" ");
        if (halo) stroke(from, to, "rgb(255 255 255 / 75%)", 4.6);
        else stroke(from, to, `rgb(${colour} / ${t < shown ? 100 : 65}%)`, 2.4);
      }
    }
    const point = at(shown);
    if (!point) return;
    context.beginPath();
    context.arc(...point, 4.2 * unit, 0, 2 * Math.PI);
    context.fillStyle = `rgb(${data.colours[shown].join(" ")})`;
    context.fill();
    context.strokeStyle = "white";
    context.lineWidth = 1.4 * unit;
    context.stroke();
  }

  function draw() {
    for (const canvas of canvases) {
      const context = canvas.getContext("2d"), view = Number(canvas.dataset.view), kind = canvas.dataset.kind;
      context.imageSmoothingEnabled = false;
      drawPart(context, view, kind === "action" ? 1 : 0, 1);
      if (kind === "blend") drawPart(context, view, 1, 0.5);
      const host = data.hasActions ? "blend" : "video";
      if (kind === host && withPath.checked && data.paths[view]) drawPath(context, data.paths[view]);
    }
  }

  function show(frame) {
    shown = Math.min(last, Math.max(0, frame));
    slider.value = shown;
    slider.setAttribute("aria-valuetext", `frame ${shown + 1} of ${data.frames}`);
    counter.textContent = `frame ${shown + 1} / ${data.frames}`;
    draw();
    for (const listener of listeners) listener(shown);
  }

  const frameNow = (time = mosaic.currentTime) => Math.floor(time * data.fps + 1e-3);
  const seek = (frame) => {
    mosaic.pause();
    mosaic.currentTime = (Math.min(last, Math.max(0, frame)) + 0.5) / data.fps;
  };
  mosaic.loop = true;
  slider.max = last;
  slider.addEventListener("input", () => seek(Number(slider.value)));
  mosaic.addEventListener("seeked", () => { if (mosaic.paused) show(frameNow()); });
  mosaic.addEventListener("loadeddata", () => show(frameNow()));
  mosaic.addEventListener("error", () => { counter.textContent = "this browser cannot play H.264"; });
  withPath.addEventListener("change", draw);
  speed.addEventListener("change", () => { mosaic.playbackRate = Number(speed.value); });
  find(".with-path").hidden = data.paths.length === 0;

  const icons = { play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zm6 0h4v14h-4z" };
  function showState() {
    play.querySelector("path").setAttribute("d", mosaic.paused ? icons.play : icons.pause);
    play.setAttribute("aria-label", mosaic.paused ? "Play" : "Pause");
  }
  const toggle = () => (mosaic.paused ? mosaic.play() : mosaic.pause());
  play.addEventListener("click", toggle);
  for (const name of ["play", "pause"]) mosaic.addEventListener(name, showState);
  showState();
  document.addEventListener("keydown", (event) => {
    if (["INPUT", "SELECT", "BUTTON"].includes(event.target.tagName)) return;
    if (event.key === " ") { event.preventDefault(); toggle(); }
    if (event.key === "ArrowRight") seek(shown + 1);
    if (event.key === "ArrowLeft") seek(shown - 1);
  });
  if (mosaic.requestVideoFrameCallback) {
    const onFrame = (now, frame) => {
      if (!mosaic.paused) show(frameNow(frame.mediaTime));
      mosaic.requestVideoFrameCallback(onFrame);
    };
    mosaic.requestVideoFrameCallback(onFrame);
  } else {
    const onTick = () => {
      if (!mosaic.paused && frameNow() !== shown) show(frameNow());
      requestAnimationFrame(onTick);
    };
    requestAnimationFrame(onTick);
  }
  if (mosaic.readyState >= 2) show(frameNow());

  // ---- figures ----
  const scene = find("#scene"), courses = find("#courses");
  if (!data.scene.length) scene.closest("section").hidden = true;
  if (!data.courses.length) courses.closest("section").hidden = true;
  if (!data.scene.length && !data.courses.length) return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const font = () => ({ family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--muted") });
  const base = () => ({ paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: font(),
                        hoverlabel: { font: { family: font().family } } });
  const config = { displayModeBar: false, responsive: true };
  const known = (points) => points.filter((point) => point && point.every(Number.isFinite));

  function bounds(points, margin) {
    const axes = [0, 1, 2].map((axis) => points.map((point) => point[axis]));
    const middle = axes.map((values) => (Math.min(...values) + Math.max(...values)) / 2);
    const reach = Math.max(0.02, ...axes.map((values) => (Math.max(...values) - Math.min(...values)) / 2)) + margin;
    return middle.map((value) => [value - reach, value + reach]);
  }

  let zoom = data.positions ? "cameras" : "all";
  function sceneAxis(title, range) {
    return { title: { text: title, font: { size: 12 } }, gridcolor: colour("--line"), zerolinecolor: colour("--line"),
             linecolor: colour("--line"), showbackground: false, showspikes: false, tickfont: { size: 10 }, range,
             nticks: 6 };
  }
  function sceneLayout() {
    const ranges = zoom === "path" ? bounds(known(data.positions), 0.05) : [undefined, undefined, undefined];
    const [x, y, z] = ["x [m]", "y [m]", "z [m]"].map((title, axis) => sceneAxis(title, ranges[axis]));
    return { ...base(), margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: zoom,
             legend: { orientation: "h", x: 0, y: 0, font: { size: 12 } },
             scene: { xaxis: x, yaxis: y, zaxis: z, aspectmode: "data", dragmode: "orbit",
                      camera: { eye: { x: 1.3, y: 1.5, z: 0.85 }, center: { x: 0, y: 0, z: -0.12 } } } };
  }
  function nowTraces() {
    if (!data.positions) return [];
    const tips = data.axes, there = known([data.positions[shown], tips.x[shown]]).length === 2;
    const position = there ? data.positions[shown] : [NaN, NaN, NaN];
    const lines = Object.keys(tips).map((name) => {
      const tip = there ? tips[name][shown] : position;
      const along = (axis) => [position[axis], position[axis] + 1.6 * (tip[axis] - position[axis])];
      return { x: along(0), y: along(1), z: along(2) };
    });
    return [...lines, { x: [position[0]], y: [position[1]], z: [position[2]] }];
  }
  const nowStyles = () => [
    ...["#e0483e", "#2e9e57", "#3b76e1"].map((line) => ({ mode: "lines", line: { width: 9, color: line } })),
    { mode: "markers", marker: { size: 7, color: colour("--card"), line: { width: 3, color: colour("--ink") } } },
  ];
  function sceneTraces() {
    const styles = nowStyles();
    const now = nowTraces().map((trace, index) =>
      ({ type: "scatter3d", showlegend: false, hoverinfo: "skip", ...styles[index], ...trace }));
    return [...data.scene, ...now];
  }

  function axis(title, domain, range) {
    return { title: { text: title, standoff: 8 }, domain, range, gridcolor: colour("--line"), zeroline: false,
             automargin: true, fixedrange: true, nticks: 5 };
  }
  const cursor = () => [{ type: "line", xref: "x", yref: "paper", x0: shown, x1: shown, y0: 0, y1: 1,
                          line: { color: colour("--ink"), width: 1.5, dash: "dot" } }];
  function courseLayout() {
    const three = data.courses.some((trace) => trace.yaxis === "y3");
    return { ...base(), margin: { l: 52, r: 8, t: 26, b: 40 }, hovermode: "x unified", shapes: cursor(),
             legend: { orientation: "h", x: 0, y: 1.0, yanchor: "bottom" },
             xaxis: { title: { text: "frame", standoff: 6 }, gridcolor: colour("--line"), zeroline: false,
                      fixedrange: true, range: [-0.3, last + 0.3], anchor: three ? "y3" : "y2", hoverformat: "d" },
             yaxis: axis("position", [three ? 0.5 : 0.42, 1]),
             yaxis2: axis("openness", three ? [0.25, 0.44] : [0, 0.34], [-0.08, 1.08]),
             ...(three ? { yaxis3: axis("confidence", [0, 0.19], [-0.08, 1.08]) } : {}) };
  }

  function plot() {
    if (data.scene.length) Plotly.react(scene, sceneTraces(), sceneLayout(), config);
    if (data.courses.length) Plotly.react(courses, data.courses, courseLayout(), config);
  }
  plot();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", plot);

  let waiting = false;
  listeners.push(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const now = nowTraces();
      if (now.length) {
        const update = Object.fromEntries(["x", "y", "z"].map((key) => [key, now.map((trace) => trace[key])]));
        Plotly.restyle(scene, update, now.map((_, index) => data.scene.length + index));
      }
      if (data.courses.length) Plotly.relayout(courses, { shapes: cursor() });
    });
  });
  if (data.courses.length) {
    courses.on("plotly_click", (event) => seek(Math.round(event.points[0].x)));
  }

  const choices = [...document.querySelectorAll("[data-zoom]")];
  for (const choice of choices) {
    choice.parentElement.hidden = !data.positions || known(data.positions).length === 0;
    choice.addEventListener("click", () => {
      zoom = choice.dataset.zoom;
      for (const other of choices) other.setAttribute("aria-pressed", String(other === choice));
      Plotly.react(scene, sceneTraces(), sceneLayout(), config);
    });
  }
})();
