"use strict";
// Asks for the facts every two seconds and shows them. Whatever comes is text.

const EVERY_MS = 2000;
const HISTORY_EVERY_MS = 10000;
const KINDS = [
  ["stored", "stored"], ["dead_letter", "dead letters"], ["filtered", "filtered"], ["skipped", "skipped"],
  ["flight", "in flight"], ["unread", "unread"], ["lost", "lost"],
];
const WIDTHS = { pipeline: "narrow", state: "narrow", settled: "narrow", since: "since", sink: "wide", "last error": "wide" };
const STYLES = { up: "good", new: "dim", retrying: "warn", misconfigured: "bad", blocked: "bad" };

const behind = (file) => Math.max(0, ...Object.values(file.settled).map((offset) => file.size - offset));
const sum = (values) => values.reduce((all, value) => all + value, 0);
const state = { before: null, facts: null, isPaused: false, history: null, historyAt: -Infinity };

// ── the balance ──────────────────────────────────────────────────────────────────────────────────────────

// Segments of one sink that add up to what was seen of its files.
function segments(facts, balance) {
  const found = Object.fromEntries(KINDS.map(([kind]) => [kind, { bytes: 0, lines: 0, reasons: [] }]));
  for (const [what, bytes] of Object.entries(balance.bytes)) {
    const [kind, reason] = what.split(/:(.*)/s);
    const segment = (found[kind] ??= { bytes: 0, lines: 0, reasons: [] });
    segment.bytes += bytes;
    segment.lines += balance.lines[what] || 0;
    if (reason && bytes) segment.reasons.push(`${reason} ${format.size(bytes)}`);
  }
  const sent = sum(facts.shippers.filter((each) => each.sink === balance.sink).map((each) => each.in_flight_bytes));
  found.flight.bytes = Math.max(0, Math.min(sent, balance.unsettled));
  found.unread.bytes = balance.unsettled - found.flight.bytes;
  return found;
}

function balanceOf(facts, balance) {
  const found = segments(facts, balance);
  const seen = sum(Object.values(found).map((each) => each.bytes));
  const names = Object.fromEntries(KINDS);
  const parts = Object.entries(found).map(([kind, segment]) => ({ kind, name: names[kind] || kind, ...segment }));
  const told = parts.filter((part) => part.bytes).map((part) => `${part.name} ${format.share(part.bytes, seen)}`);
  const bar = element("div", { class: "bar", role: "img", "aria-label": `${balance.sink}: ${told.join(", ") || "nothing yet"}` });
  for (const part of parts.filter((each) => each.bytes > 0)) {
    const piece = element("i", { class: part.kind, title: `${part.name}: ${format.count(part.bytes)} bytes` });
    piece.style.flexGrow = String(part.bytes / seen);
    bar.append(piece);
  }
  const rows = parts.map((part) => element("tr", { "data-kind": part.kind },
    element("th", { scope: "row" }, element("span", { class: `swatch ${part.kind}`, "aria-hidden": "true" }), part.name,
      element("span", { class: "dim" }, part.reasons.length ? ` (${part.reasons.join(", ")})` : "")),
    element("td", { class: "number" }, format.count(part.bytes)),
    element("td", { class: "number" }, format.share(part.bytes, seen)),
    element("td", { class: "number" }, part.lines ? format.count(part.lines) : "")));
  const heads = ["", "bytes", "share", "lines"].map((name) => element("th", { scope: "col", class: name ? "number" : null }, name));
  const foot = element("tr", { "data-kind": "seen" },
    element("th", { scope: "row" }, "seen, all together"),
    element("td", { class: "number" }, format.count(seen)),
    element("td", { class: "number" }, seen ? "100 %" : ""), element("td", { class: "number" }));
  return element("div", { class: "balance", "data-sink": balance.sink },
    element("h3", {}, balance.sink), bar,
    element("table", { class: "legend", "aria-label": `Balance of ${balance.sink}` },
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows), element("tfoot", {}, foot)));
}

// ── tables ───────────────────────────────────────────────────────────────────────────────────────────────

// A table whose heads sort it. Columns: [title, value to sort by, what is shown, is it a number].
class Sorted {
  constructor(table, label, columns, by, isDown) {
    Object.assign(this, { table, columns, by, isDown, rows: [] });
    table.setAttribute("aria-label", label);
    this.heads = columns.map(([title, , , isNumber], index) => {
      const button = element("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        this.isDown = this.by === index ? !this.isDown : Boolean(isNumber);
        this.by = index;
        this.fill(this.rows);
      });
      return element("th", { scope: "col", class: isNumber ? "number" : null }, button);
    });
    this.body = element("tbody");
    table.append(element("thead", {}, element("tr", {}, ...this.heads)), this.body);
  }

  fill(rows) {
    this.rows = rows;
    const value = this.columns[this.by][1];
    const compare = (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0);
    const sorted = [...rows].sort(this.isDown ? (a, b) => compare(b, a) : compare);
    this.heads.forEach((head, index) => {
      head.setAttribute("aria-sort", index !== this.by ? "none" : this.isDown ? "descending" : "ascending");
    });
    this.body.replaceChildren(...sorted.map((row) => element("tr", {}, ...this.columns.map(
      ([title, , shown, isNumber]) => cell(title, shown(row), isNumber)))));
  }
}

function cell(title, shown, isNumber) {
  const isEmpty = shown === "" || shown == null;
  const child = shown instanceof Node ? shown : element("span", {}, isEmpty ? "" : shown);
  return element("td", { "data-label": title, class: isNumber ? "number" : WIDTHS[title] || null }, ...(isEmpty ? [] : [child]));
}

function progressOf(file) {
  const settled = file.size - behind(file);
  const told = file.size ? format.share(settled, file.size) || "0 %" : "100 %";
  const filled = element("i", {});
  filled.style.width = file.size ? `${(100 * settled) / file.size}%` : "100%";
  return element("span", { class: "progress" }, element("span", { class: "gauge", "aria-hidden": "true" }, filled), told);
}

const remark = (file) => [file.parser, file.is_deleted ? "deleted or renamed" : file.is_open ? "" : "closed while idle"].filter(Boolean).join(", ");

const files = new Sorted(byId("files"), "Files", [
  ["file", (file) => file.path, (file) => file.path],
  ["pipeline", (file) => file.pipeline, (file) => file.pipeline],
  ["size", (file) => file.size, (file) => format.size(file.size), true],
  ["settled", (file) => (file.size - behind(file)) / (file.size || 1), progressOf],
  ["behind", behind, (file) => format.size(behind(file)), true],
  ["remark", remark, remark],
], 4, true);

// Lines a second since the facts before, else since the start.
function rateOf(shipper) {
  const { facts, before } = state;
  const same = (each) => each.pipeline === shipper.pipeline && each.sink === shipper.sink;
  const earlier = before && before.shippers.find(same);
  const lines = shipper.counters.lines_read - (earlier ? earlier.counters.lines_read : 0);
  const passed = facts.now - (earlier ? before.now : facts.started_at);
  return passed > 0 ? Math.max(0, lines) / passed : 0;
}

function faultOf(shipper) {
  if (shipper.error) return element("span", { class: STYLES[shipper.state] || "bad" }, shipper.error);
  return shipper.error_class ? `none now; the last one was ${shipper.error_class.replace("_", " ")}` : "";
}

// The lines read, and the share that no parser accepted if it is more than a tenth.
function readOf(shipper) {
  const { lines_read: read, unparsed_share: share } = shipper.counters;
  if (share <= 0.1) return format.count(read);
  return element("span", {}, format.count(read), element("span", { class: "warn below" }, `${Math.round(100 * share)} % not parsed`));
}

const sinks = new Sorted(byId("sinks"), "Sinks", [
  ["sink", (each) => each.sink, (each) => element("span", {}, each.sink, each.destination === each.sink ? "" : element("span", { class: "dim" }, ` ${each.destination}`))],
  ["pipeline", (each) => each.pipeline, (each) => each.pipeline],
  ["state", (each) => each.state, (each) => element("strong", { class: STYLES[each.state] || "" }, each.state)],
  ["since", (each) => each.since, (each) => format.moment(each.since)],
  ["behind", (each) => each.lag_bytes, (each) => format.size(each.lag_bytes), true],
  ["oldest", (each) => each.lag_s, (each) => format.duration(each.lag_s), true],
  ["lines read", (each) => each.counters.lines_read, readOf, true],
  ["lines/s", rateOf, (each) => format.rate(rateOf(each)), true],
  ["retries", (each) => each.counters.retries, (each) => format.count(each.counters.retries), true],
  ["last error", (each) => each.error, faultOf],
], 0, false);

const refusals = new Sorted(byId("refusals"), "Dead letters since the start", [
  ["reason", (each) => each.kind, (each) => each.kind],
  ["pipeline", (each) => each.pipeline, (each) => each.pipeline],
  ["sink", (each) => each.sink, (each) => each.sink],
  ["since the start", (each) => each.count, (each) => format.count(each.count), true],
], 3, true);

// ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────

function verdict(style, title, text) {
  return element("li", { class: style }, element("strong", {}, title), element("span", {}, text));
}

function verdicts(facts) {
  const of = (kind) => sum(facts.balance.map((each) => segments(facts, each)[kind].bytes));
  const lost = of("lost");
  const down = facts.shippers.filter((each) => each.state !== "up" && each.state !== "new");
  const dead = sum(facts.balance.map((each) => segments(facts, each).dead_letter.lines));
  const oldest = Math.max(0, ...facts.shippers.map((each) => each.lag_s));
  return [
    lost ? verdict("bad", `${format.size(lost)} lost`, "The balance below shows the reasons.") : verdict("good", "Nothing is lost", "The balance accounts for every byte."),
    down.length ? verdict("bad", `${down.length} of ${facts.shippers.length} down`, down.map((each) => `${each.pipeline} → ${each.sink}`).join(", "))
      : verdict("good", facts.shippers.length > 1 ? "All sinks accept lines" : "The sink accepts lines", "No sink is being retried."),
    verdict(oldest > 60 ? "warn" : "good", oldest > 0 ? `${format.duration(oldest)} behind` : "Up to date", `${format.size(sum(facts.shippers.map((each) => each.lag_bytes)))} are ready for delivery and not settled.`),
    dead ? verdict("warn", `${format.count(dead)} dead letters`, "Documents that a sink rejected.") : verdict("good", "No dead letters", "No sink rejected a document."),
  ];
}

function letterOf(letter) {
  const head = `No. ${letter.number}, ${format.moment(letter.at)}: ${letter.kind}, ${letter.path} from byte ${format.count(letter.start)}`;
  return element("details", {}, element("summary", {}, head),
    element("p", {}, `${letter.pipeline} → ${letter.sink}: ${letter.reason}`),
    element("pre", { tabindex: "0", role: "region", "aria-label": `Document of dead letter ${letter.number}` }, letter.document + (letter.is_cut ? " …" : "")));
}

function deadLetters(facts) {
  const rows = facts.shippers.flatMap((each) => Object.entries(each.counters.refusals).map(
    ([kind, count]) => ({ kind, count, pipeline: each.pipeline, sink: each.sink })));
  byId("refusals").hidden = !rows.length;
  refusals.fill(rows);
  const kept = sum(facts.balance.map((each) => segments(facts, each).dead_letter.lines));
  const seeing = facts.letters ? "The newest ones are below." : "Set admin.show_documents to show their content here.";
  byId("letters-note").textContent = kept || rows.length
    ? `${format.count(kept)} are kept; \`sidecar dead-letters list\` lists them. ${seeing}` : "There are no dead letters.";
  const key = JSON.stringify((facts.letters || []).map((letter) => letter.number));
  if (byId("letters").dataset.key !== key) {
    byId("letters").replaceChildren(...(facts.letters || []).map(letterOf));
    byId("letters").dataset.key = key;
  }
}

function display(facts) {
  byId("version").textContent = facts.version;
  byId("about").textContent = `up for ${format.duration(facts.now - facts.started_at)}, process ${facts.pid}, state in ${facts.state_dir}`;
  show(byId("verdicts"), ...verdicts(facts));
  byId("balances").replaceChildren(...facts.balance.map((each) => balanceOf(facts, each)));
  sinks.fill(facts.shippers);
  files.fill(facts.files);
  const more = facts.files_total - facts.files.length;
  byId("files-more").textContent = more ? `and ${format.count(more)} more, with no larger backlog` : "";
  deadLetters(facts);
  const of = facts.configuration;
  byId("settings-note").textContent = `${of.hash}, in use since ${format.moment(of.since)}${of.is_last_good ? "" : "; a newer one was refused"}`;
  const text = JSON.stringify(facts.settings, null, 2);
  if (byId("settings").textContent !== text) byId("settings").textContent = text;
}

// ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(10000) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.text || `status ${answer.status}`);
  return body;
}

function trouble(text) {
  byId("trouble").hidden = !text;
  if (byId("trouble").textContent !== text) byId("trouble").textContent = text;
}

async function refresh() {
  try {
    const facts = await ask("status.json");
    [state.before, state.facts] = [state.facts, facts];
    display(facts);
    if (performance.now() - state.historyAt >= HISTORY_EVERY_MS) {
      state.history = await ask("history.json");
      state.historyAt = performance.now();
      charts.draw(state.history);
    }
    trouble("");
  } catch (error) {
    const last = state.facts ? ` The page shows the status of ${format.moment(state.facts.now)}.` : "";
    trouble(`The sidecar does not answer (${error.message}); retrying.${last}`);
  }
}

async function run() {
  while (true) {
    if (!state.isPaused && !document.hidden) await refresh();
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
  }
}

byId("pause").addEventListener("click", () => {
  state.isPaused = !state.isPaused;
  byId("pause").setAttribute("aria-pressed", String(state.isPaused));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  charts.shape = "";
  if (state.history) charts.draw(state.history);
});
run();
