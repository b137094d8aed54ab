"use strict";
// The players and what drives them. `report` is what the figures' scripts use.
const report = (() => {
  const find = (selector) => document.querySelector(selector);
  const data = JSON.parse(find("#data").textContent);
  const mosaic = find("#mosaic"), slider = find("#slider"), play = find("#play"), counter = find("#counter");
  const withPath = find("#path"), speed = find("#speed");
  const [tileWidth, tileHeight] = data.tile;
  const canvases = [...document.querySelectorAll("canvas[data-kind]")];
  const last = data.frames - 1;
  let shown = 0;      // the frame that was asked for
  let broken = false; // the video cannot be played
  const listeners = [], figures = [];

  // ---- players: every canvas shows its part of the one video ----
  const enlarge = Math.max(1, Math.round(640 / tileWidth));
  for (const canvas of canvases) {
    canvas.width = tileWidth * enlarge;
    canvas.height = tileHeight * enlarge;
  }

  function drawPart(context, [left, top], alpha) {
    context.globalAlpha = alpha;
    context.drawImage(mosaic, left, top, tileWidth, tileHeight, 0, 0, context.canvas.width, context.canvas.height);
    context.globalAlpha = 1;
  }

  function drawPath(context, path, now) {
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
        if (!from || !to || (halo && t >= now)) continue;
        const colour = data.colours[t].join(" ");
        if (halo) stroke(from, to, "rgb(255 255 255 / 75%)", 4.6);
        else stroke(from, to, `rgb(${colour} / ${t < now ? 100 : 65}%)`, 2.4);
      }
    }
    const point = at(now);
    if (!point) return;
    context.beginPath();
    context.arc(...point, 4.2 * unit, 0, 2 * Math.PI);
    context.fillStyle = `rgb(${data.colours[now].join(" ")})`;
    context.fill();
    context.strokeStyle = "white";
    context.lineWidth = 1.4 * unit;
    context.stroke();
  }

  const within = (frame) => Math.min(last, Math.max(0, frame));
  const frameAt = (time) => within(Math.floor(time * data.fps + 1e-3));

  function draw(time = mosaic.currentTime) {
    if (broken || mosaic.readyState < 2) return;
    const now = frameAt(time), host = data.places.action.length ? "overlay" : "video";
    for (const canvas of canvases) {
      const context = canvas.getContext("2d"), view = Number(canvas.dataset.view), kind = canvas.dataset.kind;
      context.imageSmoothingEnabled = !data.enlarged;
      drawPart(context, data.places[kind === "action" ? "action" : "video"][view], 1);
      if (kind === "overlay") drawPart(context, data.places.action[view], 0.5);
      const paths = data.paths[view];
      if (kind === host && withPath.checked && paths) drawPath(context, paths[Math.min(now, paths.length - 1)], now);
    }
  }

  function show(frame) {
    shown = within(frame);
    slider.value = shown;
    slider.setAttribute("aria-valuetext", `frame ${shown + 1} of ${data.frames}`);
    counter.textContent = `frame ${shown + 1} / ${data.frames}`;
    for (const listener of listeners) listener(shown);
  }

  function seek(frame) {
    if (!mosaic.paused) mosaic.pause();
    show(frame);
    if (!broken) mosaic.currentTime = (shown + 0.5) / data.fps;
  }

  function giveUp() {
    broken = true;
    find("#no-video").hidden = false;
    play.disabled = true;
  }

  slider.max = last;
  slider.addEventListener("input", () => seek(Number(slider.value)));
  mosaic.addEventListener("seeked", () => draw());
  mosaic.addEventListener("loadeddata", () => { draw(); performance.mark("pictures"); });
  mosaic.addEventListener("error", giveUp);
  withPath.addEventListener("change", () => draw());
  speed.addEventListener("change", () => { mosaic.playbackRate = Number(speed.value); });
  find(".with-path").hidden = data.paths.length === 0;
  // Nothing moves by itself; who prefers less motion gets each clip once.
  mosaic.loop = !matchMedia("(prefers-reduced-motion: reduce)").matches;

  const icons = { play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zm6 0h4v14h-4z" };
  function showState() {
    play.querySelector("path").setAttribute("d", mosaic.paused ? icons.play : icons.pause);
    play.setAttribute("aria-label", mosaic.paused ? "Play" : "Pause");
  }
  const toggle = () => { if (!broken) mosaic.paused ? mosaic.play().catch(giveUp) : mosaic.pause(); };
  play.addEventListener("click", toggle);
  for (const name of ["play", "pause"]) mosaic.addEventListener(name, showState);
  mosaic.addEventListener("pause", () => { if (!mosaic.seeking && !broken) show(frameAt(mosaic.currentTime)); });
  const keys = { ArrowRight: () => shown + 1, ArrowLeft: () => shown - 1, Home: () => 0, End: () => last };
  document.addEventListener("keydown", (event) => {
    const { tagName, type } = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || tagName === "SELECT" || type === "range" && event.key !== " ") return;
    if (event.key === " " && !["BUTTON", "A"].includes(tagName) && type !== "checkbox") {
      event.preventDefault();
      toggle();
    }
    if (!keys[event.key]) return;
    event.preventDefault();
    seek(keys[event.key]());
  });
  if (mosaic.requestVideoFrameCallback) {
    const onFrame = (now, frame) => { // also after a seek: the new picture may come later than "seeked"
      draw(frame.mediaTime);
      if (!mosaic.paused) show(frameAt(frame.mediaTime));
      mosaic.requestVideoFrameCallback(onFrame);
    };
    mosaic.requestVideoFrameCallback(onFrame);
  } else {
    const onTick = () => {
      if (!mosaic.paused && frameAt(mosaic.currentTime) !== shown) { draw(); show(frameAt(mosaic.currentTime)); }
      requestAnimationFrame(onTick);
    };
    requestAnimationFrame(onTick);
  }
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  mosaic.src = URL.createObjectURL(new Blob([bytes(find("#mosaic-data").textContent)], { type: "video/mp4" }));
  showState();
  show(0);

  // ---- figures come after the pictures: plotly is large ----
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const font = () => ({ family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--muted") });
  const base = () => ({ paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: font(),
                        hoverlabel: { font: { family: font().family } } });
  const soon = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

  // Calls update(frame) for the newest frame, and no more often than it can keep up with. The frame now is drawn already.
  function follow(update) {
    let busy = false, done = shown;
    const next = () => {
      if (busy || done === shown) return;
      busy = true;
      requestAnimationFrame(() => {
        const begin = performance.now();
        done = shown;
        update(shown);
        setTimeout(() => { busy = false; next(); }, performance.now() - begin);
      });
    };
    listeners.push(next);
  }

  async function start() {
    performance.mark("players");
    const wanted = figures.filter((figure) => figure.wanted);
    if (!wanted.length) return;
    await soon();
    const library = document.createElement("script");
    library.textContent = find("#plotly").textContent;
    document.head.append(library);
    for (const figure of wanted) {
      await soon();
      figure.plot();
      figure.ready();
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => wanted.forEach((one) => one.plot()));
    performance.mark("figures");
  }

  return { data, find, bytes, colour, base, follow, seek, start, config: { displayModeBar: false, responsive: true },
           add: (figure) => figures.push(figure), get shown() { return shown; } };
})();
