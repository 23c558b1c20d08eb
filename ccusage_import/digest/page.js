"use strict";

// Draws the charts, filters them, and sorts the tables. Colours are in the style sheet, so that they follow the colour scheme.
const drawn = new Map();
const madeBy = new Map();

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
    if (made.isSquares) chart.on("click", ({ dataIndex }) => openElement(name, dataIndex));
    else chart.getZr().on("click", (event) => clicked(name, chart, event));
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
    if (name === "cache") {
      if (!table.querySelector("tbody button")) reachable(table, name);
      continue;
    }
    sentence.textContent = isAll ? first.text : `${amount(made.total)} in all, as chosen above.`;
    place.setAttribute("aria-label", isAll ? first.label : `${sentence.textContent} The numbers are in the table that follows.`);
    const shown = isAll ? first.table.cloneNode(true) : filled(made);
    table.replaceWith(shown);
    reachable(shown, name);
    sortable(shown);
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
      cell.className = texts.includes(at) ? (text.length > 24 ? "long" : "short") : at ? "number" : isHead ? "" : "name";
      row.append(cell);
    });
  };
  line(table.createTHead(), columns, true);
  const body = table.createTBody();
  for (const cells of rows) line(body, cells, false);
  return table;
}

// A number may have a unit: lengths of time are in seconds or minutes, of anything else a column has one alone.
function worth(cell) {
  const text = cell.textContent.trim(), bare = text.replace(data.money.sign, "").replaceAll(",", "");
  const [, number, unit] = bare.match(cell.className === "number" ? /^([+-]?[\d.]+)(?:[%*]*$| (.*))/ : /^([+-]?[\d.]+)$/) ?? [];
  return number ? Number(number) * (unit === "min" ? 60 : 1) : text.toLowerCase();
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

// A bar, or the room above or beside it.
function clicked(name, chart, { offsetX, offsetY }) {
  if (!chart.containPixel("grid", [offsetX, offsetY])) return;
  openElement(name, chart.convertFromPixel({ seriesIndex: 0 }, [offsetX, offsetY])[madeBy.get(name).isAcross ? 1 : 0]);
}

function openElement(name, at) {
  const label = madeBy.get(name).labels[at];
  if (label !== undefined) openBehind(BEHIND[name](label), document.getElementById(`chart-${name}`));
}

// The bars of the last days are small: they lead there together.
function spark() {
  const bars = document.querySelector(".spark");
  if (!bars) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "leads";
  button.addEventListener("click", () => openBehind(BEHIND.recent(), button));
  bars.replaceWith(button);
  button.append(bars);
}

// The arrow keys move through a chart as the mouse does; what is reached is announced.
function walk(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const place = event.currentTarget, name = place.dataset.chart, chart = drawn.get(name);
  if (event.key === "Escape") chart.dispatchAction({ type: "hideTip" });
  if (event.key === "Enter") openElement(name, place.dataset.at);
  if (!step) return;
  event.preventDefault();
  const count = chart.getOption().series[0].data.length;
  const at = Number(place.dataset.at ?? (step > 0 ? -1 : count));
  const next = Math.min(count - 1, Math.max(0, at + step));
  place.dataset.at = next;
  chart.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: next });
  const { labels, rows, columns } = madeBy.get(name), row = rows.find(([label]) => label === labels[next]);
  document.getElementById("reached").textContent = row ? `${row[0]}, ${columns[1]} ${row[1]}` : labels[next];
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
  document.getElementById("how").hidden = false;
  document.getElementById("behind-close").addEventListener("click", closeBehind);
  document.getElementById("behind").addEventListener("keydown", (event) => { if (event.key === "Escape") closeBehind(); });
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
for (const section of document.querySelectorAll(".tables")) {
  const table = section.querySelector("table");
  if (!table) continue;
  if (section.dataset.table in BEHIND) reachable(table, section.dataset.table);
  sortable(table);
}
spark();
listen();
