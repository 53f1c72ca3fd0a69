"use strict";
// Four charts over the same shippers, drawn by uPlot. The arrow keys move through the samples.

const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const SPANS = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, ...POWERS.map((power) => power * 86400)];
const CHARTS = [
  { column: "lines_s", title: "Lines settled per second", word: (value) => format.rate(value) },
  { column: "bytes_s", title: "Bytes settled per second", steps: POWERS, word: (value) => format.size(value) },
  { column: "lag_bytes", title: "Lag in bytes", steps: POWERS, word: (value) => format.size(value) },
  { column: "lag_s", title: "Age of the oldest line", steps: SPANS, word: (value) => format.duration(value) },
];
const COLOURS = 8;
const PLOT_HEIGHT = 140;
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

const charts = {
  made: [],
  shape: "",
  hidden: new Set(),

  nameOf: (track) => `${track.pipeline} → ${track.sink}`,

  // The name of the sink alone if there is one pipeline.
  shortNameOf: (track, tracks) => (tracks.every((each) => each.pipeline === track.pipeline) ? track.sink : charts.nameOf(track)),

  draw(history) {
    const tracks = history.tracks.filter((track) => track.at.length);
    byId("charts-note").hidden = tracks.length > 0;
    const shape = JSON.stringify(tracks.map(charts.nameOf));
    if (shape !== charts.shape) charts.make(tracks, shape);
    for (const chart of charts.made) {
      chart.plot.setData(charts.joined(tracks, chart.column));
      charts.tell(chart, null);
    }
  },

  // Moments of all tracks on one axis; where a track has no sample there is a gap.
  joined(tracks, column) {
    if (!tracks.length) return [[]];
    return uPlot.join(tracks.map((track) => [track.at, track[column]]));
  },

  make(tracks, shape) {
    charts.made.forEach((chart) => chart.plot.destroy());
    charts.shape = shape;
    byId("charts").replaceChildren();
    charts.made = tracks.length ? CHARTS.map((kind) => charts.one(kind, tracks)) : [];
    byId("tracks").replaceChildren(...tracks.map((track, index) => charts.toggle(track, index, tracks)));
  },

  one(kind, tracks) {
    const readout = element("output", { "aria-live": "off" });
    const place = element("div", { class: "plot", tabindex: "0", role: "img" });
    byId("charts").append(element("figure", { class: "chart" }, element("figcaption", {}, kind.title, readout), place));
    const chart = { ...kind, tracks, readout, place };
    chart.plot = new uPlot(charts.options(chart), [[]], place);
    place.addEventListener("keydown", (event) => charts.step(chart, event));
    place.addEventListener("blur", () => charts.leave(chart));
    new ResizeObserver(() => chart.plot.setSize({ width: place.clientWidth, height: PLOT_HEIGHT })).observe(place);
    return chart;
  },

  options(chart) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    return {
      width: chart.place.clientWidth || 300,
      height: PLOT_HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: {
        x: { range: charts.span },
        y: { range: (plot, least, most) => [0, most > 0 ? most * 1.1 : 1] },
      },
      axes: [
        { ...axis, space: 48, size: 30, values: (plot, moments) => moments.map((at) => format.clock(at).slice(0, 5)) },
        { ...axis, space: 22, size: 66, values: (plot, values) => values.map((value) => format.round(chart.word(value))), ...(chart.steps ? { incrs: chart.steps } : {}) },
      ],
      series: [{}, ...chart.tracks.map((track, index) => ({
        label: charts.nameOf(track),
        show: !charts.hidden.has(charts.nameOf(track)),
        stroke: colour(`--s${index % COLOURS}`),
        dash: DASHES[Math.floor(index / COLOURS) % DASHES.length],
        width: 2,
        points: { show: (plot) => plot.data[0].length < 3 },
      }))],
      hooks: { setCursor: [(plot) => chart.plot && charts.tell(chart, plot.cursor.idx)] },
    };
  },

  // The hour before the newest sample; what there is of it while it is less, and five minutes at least.
  span(plot) {
    const moments = plot.data[0];
    if (!moments.length) return [0, 300];
    const most = moments[moments.length - 1];
    return [Math.max(most - 3600, Math.min(moments[0], most - 300)), most];
  },

  // What stands below the title: the values at a moment, or the newest and the greatest ones.
  tell(chart, index) {
    const [moments, ...columns] = chart.plot.data;
    if (!moments || !moments.length) return;
    const at = index ?? moments.length - 1;
    const most = Math.max(0, ...columns.flat().filter((value) => value != null));
    const entries = chart.tracks.map((track, i) => [track, columns[i][at]])
      .filter(([track, value]) => value != null && !charts.hidden.has(charts.nameOf(track)));
    // While nobody moves through the samples of many lines, the highest one is enough.
    const isBrief = index == null && entries.length > 2;
    if (isBrief) entries.sort((a, b) => b[1] - a[1]);
    const values = entries.slice(0, isBrief ? 1 : 6).map(([track, value]) => (chart.tracks.length > 1
      ? `${charts.shortNameOf(track, chart.tracks)}: ${chart.word(value)}` : chart.word(value)));
    const text = `${format.clock(moments[at])} · ${values.join(", ")} · most ${chart.word(most)}`;
    if (chart.readout.textContent !== text) chart.readout.textContent = text;
    chart.place.setAttribute("aria-label", `${chart.title}, the last hour. ${text}. Left and right go through the samples.`);
  },

  step(chart, event) {
    const moments = chart.plot.data[0];
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!by || !moments.length) return;
    event.preventDefault();
    const from = chart.plot.cursor.idx ?? (by < 0 ? moments.length : -1);
    const to = Math.min(moments.length - 1, Math.max(0, from + by));
    chart.readout.setAttribute("aria-live", "polite");
    chart.plot.setCursor({ left: chart.plot.valToPos(moments[to], "x"), top: 10 });
  },

  leave(chart) {
    chart.readout.setAttribute("aria-live", "off");
    chart.plot.setCursor({ left: -10, top: -10 });
  },

  toggle(track, index, tracks) {
    const name = charts.nameOf(track);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const drawn = { x1: 0, y1: 5, x2: 24, y2: 5, "stroke-width": 3, stroke: `var(--s${index % COLOURS})` };
    drawn["stroke-dasharray"] = DASHES[Math.floor(index / COLOURS) % DASHES.length].join(" ");
    for (const [key, value] of Object.entries(drawn)) line.setAttribute(key, value);
    for (const [key, value] of Object.entries({ width: 24, height: 10, "aria-hidden": "true" })) svg.setAttribute(key, value);
    svg.append(line);
    const button = element("button", { type: "button", "aria-pressed": String(!charts.hidden.has(name)) }, svg, charts.shortNameOf(track, tracks));
    button.addEventListener("click", () => {
      const isShown = charts.hidden.delete(name);
      if (!isShown) charts.hidden.add(name);
      button.setAttribute("aria-pressed", String(isShown));
      for (const chart of charts.made) {
        chart.plot.setSeries(index + 1, { show: isShown });
        charts.tell(chart, null);
      }
    });
    return button;
  },
};
