"use strict";

// Draws the charts, filters them, and sorts the tables. Colours are in the style sheet, so that they follow the colour scheme.
const drawn = new Map();
const madeBy = new Map();
const MOST = { sessions: 10, prompts: 5 };

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
    legend: { textStyle: { color: text, width: 260, overflow: "break" } },
    visualMap: { textStyle: { color: muted }, inRange: { color: [css("heat-low"), css("heat-high")] } },
    heatmap: { label: { color: text }, itemStyle: { borderColor: css("surface"), borderWidth: 1 } },
  };
}

function complete(option) {
  Object.assign(option, { animation: false, aria: { enabled: true, label: { enabled: false }, decal: { show: false } } });
  Object.assign(option.tooltip, {
    // Drawn on the canvas: no name ever becomes HTML.
    renderMode: "richText",
    confine: true,
    backgroundColor: css("surface"),
    borderColor: css("line"),
    textStyle: { color: css("text") },
  });
  return option;
}

function draw() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const name = place.dataset.chart;
    drawn.get(name)?.dispose();
    place.replaceChildren();
    place.hidden = false;
    const made = MAKERS[name](place.clientWidth);
    place.style.height = `${made.height}px`;
    const chart = echarts.init(place, theme(), { renderer: "canvas" });
    chart.setOption(complete(made.option));
    if (name === "days") chart.getZr().on("click", (event) => clicked(chart, event));
    drawn.set(name, chart);
    madeBy.set(name, { ...made, width: place.clientWidth });
  }
}

// Sentence and table of a chart say what is drawn; until something is chosen they are as they were made.
function tell() {
  const isAll = Object.values(chosen).join() === "all,cost,,";
  for (const place of document.querySelectorAll("[data-chart]")) {
    const name = place.dataset.chart, section = place.closest("section"), made = madeBy.get(name);
    const sentence = section.querySelector("[data-sentence]"), table = section.querySelector("table");
    if (!madeBy.has(`${name}/first`)) {
      madeBy.set(`${name}/first`, { text: sentence.textContent, label: place.getAttribute("aria-label"), table: table.cloneNode(true) });
    }
    const first = madeBy.get(`${name}/first`);
    if (name === "cache") continue;
    sentence.textContent = isAll ? first.text : `${amount(made.total)} in all, as chosen above.`;
    place.setAttribute("aria-label", isAll ? first.label : `${sentence.textContent} The numbers are in the table that follows.`);
    const shown = isAll ? first.table.cloneNode(true) : filled(made);
    table.replaceWith(shown);
    sortable(shown);
    if (name === "days") reachable(shown);
    section.hidden = !isAll && name === "hours" && chosen.project !== "";
  }
}

function filled({ columns, rows, texts = [] }) {
  const table = document.createElement("table");
  const line = (parent, cells, isHead) => {
    const row = parent.insertRow();
    cells.forEach((text, at) => {
      const cell = document.createElement(isHead || !at ? "th" : "td");
      cell.textContent = text;
      if (isHead || !at) cell.scope = isHead ? "col" : "row";
      cell.className = texts.includes(at) ? "short" : at ? "number" : isHead ? "" : "name";
      row.append(cell);
    });
  };
  line(table.createTHead(), columns, true);
  const body = table.createTBody();
  for (const cells of rows) line(body, cells, false);
  return table;
}

function worth(cell) {
  const text = cell.textContent.trim(), number = Number(text.replace(data.money.sign, "").replace(/[,%*\s]|tokens/g, ""));
  return text && !Number.isNaN(number) ? number : text.toLowerCase();
}

function sort(table, head, at) {
  const isDown = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !head.classList.contains("number"));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isDown ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].sort((one, other) => {
    const [left, right] = [worth(one.cells[at]), worth(other.cells[at])];
    const order = typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right));
    return isDown ? order : -order;
  });
  table.tBodies[0].append(...rows);
}

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(table, head, at));
    head.replaceChildren(button);
  });
}

// The day of a bar, or of the room above it.
function clicked(chart, { offsetX, offsetY }) {
  if (!chart.containPixel("grid", [offsetX, offsetY])) return;
  openDay(madeBy.get("days").starts[chart.convertFromPixel({ seriesIndex: 0 }, [offsetX, offsetY])[0]]);
}

// What was used on a day: its dearest sessions and prompts, whatever is chosen above.
function openDay(day) {
  if (!(day in data.by_day)) return;
  const { sessions, prompts } = data.by_day[day], tables = document.getElementById("day-tables");
  document.getElementById("day").hidden = false;
  document.getElementById("day-title").textContent = `${WEEKDAYS[(new Date(day).getUTCDay() + 6) % 7]} ${day}`;
  document.getElementById("day-note").textContent = `At most ${MOST.sessions} sessions and ${MOST.prompts} prompts, those that cost`
    + " most on this day, whatever is chosen above. A session of which no messages are stored is whole on its last day.";
  const lines = (rows, at) => rows.map((row) => row.map((cell, place) => (place === at ? money(cell) : typeof cell === "number" ? whole.format(cell) : cell)));
  tables.replaceChildren(
    ...(sessions.length ? [filled({ columns: ["session", "project", "machine", "cost", "tokens"], rows: lines(sessions, 3), texts: [1, 2] })] : []),
    ...(prompts.length ? [filled({ columns: ["prompt at", "command", "project", "machine", "cost"], rows: lines(prompts, 4), texts: [1, 2, 3] })] : []),
  );
  for (const table of tables.children) sortable(table);
  document.getElementById("day-title").focus();
}

function closeDay() {
  document.getElementById("day").hidden = true;
  document.getElementById("chart-days").focus();
}

// Each day of the table leads to its sessions too.
function reachable(table) {
  for (const { cells: [head] } of table.tBodies[0].rows) {
    const day = head.textContent;
    if (!(day in data.by_day)) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = day;
    button.addEventListener("click", () => openDay(day));
    head.replaceChildren(button);
  }
}

// The arrow keys move through a chart as the mouse does.
function walk(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const chart = drawn.get(event.currentTarget.dataset.chart);
  if (event.key === "Escape") chart.dispatchAction({ type: "hideTip" });
  if (event.key === "Enter" && event.currentTarget.dataset.chart === "days") openDay(madeBy.get("days").starts[event.currentTarget.dataset.at]);
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

function resized(place) {
  if ("printed" in document.documentElement.dataset) return;
  if (madeBy.get(place.dataset.chart).width !== place.clientWidth && place.clientWidth) draw();
}

function listen() {
  const filters = document.getElementById("filters");
  for (const [name, names] of [["project", data.projects], ["machine", data.machines]]) {
    const select = document.getElementById(`filter-${name}`);
    select.append(...names.map((text, at) => new Option(text, at)));
    select.closest("label").hidden = names.length < 2;
  }
  filters.hidden = false;
  document.getElementById("day-how")?.removeAttribute("hidden");
  document.getElementById("day-close")?.addEventListener("click", closeDay);
  document.getElementById("day")?.addEventListener("keydown", (event) => { if (event.key === "Escape") closeDay(); });
  filters.addEventListener("change", (event) => {
    chosen[event.target.name] = event.target.value;
    draw();
    tell();
  });
  for (const place of document.querySelectorAll("[data-chart]")) {
    place.addEventListener("keydown", walk);
    new ResizeObserver(() => resized(place)).observe(place);
  }
  for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) matchMedia(query).addEventListener("change", draw);
  addEventListener("beforeprint", printed);
  addEventListener("afterprint", shown);
}

draw();
tell();
for (const table of document.querySelectorAll(".tables table")) sortable(table);
listen();
