"use strict";
// Loads the status every two seconds and shows it. All data is shown as text.

const EVERY_MS = 2000;
const HISTORY_EVERY_MS = 10000;
const KINDS = [
  ["stored", "stored"], ["dead_letter", "dead letters"], ["filtered", "filtered"], ["skipped", "skipped"],
  ["flight", "in flight"], ["unread", "unread"], ["lost", "lost"],
];
const WIDTHS = { pipeline: "narrow", sink: "wide", settled: "wide", remark: "wide" };
const STYLES = { up: "good", new: "dim", interrupted: "warn", retrying: "bad", misconfigured: "bad", blocked: "bad" };
const LEVELS = { good: "good", warning: "warn", bad: "bad" };
const URGENCY = ["new", "up", "interrupted", "retrying", "misconfigured", "blocked"];
const MAX_FINDINGS = 4;

const behind = (file) => Math.max(0, ...Object.values(file.settled).map((offset) => file.size - offset));
const sum = (values) => values.reduce((all, value) => all + value, 0);
const state = { before: null, facts: null, isPaused: false, history: null, historyAt: -Infinity };

// ── the condition ────────────────────────────────────────────────────────────────────────────────────────

// The text as parts for `element`. Commands are between backticks.
function withCommands(text) {
  const parts = text.split("`");
  return parts.length % 2 ? parts.map((part, i) => (i % 2 ? element("code", null, part) : part)) : [text];
}

function finding(each) {
  return element("li", { class: LEVELS[each.level] }, ...withCommands(each.text));
}

function showCondition(condition) {
  byId("condition").className = `condition ${LEVELS[condition.level]}`;
  byId("condition-title").textContent = condition.text[0].toUpperCase() + condition.text.slice(1);
  show(byId("findings"), ...condition.findings.slice(0, MAX_FINDINGS).map(finding));
  const more = condition.findings.slice(MAX_FINDINGS);
  const details = byId("more-findings");
  details.hidden = !more.length;
  details.querySelector("summary").textContent = `${more.length} more`;
  show(details.querySelector("ul"), ...more.map(finding));
}

// ── the balance ──────────────────────────────────────────────────────────────────────────────────────────

// The parts of the balance of one pipeline and sink, which add up to all bytes that were seen.
function partsOf(balance) {
  const parts = Object.fromEntries(KINDS.map(([kind]) => [kind, { bytes: 0, reasons: [] }]));
  for (const [outcome, bytes] of Object.entries(balance.bytes)) {
    const [kind, reason] = outcome.split(/:(.*)/s);
    const part = (parts[kind] ??= { bytes: 0, reasons: [] });
    part.bytes += bytes;
    if (reason && bytes) part.reasons.push(`${reason} ${format.size(bytes)}`);
  }
  parts.flight.bytes = balance.in_flight;
  parts.unread.bytes = balance.unsettled - balance.in_flight;
  return parts;
}

function barOf(parts, seen, label) {
  const names = Object.fromEntries(KINDS);
  const present = Object.entries(parts).filter(([, part]) => part.bytes > 0);
  const shares = present.map(([kind, part]) => `${names[kind] || kind} ${format.share(part.bytes, seen)}`);
  const bar = element("div", { class: "bar", role: "img", "aria-label": `${label}: ${shares.join(", ") || "nothing yet"}` });
  for (const [kind, part] of present) {
    const piece = element("i", { class: kind, title: `${names[kind] || kind}: ${format.count(part.bytes)} bytes` });
    piece.style.flexGrow = String(part.bytes / seen);
    bar.append(piece);
  }
  return bar;
}

function balanceRow(balance) {
  const parts = partsOf(balance);
  const seen = sum(Object.values(parts).map((part) => part.bytes));
  const label = `${balance.pipeline || "earlier files"} to ${balance.sink}`;
  const cells = KINDS.map(([kind, name]) => {
    const { bytes, reasons } = parts[kind];
    const why = reasons.length ? element("span", { class: "dim below" }, reasons.join(", ")) : "";
    return element("td", { class: "number", "data-kind": kind, "data-label": name, "data-bytes": bytes,
      title: `${format.count(bytes)} bytes` }, ...(bytes ? [element("span", {}, format.size(bytes), why)] : []));
  });
  return element("tr", { "data-pipeline": balance.pipeline, "data-sink": balance.sink },
    element("td", {}, balance.sink), element("td", {}, barOf(parts, seen, label)),
    element("td", { class: "number", "data-kind": "seen", "data-label": "seen", "data-bytes": seen }, format.size(seen)), ...cells);
}

function showBalance(balances) {
  const names = [...new Set(balances.map((each) => each.pipeline))];
  const head = ["sink", "", "seen", ...KINDS.map(([, name]) => name)].map((name, index) => element("th",
    { scope: "col", class: index > 1 ? "number" : null },
    ...(index > 2 ? [element("span", { class: `swatch ${KINDS[index - 3][0]}`, "aria-hidden": "true" })] : []), name));
  const rows = names.flatMap((name) => [
    element("tr", { class: "pipeline" }, element("td", { colspan: String(head.length) }, name || "files that the state has forgotten")),
    ...balances.filter((each) => each.pipeline === name).map(balanceRow)]);
  show(byId("balances"), element("table", { class: "balance", "aria-label": "Balance by pipeline and sink" },
    element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)));
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

const oldest = (file) => Math.max(0, ...Object.values(file.lag_s));

// For each sink: how much of the file it has, and how old the oldest line is that it does not have.
function settledOf(file) {
  const groups = new Map(); // sinks for which the rest is the same
  for (const [sink, offset] of Object.entries(file.settled)) {
    const share = file.size ? format.share(Math.min(offset, file.size), file.size) || "0 %" : "100 %";
    const lag_s = file.lag_s[sink] || 0;
    const rest = offset < file.size ? `, ${format.size(file.size - offset)} left${lag_s > 0 ? `, ${format.duration(lag_s)} old` : ""}` : "";
    const group = groups.get(share + rest) || { names: [], isWhole: !rest };
    group.names.push(sink);
    groups.set(share + rest, group);
  }
  return element("span", {}, ...[...groups].map(([text, { names, isWhole }]) => element("span",
    { class: `per-sink${isWhole ? " dim" : ""}` }, `${names.join(", ")} ${text}`)));
}

const remark = (file) => [file.parser, file.is_deleted ? "deleted or renamed" : file.is_open ? "" : "closed while idle"].filter(Boolean).join(", ");

const files = new Sorted(byId("files"), "Files", [
  ["file", (file) => file.path, (file) => file.path],
  ["pipeline", (file) => file.pipeline, (file) => file.pipeline],
  ["size", (file) => file.size, (file) => format.size(file.size), true],
  ["settled", (file) => (file.size - behind(file)) / (file.size || 1), settledOf],
  ["oldest", oldest, (file) => (oldest(file) > 0 ? format.duration(oldest(file)) : ""), true],
  ["remark", remark, remark],
], 4, true);

const settledLines = (shipper) => sum(Object.values(shipper.counters.lines));

// Lines that were settled per second since the status before, else since the start.
function rateOf(shipper) {
  const { facts, before } = state;
  const same = (each) => each.pipeline === shipper.pipeline && each.sink === shipper.sink;
  const earlier = before && before.shippers.find(same);
  const lines = settledLines(shipper) - (earlier ? settledLines(earlier) : 0);
  const passed = facts.now - (earlier ? before.now : facts.started_at);
  return passed > 0 ? Math.max(0, lines) / passed : 0;
}

// The lines read, and the share that no parser accepted if it is more than a tenth.
function readOf(shipper) {
  const { lines_read: read, unparsed_share: share } = shipper.counters;
  if (share <= 0.1) return format.count(read);
  return element("span", {}, format.count(read), element("span", { class: "warn below" }, `${Math.round(100 * share)} % not parsed`));
}

// The name and, below it, the address. Long addresses break after a slash, a dot or a colon.
function sinkOf(shipper) {
  const address = element("span", { class: "dim below" });
  for (const piece of shipper.destination === shipper.sink ? [] : shipper.destination.split(/(?<=[/.:@])/)) {
    address.append(piece, document.createElement("wbr"));
  }
  return element("span", {}, shipper.sink, address);
}

function stateOf(shipper) {
  return element("strong", { class: STYLES[shipper.state] || "" }, shipper.state);
}

const sinks = new Sorted(byId("sinks"), "Sinks", [
  ["sink", (each) => each.sink, sinkOf],
  ["pipeline", (each) => each.pipeline, (each) => each.pipeline],
  ["state", (each) => URGENCY.indexOf(each.state), stateOf],
  ["for", (each) => -each.since, (each) => format.duration(state.facts.now - each.since), true],
  ["behind", (each) => each.lag_bytes, (each) => format.size(each.lag_bytes), true],
  ["oldest", (each) => each.lag_s, (each) => format.duration(each.lag_s), true],
  ["lines/s", rateOf, (each) => format.rate(rateOf(each)), true],
  ["lines read", (each) => each.counters.lines_read, readOf, true],
  ["retries", (each) => each.counters.retries, (each) => format.count(each.counters.retries), true],
], 2, true);

const refusals = new Sorted(byId("refusals"), "Dead letters since the last start", [
  ["reason", (each) => each.kind, (each) => each.kind],
  ["pipeline", (each) => each.pipeline, (each) => each.pipeline],
  ["sink", (each) => each.sink, (each) => each.sink],
  ["since start", (each) => each.count, (each) => format.count(each.count), true],
], 3, true);

// ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────

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
  const kept = sum(facts.balance.map((each) => each.lines.dead_letter || 0));
  byId("letters-count").textContent = kept ? format.count(kept) : "none";
  const seeing = facts.letters ? "The newest ones are below." : "Set admin.show_documents to show their content here.";
  byId("letters-note").replaceChildren(...withCommands(kept || rows.length
    ? `${format.count(kept)} are kept; \`sidecar dead-letters list\` lists them. ${seeing}` : "There are no dead letters."));
  const key = JSON.stringify((facts.letters || []).map((letter) => letter.number));
  if (byId("letters").dataset.key !== key) {
    byId("letters").replaceChildren(...(facts.letters || []).map(letterOf));
    byId("letters").dataset.key = key;
  }
}

function display(facts) {
  byId("version").textContent = facts.version;
  byId("about").textContent = `up for ${format.duration(facts.now - facts.started_at)}, process ${facts.pid}, state in ${facts.state_dir}`;
  showCondition(facts.condition);
  showBalance(facts.pipeline_balance);
  sinks.fill(facts.shippers);
  files.fill(facts.files);
  const more = facts.files_total - facts.files.length;
  byId("files-more").textContent = more ? `and ${format.count(more)} more, with no larger backlog` : "";
  deadLetters(facts);
  tap.offer(facts.sums.map((each) => each.pipeline));
  const of = facts.configuration;
  byId("settings-note").textContent = `${of.hash}, in use since ${format.moment(of.since)}${of.is_last_good ? "" : "; a newer one was refused"}`;
  const text = format.yaml(facts.settings);
  if (byId("settings").textContent !== text) byId("settings").textContent = text;
}

// ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(10000) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.text || `status ${answer.status}`);
  return body;
}

// While the sidecar does not answer, nothing on the page claims to be its state now.
function trouble(text) {
  byId("trouble").hidden = !text;
  document.body.classList.toggle("is-stale", Boolean(text));
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

// Sections below the charts are open where there is room.
if (matchMedia("(min-width: 60rem)").matches) document.querySelectorAll(".wide-open").forEach((each) => { each.open = true; });

byId("pause").addEventListener("click", () => {
  state.isPaused = !state.isPaused;
  byId("pause").setAttribute("aria-pressed", String(state.isPaused));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  charts.shape = "";
  if (state.history) charts.draw(state.history);
});
run();
