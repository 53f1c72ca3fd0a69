"use strict";
// Numbers as people read them, and elements that can hold nothing but text.

const format = {
  count: (value) => Math.round(value).toLocaleString("en"),

  rate: (value) => value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 }),

  size(value) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit += 1;
    }
    return `${value.toFixed(unit ? 1 : 0)} ${units[unit]}`;
  },

  duration(seconds) {
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${(seconds / size).toFixed(1)} ${unit}`;
    }
    return `${Math.max(0, seconds).toFixed(1)} s`;
  },

  // Settings as YAML: blocks for mappings and for lists of mappings. All other values are JSON, which is YAML.
  yaml(settings, indent = "") {
    const lines = Object.entries(settings).map(([name, value]) => {
      const key = `${indent}${format.scalar(name)}:`;
      if (format.isMapping(value)) return `${key}\n${format.yaml(value, `${indent}  `)}`;
      if (!Array.isArray(value) || !value.length || !value.every(format.isMapping)) return `${key} ${format.scalar(value)}`;
      return [key, ...value.map((each) => `${indent}  - ${format.yaml(each, `${indent}    `).trimStart()}`)].join("\n");
    });
    return lines.join("\n");
  },

  isMapping: (value) => value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0,

  // Words that YAML reads as something else, such as `yes`, are quoted.
  scalar(value) {
    const isPlain = typeof value === "string" && /^([A-Za-z][\w./-]*|\d+([KMG]i?)?B|\d+(ms|[smhd]))$/.test(value);
    return isPlain && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value) ? value : JSON.stringify(value);
  },

  // On an axis, where a nought behind the point says nothing.
  round: (text) => text.replace(".0 ", " "),

  clock: (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB"),

  moment: (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC",

  share(part, whole) {
    if (!whole || !part) return "";
    const percent = (100 * part) / whole;
    if (percent < 0.1) return "< 0.1 %";
    // What is not all of it is never said to be.
    return percent < 100 && percent >= 99.95 ? "> 99.9 %" : `${percent.toFixed(1)} %`;
  },
};

// An element with a class, attributes, and children that are elements or plain text.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null) made.setAttribute(key, value);
  }
  made.append(...children.map((each) => (each instanceof Node ? each : String(each))));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

// Replaces the children only if they differ, so that a selection or an open detail survives a refresh.
function show(place, ...children) {
  const isSame = place.childNodes.length === children.length && children.every((each, i) => each.isEqualNode(place.childNodes[i]));
  if (!isSame) place.replaceChildren(...children);
}
