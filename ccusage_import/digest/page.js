"use strict";

// Colours are in page.css, so that they follow the colour scheme; a pattern tells the bars apart without them.
const charts = JSON.parse(document.getElementById("charts").textContent);
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();
const PATTERNS = [
  null,
  { dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 },
  { symbol: "circle", dashArrayX: [[8, 8], [0, 8, 8, 0]], dashArrayY: [6, 0], symbolSize: 0.6 },
  { dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: Math.PI / 4 },
  { dashArrayX: [1, 0], dashArrayY: [2, 6] },
  { dashArrayX: [2, 6], dashArrayY: [1, 0] },
  { symbol: "triangle", dashArrayX: [[9, 9], [0, 9, 9, 0]], dashArrayY: [7, 2], symbolSize: 0.7 },
  { dashArrayX: [6, 6], dashArrayY: [3, 3] },
];

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function look(which, isSlim) {
  const color = css(`chart-${which}`);
  if (isSlim) return { color, decal: { symbol: "none" } };
  const pattern = which === "forecast" ? PATTERNS[1] : PATTERNS[which % PATTERNS.length];
  return {
    color,
    borderColor: css("surface"),
    borderWidth: 0.5,
    decal: pattern ? { ...pattern, color: css("pattern") } : { symbol: "none" },
  };
}

function theme() {
  const text = css("text"), muted = css("muted"), line = css("line");
  const axis = {
    axisLabel: { color: muted },
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    splitLine: { lineStyle: { color: line } },
    splitArea: { areaStyle: { color: ["transparent"] } },
  };
  return {
    textStyle: { color: text, fontFamily: getComputedStyle(document.body).fontFamily },
    categoryAxis: axis,
    valueAxis: axis,
    legend: { textStyle: { color: text }, pageTextStyle: { color: text }, pageIconColor: text },
    visualMap: { textStyle: { color: muted }, inRange: { color: [css("heat-low"), css("heat-high")] } },
    heatmap: { label: { color: text }, itemStyle: { borderColor: css("surface"), borderWidth: 1 } },
  };
}

function complete(option, width) {
  const base = option.baseOption ?? option;
  // Bars of a few pixels have no room for borders and patterns.
  const isSlim = width / (base.xAxis.data?.length ?? 1) < 8;
  Object.assign(base, { animation: false, aria: { enabled: true, label: { enabled: false } } });
  Object.assign(base.tooltip, {
    // Drawn on the canvas: no name ever becomes HTML.
    renderMode: "richText",
    confine: true,
    valueFormatter: (value) => (value == null ? "-" : dollars.format(value)),
    backgroundColor: css("surface"),
    borderColor: css("line"),
    textStyle: { color: css("text") },
  });
  if (base.legend?.type === "scroll" && "printed" in document.documentElement.dataset) {
    // Nobody turns the pages of a legend on paper.
    base.legend.type = "plain";
    base.grid.top = 76;
  }
  for (const series of base.series) {
    if (series.look !== undefined) series.itemStyle = look(series.look, isSlim);
  }
  return option;
}

function draw() {
  for (const { name, option, height_pixels: height } of charts) {
    const place = document.getElementById(`chart-${name}`);
    drawn.get(name)?.dispose();
    place.replaceChildren();
    place.hidden = false;
    place.style.height = `${height}px`;
    const chart = echarts.init(place, theme(), { renderer: "canvas" });
    chart.setOption(complete(structuredClone(option), place.clientWidth));
    drawn.set(name, chart);
  }
}

// The arrow keys move through a chart as the mouse does.
function walk(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const chart = drawn.get(event.currentTarget.dataset.chart);
  if (event.key === "Escape") chart.dispatchAction({ type: "hideTip" });
  if (!step) return;
  event.preventDefault();
  const count = chart.getOption().series[0].data.length;
  const at = Number(event.currentTarget.dataset.at ?? (step > 0 ? -1 : count));
  const next = Math.min(count - 1, Math.max(0, at + step));
  event.currentTarget.dataset.at = next;
  chart.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: next });
}

// Paper is light and narrow. Of a chart's layers only the uppermost would be printed, so they are made one.
function printed() {
  document.documentElement.dataset.printed = "";
  draw();
  for (const [name, chart] of drawn) {
    const whole = chart.getRenderedCanvas({ pixelRatio: 3 });
    whole.removeAttribute("style");
    document.getElementById(`chart-${name}`).replaceChildren(whole);
  }
}

function shown() {
  delete document.documentElement.dataset.printed;
  draw();
}

draw();
for (const place of document.querySelectorAll("[data-chart]")) {
  place.addEventListener("keydown", walk);
  new ResizeObserver(() => drawn.get(place.dataset.chart).resize()).observe(place);
}
dark.addEventListener("change", draw);
addEventListener("beforeprint", printed);
addEventListener("afterprint", shown);
