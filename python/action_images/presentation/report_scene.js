"use strict";
// The scene in 3-D: point cloud, cameras, path, and the gripper's axes at the frame that is shown.
(() => {
  const { data, find, base, colour, config } = report;
  const scene = find("#world");
  const wanted = data.scene.length > 0 || data.cloud !== null;
  scene.closest("section").hidden = !wanted;
  const known = (points) => points.every((point) => point && point.every(Number.isFinite));

  // The name of what draws WebGL, or null without it.
  function renderer() {
    try {
      const context = document.createElement("canvas").getContext("webgl");
      const info = context.getExtension("WEBGL_debug_renderer_info"), lose = context.getExtension("WEBGL_lose_context");
      const name = String(info ? context.getParameter(info.UNMASKED_RENDERER_WEBGL) : "");
      if (lose) lose.loseContext();
      return name;
    } catch (error) {
      return null;
    }
  }
  const drawnBy = wanted ? renderer() : null, solid = drawnBy !== null;
  const slow = /swiftshader|llvmpipe|software|basic render/i.test(drawnBy || "");  // no GPU: a fifth of the points
  const flatAxis = data.estimated ? "z" : "y";  // beside x in the flat drawing: estimated worlds look along z
  find("#no-webgl").hidden = solid || !wanted;

  function cloudTrace() {
    const { origin, scale } = data.cloud, step = slow ? 5 : 1, count = Math.ceil(data.cloud.count / step);
    const steps = new DataView(report.bytes(data.cloud.points).buffer), rgb = report.bytes(data.cloud.colours);
    // A small triangle for every point: plotly's markers are drawn as text, too slowly for so many.
    const size = (slow ? 0.009 : 0.005) * Math.max(...[0, 1, 2].map((axis) => 65535 * scale[axis]));
    const turns = [[1, 0, 0.3], [-0.5, 0.85, -0.4], [-0.5, -0.85, 0.1]];
    const column = (axis) => Float32Array.from({ length: 3 * count }, (_, n) => origin[axis] +
      scale[axis] * steps.getUint16(6 * step * Math.floor(n / 3) + 2 * axis, true) + size * turns[n % 3][axis]);
    const corner = (which) => Int32Array.from({ length: count }, (_, i) => 3 * i + which);
    const facecolor = Array.from({ length: count }, (_, i) => `rgb(${rgb.slice(3 * step * i, 3 * step * i + 3).join()})`);
    return { type: "mesh3d", name: "scene", x: column(0), y: column(1), z: column(2), i: corner(0), j: corner(1),
             k: corner(2), facecolor, flatshading: true, hoverinfo: "skip", showlegend: false,
             lighting: { ambient: 1, diffuse: 0, specular: 0, fresnel: 0 } };
  }
  const fixed = wanted ? [...data.scene, ...(data.cloud ? [cloudTrace()] : [])] : [];
  if (data.cloud) {
    const number = (value) => value.toLocaleString("en"), drawn = solid ? fixed[fixed.length - 1].i.length : 0;
    find("#cloud-count").hidden = false;
    find("#cloud-count").textContent = `${number(drawn)} of ${number(data.cloud.total)} points are drawn.`;
  }

  // ---- what follows the slider ----
  const still = { x: [], y: [], z: [] };
  function toColumns(points) {
    const columns = [0, 1, 2].map((axis) => points.map((point) => (point ? point[axis] : null)));
    return { x: columns[0], y: columns[1], z: columns[2] };
  }
  function gripper(frame) {
    if (!data.positions) return [];
    const position = data.positions[frame], tips = Object.values(data.axes).map((axis) => axis[frame]);
    if (!known([position, ...tips])) return [still, still, still, still];
    const end = (tip) => tip.map((value, axis) => position[axis] + 1.6 * (value - position[axis]));
    return [...tips.map((tip) => toColumns([position, end(tip)])), toColumns([position])];
  }
  const gripperStyles = () => [
    ...["#e0483e", "#2e9e57", "#3b76e1"].map((line) => ({ mode: "lines", line: { width: 9, color: line } })),
    { mode: "markers", marker: { size: 7, color: colour("--card"), line: { width: 3, color: colour("--ink") } } },
  ];
  // The three traces of every camera, in the order of data.scene: edges, picture, name.
  const cameras = (frame) => data.frusta.flatMap((path) => {
    const [centre, ...corners] = path[Math.min(frame, path.length - 1)];
    const edges = corners.flatMap((corner, i) => [centre, corner, null, corner, corners[(i + 1) % 4], null]);
    return [toColumns(edges), toColumns(corners), toColumns([centre])];
  });
  function traces() {
    const styles = gripperStyles();
    const now = gripper(report.shown).map((trace, index) =>
      ({ type: "scatter3d", name: `now ${index}`, showlegend: false, hoverinfo: "skip", ...styles[index], ...trace }));
    const moved = cameras(report.shown);
    const all = [...fixed.map((trace, index) => ({ ...trace, ...moved[index] })), ...now];
    return solid ? all : all.map(flat);
  }

  // ---- without WebGL ----
  const one = (value, other) => (Array.isArray(value) ? other : value);
  function flat(trace) {
    const { type, mode, name, text, textposition, textfont, showlegend, x, line = {}, marker = {} } = trace;
    const scale = { colorscale: marker.colorscale, cmin: marker.cmin, cmax: marker.cmax };
    if (type === "mesh3d") return { type: "scatter", mode: "lines", x: [], y: [], showlegend: false };
    return { type: "scatter", mode, name, text, textposition, textfont, showlegend, x, y: trace[flatAxis],
             hoverinfo: "skip", line: { color: one(line.color, colour("--muted")), width: Math.min(3, line.width || 1) },
             marker: { size: marker.size, symbol: marker.symbol, color: marker.color, ...scale } };
  }
  function flatLayout() {
    const ranges = data.bounds[zoom] || [];
    const axis = (name, range) => ({ title: { text: `${name} [${data.unit}]` }, gridcolor: colour("--line"),
                                     zeroline: false, range });
    const down = flatAxis === "z" ? ranges[2] : ranges[1];
    return { ...base(), margin: { l: 52, r: 8, t: 8, b: 40 }, showlegend: false, xaxis: axis("x", ranges[0]),
             yaxis: { ...axis(flatAxis, down), scaleanchor: "x" } };
  }

  // ---- layout ----
  let zoom = data.bounds.cameras ? "cameras" : "path";
  function axis(name, range) {
    return { title: { text: `${name} [${data.unit}]`, font: { size: 12 } }, gridcolor: colour("--line"),
             zerolinecolor: colour("--line"), linecolor: colour("--line"), showbackground: false, showspikes: false,
             tickfont: { size: 10 }, range, nticks: 6 };
  }
  function solidLayout() {
    const ranges = data.bounds[zoom] || [];
    const [x, y, z] = ["x", "y", "z"].map((name, index) => axis(name, ranges[index]));
    const vector = ([x, y, z]) => ({ x, y, z });
    return { ...base(), margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: zoom,
             legend: { orientation: "h", x: 0, y: 0, font: { size: 12 } },
             scene: { xaxis: x, yaxis: y, zaxis: z, aspectmode: "data", dragmode: "orbit",
                      camera: { eye: vector(data.viewpoint.eye), up: vector(data.viewpoint.up),
                                center: { x: 0, y: 0, z: data.estimated ? 0 : -0.12 } } } };
  }
  const plot = () => Plotly.react(scene, traces(), solid ? solidLayout() : flatLayout(), config);

  function ready() {
    const now = gripper(0).map((_, index) => fixed.length + index), moved = cameras(0).map((_, index) => index);
    if (now.length + moved.length) {
      report.follow((frame) => {
        const columns = [...cameras(frame), ...gripper(frame)];
        const of = (key) => columns.map((column) => column[key]);
        const update = solid ? { x: of("x"), y: of("y"), z: of("z") } : { x: of("x"), y: of(flatAxis) };
        Plotly.restyle(scene, update, [...moved, ...now]);
      });
    }
    const choices = [...document.querySelectorAll("[data-zoom]")];
    for (const choice of choices) {
      choice.parentElement.hidden = !(data.bounds.cameras && data.bounds.path);
      choice.addEventListener("click", () => {
        zoom = choice.dataset.zoom;
        for (const other of choices) other.setAttribute("aria-pressed", String(other === choice));
        plot();
      });
    }
  }
  report.add({ wanted, plot, ready });
})();
