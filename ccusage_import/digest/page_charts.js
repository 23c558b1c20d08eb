"use strict";

// Options for the chart library, made of the rows in the page and the filters that are chosen.
const data = JSON.parse(document.getElementById("data").textContent);
for (const [name, width] of [["days", 4], ["by_project", 5], ["hours", 3]]) data[name] = unpacked(data[name], width);
const DAY = 86400000;
const OTHERS = 7;
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const start = Date.parse(data.first);
const today = dayNumber(data.today);
const since = data.since ? dayNumber(data.since) : 0;
const chosen = { range: "all", measure: "cost", project: "", machine: "" };
const [cents, finer] = [0, 2].map((more) => data.money.decimals + more).map((digits) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const whole = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const pencil = document.createElement("canvas").getContext("2d");

// The page holds day and machine once, before all rows of both, and costs in hundredths of a cent.
function unpacked(groups, width) {
  return groups.flatMap(([day, machine, ...numbers]) => parted(numbers, width).map((row) => {
    row[width - 2] /= 10000;
    return [day, machine, ...row];
  }));
}

function parted(numbers, width) {
  return Array.from({ length: numbers.length / width }, (_, at) => numbers.slice(at * width, (at + 1) * width));
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function isCost() { return chosen.measure === "cost"; }
// What costs less than a cent does not read as zero; what rounds to no hundredth of one is left over from adding up.
function money(value) {
  const size = Math.abs(value);
  const isSmall = size < 10 ** -data.money.decimals && Number(finer.format(size)) > 0;
  return `${value < 0 ? "-" : ""}${data.money.sign}${(isSmall ? finer : cents).format(size)}`;
}
function amount(value) { return value == null ? "-" : isCost() ? money(value) : `${whole.format(value)} tokens`; }
function brief(value) {
  if (!isCost()) return short.format(value);
  return value < 100 && !Number.isInteger(value) ? money(value) : `${data.money.sign}${short.format(value)}`;
}
function dayNumber(text) { return Math.round((Date.parse(text) - start) / DAY); }
function dayText(number) { return new Date(start + number * DAY).toISOString().slice(0, 10); }
function monthText(number) { return dayText(number).slice(0, 7); }
function weekday(number) { return (new Date(start + number * DAY).getUTCDay() + 6) % 7; }
function namedDay(number) { return `${WEEKDAYS[weekday(number)]} ${dayText(number)}`; }
function twoDigits(number) { return String(number).padStart(2, "0"); }
function firstDay() { return Math.max(since, chosen.range === "all" ? 0 : today - Number(chosen.range) + 1); }
function isNarrow(width) { return width < 640; }

// Rows as {day, machine, agent, project, model, value}, of the machine and project that are chosen.
function usage(first, tellsProjects = chosen.project !== "") {
  const at = isCost() ? 0 : 1;
  const rows = tellsProjects
    ? data.by_project.map(([day, machine, agent, project, model, ...sums]) =>
        ({ day, machine, agent, project, model, value: sums[at] }))
    : data.days.map(([day, machine, agent, model, ...sums]) => ({ day, machine, agent, model, value: sums[at] }));
  return rows.filter((row) => row.day >= first && row.day <= today
    && (chosen.machine === "" || row.machine === Number(chosen.machine))
    && (chosen.project === "" || row.project === Number(chosen.project)));
}

function summed(rows, key) {
  const sums = new Map();
  for (const row of rows) sums.set(key(row), (sums.get(key(row)) ?? 0) + row.value);
  return sums;
}

function byModel(rows, key) {
  const models = new Map();
  for (const row of rows) {
    const { name, look } = data.models[row.model];
    const label = look === OTHERS ? "other models" : name;
    if (!models.has(label)) models.set(label, { look, sums: new Map() });
    const { sums } = models.get(label);
    sums.set(key(row), (sums.get(key(row)) ?? 0) + row.value);
  }
  return [...models].sort((one, other) => one[1].look - other[1].look);
}

function paint(look, { isHatched = false, isSlim = false } = {}) {
  // Bars of a few pixels have no room for borders and patterns.
  const style = { color: css(`chart-${look}`), borderColor: css("surface"), borderWidth: isSlim ? 0 : 0.5, decal: { symbol: "none" } };
  if (isSlim && !isHatched) return style;
  const pattern = PATTERNS[look];
  if (isHatched) style.decal = { ...PATTERNS[1], color: css("surface") };
  else if (needsPatterns() && pattern) style.decal = { ...pattern, color: css("pattern") };
  return style;
}

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

function needsPatterns() {
  return "printed" in document.documentElement.dataset || matchMedia("(prefers-contrast: more), (forced-colors: active)").matches;
}

function measured(text) {
  pencil.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return pencil.measureText(text).width;
}

// Lines no wider than the room there is: a name is broken, never cut.
function broken(text, room) {
  const lines = [""];
  for (const letter of text) {
    if (measured(lines.at(-1) + letter) > room) lines.push("");
    lines[lines.length - 1] += letter;
  }
  return lines;
}

function axisTip(title, say = amount) {
  return {
    trigger: "axis",
    axisPointer: { type: "shadow" },
    formatter: (points) => {
      const shown = points.filter((point) => point.value).sort((one, other) => other.value - one.value);
      const total = shown.reduce((sum, point) => sum + point.value, 0);
      return [title(points[0]), `total  ${say(total)}`, ...shown.map((point) => `${point.seriesName}  ${say(point.value)}`)]
        .join("\n");
    },
  };
}

// Room for the labels of the axis is measured in the font they are drawn in.
function grid(values, top) {
  const widest = Math.max(...[1, 1.11, 0.5].map((part) => measured(brief(part * Math.max(1, ...values)))), measured(brief(88.8)));
  return { left: Math.ceil(widest) + 16, right: Math.ceil(measured("2026-12-31") / 2) + 4, top, bottom: 28, containLabel: false };
}

// Legends wrap, so that no name is cut or hidden; the drawing begins below them.
function legend(names, width) {
  let rows = 1, filled = 0;
  for (const name of names) {
    const needed = Math.min(width, measured(name) + 44);
    if (filled && filled + needed > width) { rows += 1; filled = 0; }
    filled += needed;
  }
  return { option: { type: "plain", top: 0, left: 0, itemWidth: 16, itemHeight: 10, data: names }, height: 22 * rows + 12 };
}

function stacked(starts, text, title, models, expected, width) {
  const names = models.map(([name]) => name), isSlim = width / starts.length < 8;
  const series = models.map(([name, { look, sums }]) => ({
    name, type: "bar", stack: "cost", barMaxWidth: 48, itemStyle: paint(look, { isSlim }), data: starts.map((one) => sums.get(one) || null),
  }));
  if (expected.size) {
    names.push("forecast");
    series.push({ name: "forecast", type: "bar", stack: "cost", barMaxWidth: 48, itemStyle: paint("forecast", { isHatched: true, isSlim }),
      data: starts.map((one) => expected.get(one) || null) });
  }
  const top = legend(names, width);
  const totals = starts.map((_, at) => series.reduce((sum, one) => sum + (one.data[at] ?? 0), 0));
  return {
    height: 260 + top.height,
    columns: ["when", "together", ...names],
    rows: starts.map((one, at) => [text(one), amount(totals[at]), ...series.map(({ data: values }) => amount(values[at] ?? 0))])
      .filter((_, at) => totals[at]).reverse(),
    total: totals.reduce((sum, one) => sum + one, 0),
    labels: starts.map(text),
    option: {
      tooltip: axisTip((point) => title(starts[point.dataIndex])),
      legend: top.option,
      grid: grid(totals, top.height),
      xAxis: { type: "category", data: starts.map(text), axisTick: { alignWithLabel: true }, axisLabel: { hideOverlap: true } },
      yAxis: { type: "value", axisLabel: { formatter: brief } },
      series,
    },
  };
}

// What is still expected of a day or month: only where everything is shown, and only of dollars.
function expectation(key, spent) {
  const sums = new Map();
  if (!isCost() || chosen.project !== "" || chosen.machine !== "") return sums;
  for (const [day, cost] of data.forecast) {
    const rest = Math.max(0, cost - (spent.get(day) ?? 0));
    if (rest) sums.set(key(day), (sums.get(key(day)) ?? 0) + rest);
  }
  return sums;
}

function days(width) {
  const rows = usage(0), used = rows.map((row) => row.day);
  // What is chosen above may have no usage at all.
  const newest = used.length ? Math.max(...used) : today;
  const first = chosen.range === "all" ? Math.max(since, newest - data.shown_days + 1, Math.min(newest, ...used)) : firstDay();
  const shown = rows.filter((row) => row.day >= first);
  const expected = expectation((day) => day, summed(shown, (row) => row.day));
  const last = Math.max(chosen.range === "all" ? newest : today, ...expected.keys());
  const starts = Array.from({ length: Math.max(1, last - first + 1) }, (_, at) => first + at);
  return stacked(starts, dayText, namedDay, byModel(shown, (row) => row.day), expected, width);
}

function months(width) {
  const rows = usage(firstDay()), key = (row) => monthText(row.day);
  const found = [...new Set([...rows.map(key), monthText(today)])].sort();
  const starts = [];
  for (let at = new Date(`${found[0]}-01`); at.toISOString().slice(0, 7) <= found.at(-1); at.setUTCMonth(at.getUTCMonth() + 1)) {
    starts.push(at.toISOString().slice(0, 7));
  }
  const expected = chosen.range === "all" && !data.since ? expectation(monthText, summed(rows, (row) => row.day)) : new Map();
  return stacked(starts, (month) => month, (month) => month, byModel(rows, key), expected, width);
}

function calendar(width) {
  const weeks = isNarrow(width) ? 26 : 53;
  const first = Math.max(firstDay(), today - 7 * (weeks - 1) - weekday(today));
  const sums = summed(usage(first), (row) => row.day);
  const highest = Math.max(0, ...sums.values()), squares = [...sums].filter(([, value]) => value > 0);
  return {
    isSquares: true,
    labels: squares.map(([day]) => dayText(day)),
    height: isNarrow(width) ? 176 : 200,
    columns: ["day", chosen.measure],
    rows: [...sums].sort(([one], [other]) => other - one).map(([day, value]) => [dayText(day), amount(value)]),
    total: [...sums.values()].reduce((sum, one) => sum + one, 0),
    option: {
      tooltip: { formatter: ({ value }) => `${namedDay(dayNumber(value[0]))}\ntotal  ${amount(value[1])}` },
      visualMap: scale(highest),
      calendar: {
        range: [dayText(today - 7 * (weeks - 1) - weekday(today)), dayText(today)],
        cellSize: ["auto", isNarrow(width) ? 14 : 16], left: 40, right: 8, top: 24,
        itemStyle: { color: css("page"), borderColor: css("surface"), borderWidth: 2 },
        splitLine: { show: false },
        dayLabel: { firstDay: 1, nameMap: ["Sun", "Mon", "", "Wed", "", "Fri", ""], color: css("muted") },
        monthLabel: { color: css("muted") },
        yearLabel: { show: false },
      },
      series: [{ name: chosen.measure, type: "heatmap", coordinateSystem: "calendar",
        data: squares.map(([day, value]) => [dayText(day), value]) }],
    },
  };
}

function scale(highest) {
  return { min: 0, max: highest || 1, calculable: false, orient: "horizontal", left: "center", bottom: 0, itemWidth: 12,
    itemHeight: 120, text: [brief(highest), brief(0)] };
}

function cumulative() {
  const date = new Date(Date.parse(data.today)), month = date.getUTCDate();
  const thisFirst = today - month + 1;
  const lastFirst = Math.round((Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 1, 1) - start) / DAY);
  const sums = summed(usage(Math.min(lastFirst, 0)), (row) => row.day);
  const line = (first, last) => {
    let sum = 0;
    return Array.from({ length: 31 }, (_, at) => {
      if (first + at > last) return null;
      sum += sums.get(first + at) ?? 0;
      return Math.round(sum * 10000) / 10000;
    });
  };
  const now = line(thisFirst, today), before = line(lastFirst, thisFirst - 1);
  const expected = expectation((day) => day - thisFirst, sums);
  const ahead = Array(31).fill(null);
  let reached = now[month - 1];
  for (const [at, cost] of [...expected].sort((one, other) => one[0] - other[0])) ahead[at] = reached += cost;
  const series = [["this month", now, 0, "solid"], ["last month", before, 7, "solid"]];
  if (expected.size) series.push(["forecast", ahead, 0, "dashed"]);
  const names = series.map(([name]) => name), tip = axisTip((point) => `day ${point.name}`);
  tip.axisPointer = { type: "line" };
  tip.formatter = (points) => [`day ${points[0].name} of the month`, ...points.filter((point) => point.value != null)
    .sort((one, other) => other.value - one.value).map((point) => `${point.seriesName}  ${amount(point.value)}`)].join("\n");
  return {
    height: 294,
    columns: ["day", "this month", "last month"],
    labels: now.map((_, at) => String(at + 1)),
    rows: now.map((value, at) => [String(at + 1), amount(value), amount(before[at])]),
    total: now[month - 1],
    option: {
      tooltip: tip,
      legend: { type: "plain", top: 0, left: 0, itemWidth: 16, data: names },
      grid: grid([...now, ...before, ...ahead].map(Number), 34),
      xAxis: { type: "category", data: now.map((_, at) => String(at + 1)), axisLabel: { hideOverlap: true } },
      yAxis: { type: "value", axisLabel: { formatter: brief } },
      // One day alone, as on the first of a month, is no line yet.
      series: series.map(([name, values, look, type]) => ({ name, type: "line", data: values,
        symbol: values.filter((value) => value !== null).length === 1 ? "circle" : "none", symbolSize: 8,
        itemStyle: { color: css(`chart-${look}`) }, lineStyle: { color: css(`chart-${look}`), width: 2.5, type } })),
    },
  };
}

// On a narrow screen the days are side by side and the hours below one another, so that each cell has room for its number.
function hours(width) {
  const at = isCost() ? 3 : 4, first = firstDay(), sums = new Map();
  for (const row of data.hours) {
    if (row[0] < first || (chosen.machine !== "" && row[1] !== Number(chosen.machine))) continue;
    const key = `${weekday(row[0])},${row[2]}`;
    sums.set(key, (sums.get(key) ?? 0) + row[at]);
  }
  const highest = Math.max(0, ...sums.values()), narrow = isNarrow(width);
  const names = Array.from({ length: 24 }, (_, hour) => twoDigits(hour));
  if (narrow) names.splice(Math.max(0, ...[...sums].filter(([, value]) => value > 0).map(([key]) => Number(key.split(",")[1]))) + 1);
  const across = { type: "category", data: narrow ? WEEKDAYS : names, position: narrow ? "top" : "bottom", axisLabel: { interval: 0 } };
  const down = { type: "category", data: narrow ? names : WEEKDAYS, inverse: true, axisLabel: { interval: 0 } };
  const cells = [...sums].filter(([, value]) => value > 0).map(([key, value]) => {
    const [day, hour] = key.split(",").map(Number);
    return { name: `${WEEKDAYS[day]} ${names[hour]}:00`, value: [narrow ? day : hour, narrow ? hour : day, value] };
  });
  return {
    height: narrow ? names.length * 24 + 76 : 7 * 30 + 76,
    isSquares: true,
    columns: ["hour", chosen.measure],
    labels: cells.map(({ name }) => name),
    rows: cells.map(({ name, value }) => [name, amount(value[2])]),
    total: cells.reduce((sum, { value }) => sum + value[2], 0),
    option: {
      tooltip: { formatter: ({ name, value }) => `${name}\ntotal  ${amount(value[2])}` },
      grid: { left: 40, right: 8, top: narrow ? 28 : 8, bottom: narrow ? 44 : 68, containLabel: false },
      xAxis: across,
      yAxis: down,
      visualMap: { ...scale(highest), dimension: 2 },
      series: [{ name: chosen.measure, type: "heatmap", data: cells,
        label: { show: true, fontSize: 11, formatter: ({ value }) => (isCost() && value[2] < 10 ? value[2].toFixed(data.money.decimals) : short.format(value[2])) } }],
    },
  };
}

// Names stand above their bars, where they have the whole width.
function bars(width, names, columns, series, say = amount) {
  const room = width - 16, texts = names.map((name, at) => {
    const total = series.reduce((sum, one) => sum + one.values[at], 0);
    return broken(`${name}  ${say(total)}`, room);
  });
  const lines = Math.max(1, ...texts.map((one) => one.length)), row = 26 + 16 * lines;
  const top = series.length > 1 ? 32 : 4;
  return {
    height: top + row * names.length + 12,
    columns,
    isAcross: true,
    labels: names,
    rows: names.map((name, at) => [name, ...series.map(({ values }) => say(values[at]))]),
    total: series.reduce((sum, one) => sum + one.values.reduce((part, value) => part + value, 0), 0),
    option: {
      tooltip: axisTip((point) => broken(point.name, Math.min(room, 420)).join("\n"), say),
      legend: { show: series.length > 1, type: "plain", top: 0, left: 0, itemWidth: 16, itemHeight: 10 },
      grid: { left: 4, right: 8, top, bottom: 8, containLabel: false },
      xAxis: { type: "value", show: false },
      yAxis: { type: "category", inverse: true, data: names, axisTick: { show: false }, axisLine: { show: false },
        axisLabel: { inside: true, margin: 0, align: "left", verticalAlign: "bottom", padding: [0, 0, 10, 0], lineHeight: 16, color: css("text"),
          interval: 0, formatter: (name, at) => texts[at].join("\n") }, z: 10 },
      series: series.map(({ name, values, look }) => ({ name, type: "bar", stack: "cost", barWidth: 10, itemStyle: paint(look), data: values,
        barCategoryGap: 0 })),
    },
  };
}

function dearest(width, what, names, key, limit = 10) {
  const rows = key === "project" ? usage(firstDay(), true) : usage(firstDay());
  const sums = [...summed(rows, (row) => row[key])];
  const shown = sums.sort((one, other) => other[1] - one[1]).slice(0, limit);
  return bars(width, shown.map(([at]) => names[at]), [what, chosen.measure],
    [{ name: chosen.measure, values: shown.map(([, value]) => Math.round(value * 10000) / 10000), look: 0 }]);
}

function cache(width) {
  return bars(width, data.cache.map(([model]) => model), ["model", "paid", "saved"], [
    { name: "paid", values: data.cache.map(([, paid]) => paid), look: 0 },
    { name: "saved", values: data.cache.map(([, , saved]) => saved), look: 2 },
  ], money);
}

const MAKERS = {
  days, months, calendar, cumulative, hours, cache,
  projects: (width) => dearest(width, "project", data.projects, "project"),
  "machines-cost": (width) => dearest(width, "machine", data.machines, "machine"),
  agents: (width) => dearest(width, "agent", data.agents, "agent"),
};
