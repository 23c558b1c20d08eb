"use strict";

// From what stands for days or for a name - a bar, a square, the first cell of a row - to the dearest sessions and prompts behind it.
const OTHER_PROJECTS = "other projects";
const NO_COMMAND = "prompts without a command";
const LONG_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const heldSince = dayNumber(data.held_since);
const projectNames = [...data.projects, ...data.more_projects];
let cameFrom = null;

// What an element stands for: a title, which rows are its own, and the first and last day where it stands for days.
const BEHIND = {
  days: (text) => ofDays(namedDay(dayNumber(text)), dayNumber(text), dayNumber(text)),
  calendar: (text, column) => (column === "week from"
    ? ofDays(`Week from ${text}`, dayNumber(text), dayNumber(text) + 6) : BEHIND.days(text)),
  months: (text) => ofDays(`Month ${text}`, dayNumber(`${text}-01`), dayNumber(`${nextMonth(text)}-01`) - 1),
  cumulative: (text) => {
    const before = dayNumber(`${monthText(today)}-01`) - 1;
    const [last, first] = [before + 1, dayNumber(`${monthText(before)}-01`)].map((month) => month + Number(text) - 1);
    const has = (row) => row.day === last || (row.day === first && row.day <= before);
    return { title: `Day ${text} of this month and of the last one`, first, last, has };
  },
  hours: (text) => {
    const day = WEEKDAYS.indexOf(text.slice(0, 3)), hour = Number(text.slice(-5, -3));
    return { title: `${LONG_WEEKDAYS[day]} at ${text.slice(-5)}`, has: (row) => row.hour === hour && weekday(row.day) === day, only: "prompts" };
  },
  recent: () => ofDays("Last 7 days", today - 6, today),
  projects: (text) => ofName(text === OTHER_PROJECTS ? "" : "Project", text, (row) => projectNames[row.project] === text
    || (text === OTHER_PROJECTS && row.project >= data.projects.length)),
  machines: (text) => ofName("Machine", text, (row) => data.machines[row.machine] === text),
  agents: (text) => ofName("Agent", text, (row) => data.agents[row.agent] === text),
  models: (text) => ofName("Model", text, (row) => data.models[row.model].name === text),
  commands: (text) => (text === NO_COMMAND
    ? { title: "Prompts without a command", has: (row) => !data.commands[row.command], only: "prompts" }
    : { ...ofName("Command", text, (row) => data.commands[row.command] === text), only: "prompts" }),
};
BEHIND["machines-cost"] = BEHIND.machines;
BEHIND.cache = BEHIND.models;
BEHIND.subagents = BEHIND.projects;

function ofDays(title, first, last) { return { title, first, last, has: (row) => row.day >= first && row.day <= last }; }
function ofName(what, name, has) { return { title: `${what} ${name}`.trim(), has }; }
function nextMonth(text) {
  const [year, month] = text.split("-").map(Number);
  return new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 7);
}

// The rows of the page by name, made when they are first asked for.
const held = {
  get sessions() {
    const rows = data.sessions.flatMap(([session, machine, agent, project, ...parts]) => parted(parts, 4)
      .map(([day, model, cost, tokens]) => ({ session, machine, agent, project, day, model, cost: cost / 10000, tokens })));
    Object.defineProperty(held, "sessions", { value: rows });
    return rows;
  },
  get prompts() {
    // Only Claude Code writes transcripts.
    const agent = data.agents.indexOf("claude");
    const rows = parted(data.prompts, 8).map(([day, minute, command, machine, project, session, model, cost]) =>
      ({ day, minute, hour: Math.floor(minute / 60), command, machine, agent, project, session, model, cost: cost / 10000 }));
    Object.defineProperty(held, "prompts", { value: rows });
    return rows;
  },
};

// Each session with all that it cost in the rows that are asked for, on the last of their days.
function dearestSessions(has, most) {
  const found = new Map();
  for (const row of held.sessions.filter(has)) {
    const key = [row.session, row.machine, row.project].join();
    const sum = found.get(key) ?? { ...row, cost: 0, tokens: 0 };
    found.set(key, { ...sum, day: Math.max(sum.day, row.day), cost: sum.cost + row.cost, tokens: sum.tokens + row.tokens });
  }
  return [...found.values()].sort(dearer).slice(0, most);
}

function dearestPrompts(has, most) {
  return held.prompts.filter(has).sort(dearer).slice(0, most);
}

function dearer(one, other) {
  return other.cost - one.cost || other.day - one.day || (other.minute ?? 0) - (one.minute ?? 0);
}

function shownDay(number) { return dayText(number) === "1970-01-01" ? "" : dayText(number); }

function sessionTable(rows, isDay) {
  const cells = rows.map(({ session, project, machine, day, cost, tokens }) => [data.session_names[session], money(cost),
    projectNames[project], data.machines[machine], ...(isDay ? [] : [shownDay(day)]), whole.format(tokens)]);
  return filled({ columns: ["session", "cost", "project", "machine", ...(isDay ? [] : ["last day"]), "tokens"], rows: cells, texts: isDay ? [2, 3] : [2, 3, 4] });
}

function promptTable(rows, isDay) {
  const cells = rows.map(({ day, minute, command, machine, project, session, cost }) => [
    `${isDay ? "" : `${dayText(day)} `}${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`, money(cost),
    data.commands[command] || "without a command", projectNames[project], data.machines[machine], data.session_names[session]]);
  return filled({ columns: ["prompt at", "cost", "command", "project", "machine", "session"], rows: cells, texts: [2, 3, 4, 5] });
}

// What is not in the page is said, not left empty.
function noteOf(of, isDay, most, sessions, prompts) {
  if (of.last < heldSince) return `This is older than the sessions and prompts in this page, which begin on ${data.held_since}.`;
  if (of.first > today) return "This is yet to come: what is drawn is a forecast.";
  const told = of.only === "prompts" ? `${most.prompts} prompts` : `${most.sessions} sessions and ${most.prompts} ${most.prompts === 1 ? "prompt" : "prompts"}`;
  const notes = [`At most ${told}, those that cost most${isDay ? " on this day" : ""}, whatever is chosen above.`];
  if (heldSince > 0 && (of.first === undefined || of.first < heldSince)) notes.push(`Of the days since ${data.held_since}.`);
  if (of.only === "prompts") notes.push("By when they were sent and by what: a session as a whole has neither an hour nor a command.");
  else if (sessions.length) notes.push("A session of which no messages are stored is whole on its last day.");
  else notes.push("No sessions are stored for this: reports of days do not tell them.");
  if (!prompts.length) notes.push("No prompts are stored for this: only transcripts of Claude Code tell them.");
  return notes.join(" ");
}

// Opens beside what was chosen, and is announced as what the focus moved to.
function openBehind(of, origin) {
  const isDay = of.first !== undefined && of.first === of.last;
  const newest = data.days.reduce((last, [day]) => Math.max(last, day), 0);
  const most = isDay && of.first <= newest - data.shown_days ? data.most_of_old_day : data.most;
  const sessions = of.only === "prompts" ? [] : dearestSessions(of.has, most.sessions);
  const prompts = dearestPrompts(of.has, most.prompts);
  const panel = document.getElementById("behind"), title = document.getElementById("behind-title"), tables = document.getElementById("behind-tables");
  title.textContent = of.title;
  document.getElementById("behind-note").textContent = noteOf(of, isDay, most, sessions, prompts);
  tables.replaceChildren(...(sessions.length ? [sessionTable(sessions, isDay)] : []), ...(prompts.length ? [promptTable(prompts, isDay)] : []));
  tables.hidden = !tables.children.length;
  for (const table of tables.children) sortable(table);
  (origin.closest("section") ?? document.getElementById("chart-days").closest("section")).append(panel);
  panel.hidden = false;
  cameFrom = origin;
  title.focus();
}

function closeBehind() {
  document.getElementById("behind").hidden = true;
  // A table is made anew when something else is chosen.
  if (cameFrom?.isConnected) cameFrom.focus();
}

// The first cell of each row leads there too.
function reachable(table, name) {
  const column = table.tHead.rows[0].cells[0].textContent;
  for (const { cells: [head] } of table.tBodies[0].rows) {
    const text = head.textContent, button = document.createElement("button");
    if (!text) continue;
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => openBehind(BEHIND[name](text, column), button));
    head.replaceChildren(button);
  }
}
