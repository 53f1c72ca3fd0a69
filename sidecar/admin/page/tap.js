"use strict";
// The live view: polls the records of a tap while it runs. All data is shown as text.

const TAP_EVERY_MS = 1000;
const MAX_TAP_EVENTS = 200;
const OPERATORS = /==|!=|<|>|~|\bexists\b|\bin\s*\[/;

const tap = {
  name: "",
  isRunning: false,
  hidden: 0,

  // A text with an operator is an expression, any other text is searched for.
  query() {
    const text = byId("tap-search").value.trim();
    return new URLSearchParams({
      name: tap.name, pipeline: byId("tap-pipeline").value, stage: byId("tap-stage").value,
      ...(text && { [OPERATORS.test(text) ? "filter" : "search"]: text }),
    });
  },

  // Offers the pipelines to choose from.
  offer(pipelines) {
    const select = byId("tap-pipeline");
    const names = ["", ...pipelines];
    if (names.join("\n") === [...select.options].map((each) => each.value).join("\n")) return;
    const chosen = select.value;
    select.replaceChildren(...names.map((name) => element("option", { value: name }, name || "all")));
    select.value = names.includes(chosen) ? chosen : "";
  },

  start() {
    tap.isRunning = true;
    tap.hidden = 0;
    tap.name ||= [...crypto.getRandomValues(new Uint32Array(4))].map((each) => each.toString(36)).join("-");
    byId("tap-run").textContent = "Stop";
    byId("tap-run").setAttribute("aria-pressed", "true");
    tap.note("Waiting for records …");
    tap.run();
  },

  stop() {
    tap.isRunning = false;
    byId("tap-run").textContent = "Start";
    byId("tap-run").setAttribute("aria-pressed", "false");
  },

  note(text) {
    if (byId("tap-note").textContent !== text) byId("tap-note").textContent = text;
  },

  async run() {
    while (tap.isRunning) {
      if (!document.hidden) {
        const query = String(tap.query());
        try {
          const reply = await ask(`tap.json?${query}`);
          if (query === String(tap.query())) tap.show(reply);
        } catch (error) {
          tap.note(error.message);
          tap.stop();
          return;
        }
      }
      await new Promise((resume) => setTimeout(resume, TAP_EVERY_MS));
    }
  },

  show(reply) {
    if (reply.is_new) tap.hidden = 0;
    tap.hidden += reply.sampled_out;
    const list = byId("tap-events");
    list.prepend(...reply.events.reverse().map((each) => element("li", {},
      element("span", { class: "dim" }, `${each.path}:${each.offset} `), each.text + (each.is_cut ? " …" : ""))));
    while (list.childNodes.length > MAX_TAP_EVENTS) list.lastChild.remove();
    const hidden = tap.hidden ? ` ${format.count(tap.hidden)} records were left out.` : "";
    tap.note(`The newest record is on top; at most ${reply.max_events_per_s} per second are shown.${hidden}`);
  },
};

byId("tap-run").addEventListener("click", () => (tap.isRunning ? tap.stop() : tap.start()));
byId("tap").addEventListener("submit", (event) => event.preventDefault());
byId("tap").addEventListener("change", () => {
  byId("tap-events").replaceChildren();
  if (tap.isRunning) tap.note("Waiting for records …");
});
byId("live").addEventListener("toggle", () => { if (!byId("live").open) tap.stop(); });
