"use strict";
// Position, rotation, openness and confidence over the frames, one panel below the other.
(() => {
  const { data, find, base, colour, config } = report;
  const courses = find("#courses"), last = data.frames - 1;
  const wanted = data.courses.length > 0;
  courses.closest("section").hidden = !wanted;
  const titles = { position: `position [${data.unit}]`, rotation: "rotation [°]", openness: "openness",
                   confidence: "confidence" };
  const weights = { position: 3, rotation: 3, openness: 1.5, confidence: 1.5 };
  const panels = data.panels.filter((panel) => data.courses.some((trace) => trace.panel === panel));
  const axisOf = (panel) => (panels.indexOf(panel) ? `y${panels.indexOf(panel) + 1}` : "y");
  const traces = data.courses.map(({ panel, ...trace }) => ({ ...trace, yaxis: axisOf(panel) }));

  function axis(panel, domain) {
    const share = panel === "openness" || panel === "confidence";
    return { title: { text: titles[panel], standoff: 8 }, domain, gridcolor: colour("--line"), zeroline: false,
             automargin: true, fixedrange: true, nticks: share ? 3 : 5, ...(share ? { range: [-0.08, 1.08] } : {}) };
  }
  function axes() {
    const gap = 0.05, all = panels.reduce((sum, panel) => sum + weights[panel], 0);
    let top = 1;
    return Object.fromEntries(panels.map((panel) => {
      const height = (1 - gap * (panels.length - 1)) * weights[panel] / all, domain = [Math.max(0, top - height), top];
      top -= height + gap;
      return [axisOf(panel).replace("y", "yaxis"), axis(panel, domain)];
    }));
  }
  const cursor = () => [{ type: "line", xref: "x", yref: "paper", x0: report.shown, x1: report.shown, y0: 0, y1: 1,
                          line: { color: colour("--ink"), width: 1.5, dash: "dot" } }];
  function plot() {
    const layout = {
      ...base(), ...axes(), margin: { l: 56, r: 8, t: 26, b: 40 }, hovermode: "x unified", shapes: cursor(),
      legend: { orientation: "h", x: 0, y: 1.0, yanchor: "bottom" },
      xaxis: { title: { text: "frame", standoff: 6 }, gridcolor: colour("--line"), zeroline: false, fixedrange: true,
               range: [-0.3, last + 0.3], anchor: axisOf(panels[panels.length - 1]), hoverformat: "d" } };
    Plotly.react(courses, traces, layout, config);
  }
  function ready() {
    courses.on("plotly_click", (event) => report.seek(Math.round(event.points[0].x)));
    report.follow(() => Plotly.relayout(courses, { shapes: cursor() }));
  }
  report.add({ wanted, plot, ready });
})();
