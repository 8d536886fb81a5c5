"use strict";
// The page of a trace. Whatever the trace says becomes text nodes, by `el`: no markup is ever made
// from it. Steps are parsed and drawn only near the viewport; the rest are empty boxes.

const $ = (selector, from = document) => from.querySelector(selector);
const index = JSON.parse($("#index").textContent);
const steps = index.steps;
const blocks = [...document.querySelectorAll("script[data-steps]")];

// ---- Text

// What shows nothing, or shows text in another order than it stands, is named instead.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const code = character => character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
const shown = text => String(text).replace(HIDDEN, character =>
  character < " " ? String.fromCodePoint(0x2400 + character.charCodeAt(0)) : `\u27eaU+${code(character)}\u27eb`);

/** An element: `el("p.note", {title: "..."}, child, ...)`; strings become text, null nothing. */
function el(spec, ...children) {
  const [tag, ...classes] = spec.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const child of children) {
    if (child == null || child === "") continue;
    if (child.constructor === Object) for (const [name, value] of Object.entries(child)) made.setAttribute(name, value);
    else made.append(child.nodeType ? child : shown(child));
  }
  return made;
}

const number = value => value.toLocaleString("en");
const some = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;
function duration(ms) {
  if (ms > 0 && ms < 1) return "< 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} m ${Math.round(ms / 1000) % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}
const bytes = size => size < 1024 ? `${size} B` : size < 2 ** 20 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / 2 ** 20).toFixed(1)} MiB`;

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]]|[,:]|[^\s{}[\],:"]+|"/gs;
const COLOURED = 60_000;
const DEEPEST = 30;

/** JSON, indented and coloured, each number and name as it stands: nothing is parsed and rewritten. */
function json(text, { decoded = false } = {}) {
  const box = el("code");
  if (text.length > COLOURED) return el("code", text);
  const tokens = text.match(TOKEN) ?? [];
  let depth = 0, flat = -1;
  const line = () => at > flat ? `\n${"  ".repeat(Math.min(depth, DEEPEST))}` : "";
  let at = 0;
  for (; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === "{" || token === "[") {
      flat = Math.max(flat, endOfFlat(tokens, at));
      depth++;
      box.append(token, line());
    } else if (token === "}" || token === "]") {
      depth--;
      box.append(line(), token);
    } else if (token === ",") box.append(at > flat ? "," : ", ", line());
    else if (token === ":") box.append(": ");
    else if (token[0] !== '"') box.append(el("span.n", token));
    else box.append(el(tokens[at + 1] === ":" ? "span.k" : "span.s", decoded ? unescaped(token) : token));
  }
  return box;
}

/** Where an object or array ends that is drawn on one line: it is short, or of numbers alone. */
function endOfFlat(tokens, at) {
  let end = at + 1, size = 0, plain = true;
  for (; end < tokens.length && !"{}[]".includes(tokens[end]); end++) {
    size += tokens[end].length;
    plain &&= tokens[end][0] !== '"';
    if (size > 76 && !plain) return -1;
  }
  return tokens[end] === "}" || tokens[end] === "]" ? end : -1;
}

/** A string of JSON with its line ends as line ends, for people. */
function unescaped(token) {
  try { return `"${JSON.parse(token)}"`; } catch { return token; }
}

function isJson(text) {
  if (!/^\s*[{[]/.test(text)) return false;
  try { JSON.parse(text); return true; } catch { return false; }
}

const CLIPPED_LINES = 14, CLIPPED = 1500, DRAWN = 100_000;

/** A text of the trace that can be searched; a long one is clipped, a huge one drawn on demand. */
function said(spec, text, { asJson = false } = {}) {
  const lines = text.split("\n", CLIPPED_LINES + 1).length;
  const box = el(spec);
  box.classList.add("t");
  const draw = () => box.replaceChildren(asJson ? json(text, { decoded: true }) : shown(text));
  if (lines <= CLIPPED_LINES && text.length <= CLIPPED) { draw(); return box; }
  if (text.length > DRAWN) { box.textContent = shown(text.slice(0, 4 * CLIPPED)); box.full = () => shown(text); } else draw();
  box.classList.add("clipped");
  const more = el("button.more", { type: "button", "aria-expanded": "false" }, `Show all (${bytes(text.length)})`);
  more.onclick = () => { if (box.full) draw(); box.full = null; box.classList.remove("clipped"); more.remove(); highlight(); };
  return el("div", box, more);
}

const written = text => isJson(text) ? said("pre", text, { asJson: true }) : said("pre", text);
const folded = (spec, key, summary, ...children) => el(`details.${spec}`, { "data-key": key }, el("summary", ...summary), ...children);
const peek = text => el("span.peek", ` ${text.slice(0, 140).replace(/\s+/g, " ")}`);
const notice = (kind, title, text) => el(`p.notice.${kind}`, el("b", title), " ", text ? el("span.t", text) : null);

// ---- Steps: what each of them says

const model = { blocks: [], turns: [], problems: 0 };
(function arrange() {
  let at = 0;
  for (const data of blocks) {
    const count = Number(data.dataset.steps);
    model.blocks.push({ data, from: at, to: at + count, box: null, drawn: false });
    at += count;
  }
  let turn = null;
  steps.forEach((step, at) => {
    for (const name of ["ms", "retry", "first", "sample", "tools", "asked", "retries", "problems"]) step[name] ??= 0;
    step.usage ??= {};
    step.calls ??= [];
    step.active = step.retry + step.first + step.sample + step.tools;
    if (!step.step || !turn) model.turns.push(turn = { head: at, turn: step.turn, steps: 0, active: 0, status: "" });
    step.home = turn;
    step.offset = turn.active;
    if (step.step) { turn.steps++; turn.active += step.active; }
    if (step.status) turn.status = step.status;
  });
})();
const blockOf = at => model.blocks.find(block => at < block.to);
const linesOf = at => { const block = blockOf(at); return block.data.textContent.split("\n\n")[at - block.from].split("\n"); };

const MARKS = { ok: ["\u2713", "good"], denied: ["\u2298", "warn"], cancelled: ["\u2298", "warn"], invalid: ["\u2717 arguments", "bad"] };
const WELL = { finished: "good", parked: "warn", limited: "warn", cancelled: "warn", failed: "bad" };

function bar(step, offset, whole) {
  const box = el("div.bar", { title: timesOf(step) });
  let left = offset;
  for (const kind of ["retry", "first", "sample", "tools"]) {
    if (!step[kind]) continue;
    const piece = el(`i.${kind}`);
    piece.style.left = `${(100 * left) / whole}%`;
    piece.style.width = `${(100 * step[kind]) / whole}%`;
    left += step[kind];
    box.append(piece);
  }
  return box;
}
const NAMES = { retry: "failed attempts", first: "first token", sample: "sampling", tools: "tools", asked: "waiting for approval" };
const timesOf = step => Object.keys(NAMES).filter(kind => step[kind]).map(kind => `${NAMES[kind]} ${duration(step[kind])}`).join(" \u00b7 ");

/** The calls of a step by id, each with the events that speak of it, and all else in order. */
function gather(lines) {
  const calls = new Map(), rest = [];
  const call = id => calls.get(id) ?? calls.set(id, { id, output: [], files: [], egress: [], repairs: [] }).get(id);
  const kinds = {
    ToolCallStarted: event => { call(event.call_id).started = event; },
    ToolCallFinished: event => { call(event.call_id).finished = event; },
    ApprovalRequested: event => { call(event.call_id).asked = event; },
    ApprovalDecided: event => { call(event.call_id).decided = event; },
    ToolOutput: event => call(event.call_id).output.push(event),
    FileChanged: event => call(event.call_id).files.push(event),
    EgressDecided: event => call(event.call_id).egress.push(event),
    Repaired: event => call(event.call_id).repairs.push(event),
  };
  for (const line of lines) {
    const event = JSON.parse(line);
    if (event.type === "AssistantMessage") for (const made of event.tool_calls ?? []) call(made.id).made = made;
    if (Object.hasOwn(kinds, event.type)) kinds[event.type](event); else rest.push(event);
  }
  return { calls: [...calls.values()], rest };
}

function callCard(call) {
  const name = call.made?.name ?? call.finished?.name ?? call.started?.name ?? call.asked?.name ?? call.id;
  const result = call.finished?.result;
  const outcome = result ? result.outcome ?? "ok" : call.asked && !call.decided ? "waits for approval" : "not finished";
  const [mark, kind] = MARKS[outcome] ?? ["\u2717", result ? "bad" : "warn"];
  const profile = call.started ? call.started.profile ?? "" : null;
  const card = el(`section.call${kind === "bad" ? ".failed" : ""}`, { "aria-label": shown(`Call of ${name}`) },
    el("div.bare", el("span.name.t", name), el(`span.tag.${kind}`, `${mark} ${outcome === "ok" ? "" : outcome === "invalid" ? "invalid" : outcome}`.trim()),
      profile === null ? null : profile ? el("span.tag", { title: "where it ran" }, "sandbox ", el("span.t", profile)) : el("span.tag", { title: "in the process of toolrun" }, "trusted"),
      result?.seconds ? el("span.chip.push", duration(result.seconds * 1000)) : null));
  const part = (label, ...children) => card.append(el("div", el("span.label", label), ...children));
  const made = call.made?.arguments;
  if (made) part("arguments", written(made));
  else if (call.started) part("arguments", written(JSON.stringify(call.started.arguments)));
  for (const each of call.repairs) part("repaired", el("span.t", each.what), said("pre", each.before), said("pre", `\u2192 ${each.after}`));
  if (call.asked) part("approval", el("span.t", call.asked.reason || "asked"), decision(call.decided));
  if (call.decided?.arguments) part("arguments as edited", written(JSON.stringify(call.decided.arguments)));
  for (const stream of ["progress", "stdout", "stderr"]) {
    const text = call.output.filter(each => each.stream === stream).map(each => each.text).join("");
    if (text) card.append(folded("output", `${call.id}/${stream}`, [el("b", stream), peek(text)], said("pre", text)));
  }
  if (call.egress.length) part("network", ...call.egress.map(each => el("div", el(`span.tag.${each.allowed ? "good" : "bad"}`, each.allowed ? "let through" : "refused"), " ",
    el("code.t", `${each.method} ${each.host}:${each.port}`), each.reason ? el("span.t", ` ${each.reason}`) : null)));
  if (call.files.length) part("files", ...call.files.map(fileLine));
  if (result) card.append(el("div.result", el("span.label", outcome === "ok" ? "result" : `result: ${outcome}`), written(result.content)));
  const notes = [result?.note, call.finished?.note].filter(Boolean).join("\n");
  if (notes) part("toolrun adds", said("pre", notes));
  return card;
}

function decision(decided) {
  if (!decided) return el("span.tag.warn", "not decided");
  const kind = decided.decision === "deny" ? "bad" : "good";
  const words = { approve: "approved", deny: "denied", edit: "approved with other arguments" }[decided.decision];
  return el("span", " ", el(`span.tag.${kind}`, words), decided.reason ? el("span.t", ` ${decided.reason}`) : null,
    decided.rule ? el("span.t", ` from now on: ${JSON.stringify(decided.rule)}`) : null);
}

function fileLine(event) {
  const [mark, kind] = { created: ["+", "good"], modified: ["~", "warn"], deleted: ["\u2212", "bad"] }[event.change] ?? ["?", "warn"];
  const size = event.change === "created" ? bytes(event.size ?? 0) : event.change === "modified" ? `${bytes(event.before_size ?? 0)} \u2192 ${bytes(event.size ?? 0)}` : bytes(event.before_size ?? 0);
  return el("div", el(`span.tag.${kind}`, `${mark} ${event.change}`), " ", el("code.t", event.path), " ", el("span.chip", event.folder ? "folder" : size));
}

/** What is drawn for the events that are of no call. */
const DRAWN_AS = {
  SessionOpened: event => [
    folded("settings", "settings", [el("b", "Settings"), peek([event.settings.model, event.settings.base_url, event.settings.profile].filter(Boolean).join(" \u00b7 "))],
      el("dl.list", ...Object.entries({ toolrun: event.version, date: event.date, ...event.settings }).flatMap(([name, value]) =>
        [el("dt", name), el("dd.t", typeof value === "string" ? value : JSON.stringify(value))]))),
    ...(event.tools ?? []).length ? [folded("tools-list", "tools", [el("b", some(event.tools.length, "tool")), peek(event.tools.map(tool => (tool.function ?? tool).name).join(", "))],
      ...event.tools.map(tool => el("div.call", el("div.bare", el("span.name.t", (tool.function ?? tool).name), el("span.chip.t", (tool.function ?? tool).description ?? "")),
        el("div", written(JSON.stringify((tool.function ?? tool).parameters ?? {}))))))] : [],
  ],
  SettingsChanged: event => [notice("", "Settings changed", JSON.stringify(event.settings))],
  UserMessage: event => [said("div.said", event.content), event.output ? folded("", "output", [el("b", "answer must fit a schema")], written(JSON.stringify(event.output))) : null],
  ServerToolCalled: event => [el("section.call", el("div.bare", el("span.name.t", event.kind), el("span.tag", "run by the server"), el("span.chip.t", event.status)),
    event.input ? el("div", el("span.label", "input"), written(event.input)) : null, event.output ? el("div", el("span.label", "output"), written(event.output)) : null)],
  LimitReached: event => [notice("", "Limit reached", `${event.limit}: ${event.value}`)],
  Warned: event => [notice("", `Warning: ${event.code}`, event.message)],
  TurnFinished: event => event.status === "finished" ? [] : [notice(WELL[event.status] === "bad" ? "bad" : "", `Turn ${event.status}`, event.error ?? "")],
  TurnUndone: event => [notice("", "This turn was taken back", (event.left ?? []).join("\n"))],
  ForkedFrom: event => [notice("", "Forked", `from ${event.parent}, event ${event.parent_seq}`)],
  Compacted: event => [notice("", "Compacted", `what is sent: about ${event.before ?? 0} tokens before, ${event.after ?? 0} after; ${(event.results ?? []).length} results left out, ${event.covers ?? 0} messages summarised${event.summary ? `:\n${event.summary}` : ""}`)],
  RequestSent: () => [],
  StepFinished: () => [],
};

function content({ calls, rest }) {
  const parts = [];
  let partial = "";
  const drop = (title, key) => { if (partial) parts.push(folded("void", key, [el("b", title), peek(partial)], said("div.said", partial))); partial = ""; };
  for (const event of rest) {
    if (event.type === "ReasoningDelta" || event.type === "TextDelta") partial += [event.text].flat().join("");
    else if (event.type === "Retried") {
      parts.push(notice("bad", `Attempt ${event.attempt} failed, sampled again`, [event.code, event.reason, event.server, event.wait ? `waited ${duration(event.wait * 1000)}` : "", event.unstreamed ? "then unstreamed" : ""].filter(Boolean).join(" \u00b7 ")));
      drop("What had come of it, void", `void-${event.seq}-${event.sub}`);
    } else if (event.type === "AssistantMessage") {
      partial = "";
      if (event.reasoning) parts.push(folded("reasoning", "reasoning", [el("b", "Reasoning"), peek(event.reasoning)], said("div.said", event.reasoning)));
      if (event.content) parts.push(el("div", (event.tool_calls ?? []).length ? el("span.label", "preamble") : null, said("div.said", event.content)));
      if (event.finish_reason === "length") parts.push(notice("", "Cut off", "by the limit of tokens"));
    } else if (Object.hasOwn(DRAWN_AS, event.type)) parts.push(...DRAWN_AS[event.type](event).filter(Boolean));
    else parts.push(notice("", event.type, "see its JSON"));
    if (event.type === "AssistantMessage") parts.push(...calls.splice(0).map(callCard));
  }
  drop("The step did not complete; it had come to", "partial");
  return [...parts, ...calls.map(callCard)];
}

/** The article of a step. */
function article(at) {
  const step = steps[at], lines = linesOf(at), turn = step.home;
  const title = step.step ? `Step ${step.step}` : step.turn ? `Turn ${step.turn}` : "Session";
  const anchor = el("a.anchor", { href: `#${step.id}`, title: "Copy a link (y)" }, title);
  anchor.onclick = () => copyLink(at);
  const usage = step.usage, total = usage.prompt_tokens ?? 0, sampled = usage.completion_tokens ?? 0;
  const chip = (value, words) => value ? el("span.chip", el("b", value), ` ${words}`) : null;
  const chips = step.step ? [
    chip(step.ms && duration(step.ms), "in all"), chip(step.first && duration(step.first), "first token"),
    chip(total && number(total), "in"), chip(usage.cached_tokens && `${Math.round((100 * usage.cached_tokens) / total)}%`, "cached"), chip(sampled && number(sampled), "out"),
    chip(step.sample > 50 && sampled > 1 && number(Math.round((1000 * sampled) / step.sample)), "tokens/s"),
    step.asked ? chip(duration(step.asked), "for approval") : null,
    step.retries ? el("span.tag.bad", step.retries === 1 ? "1 retry" : `${number(step.retries)} retries`) : null,
  ] : [
    turn.status && step.turn ? el(`span.tag.${WELL[turn.status] ?? ""}`, turn.status) : null,
    turn.steps ? el("span.chip", `${some(turn.steps, "step")} \u00b7 ${duration(turn.active)}`) : null, el("span.chip", new Date(step.at * 1000).toLocaleString()),
  ];
  const raw = el("button.raw.push", { type: "button", "aria-expanded": "false", title: "Events as JSON (r)", "aria-label": `Events of ${title} as JSON` }, "{ }");
  const head = el("div.bare", el(step.step ? "h3" : "h2", anchor), ...chips, raw);
  const body = content(gather(lines));
  const card = step.step
    ? el("div.card", head, step.active ? bar(step, 0, step.active) : null, ...body)
    : el("div", head, el(`div.card${step.turn ? ".user" : ""}`, ...body));
  const made = el(`article.${step.step ? "step" : "turn"}`, { id: step.id, tabindex: "-1", "aria-label": step.step ? `${title} of turn ${step.turn}` : title }, card);
  raw.onclick = () => toggleRaw(at, made, lines, raw);
  if (opened.has(`${step.id}/raw`)) toggleRaw(at, made, lines, raw);
  for (const each of made.querySelectorAll("details")) each.open = opened.has(`${step.id}/${each.dataset.key}`);
  if (at === current) made.classList.add("now");
  return made;
}

function toggleRaw(at, made, lines, button) {
  const key = `${steps[at].id}/raw`, panel = $(".events", made);
  button.setAttribute("aria-expanded", String(!panel));
  if (panel) { opened.delete(key); panel.remove(); return; }
  opened.add(key);
  const all = lines.reduce((sum, line) => sum + line.length, 0) < 40_000;
  made.append(el("div.events.card", ...lines.map(line => {
    const event = JSON.parse(line);
    const each = el("details", el("summary", el("b", event.type), ` seq ${event.seq ?? 0}${event.sub ? `.${event.sub}` : ""} \u00b7 +${duration(Math.max(0, 1000 * ((event.time ?? 0) - steps[at].at)))}`));
    each.ontoggle = () => { if (each.open && !each.lastChild.matches("pre")) each.append(el("pre", json(escaped(line)))); };
    each.open = all;
    return each;
  })));
}
const escaped = line => line.replace(HIDDEN, character => [...character].flatMap(c => c.split("")).map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""));

// ---- The window: blocks near the viewport are drawn, others are boxes of the same height

const main = $("#conversation"), opened = new Set(), GUESS = 260;
let current = -1, byHand = false, fits = () => true;
const watcher = new IntersectionObserver(entries => {
  for (const entry of entries) {
    const block = entry.target.block;
    if (entry.isIntersecting) draw(block); else if (!block.box.contains(document.activeElement)) clear(block);
  }
}, { rootMargin: "1200px 0px" });

function draw(block) {
  if (block.drawn) return;
  block.drawn = true;
  for (let at = block.from; at < block.to; at++) if (fits(steps[at])) block.box.append(article(at));
  block.box.style.height = "";
  highlight();
}

function clear(block) {
  if (!block.drawn) return;
  block.box.style.height = `${block.box.offsetHeight}px`;
  block.box.replaceChildren();
  block.drawn = false;
}

function layOut() {
  watcher.disconnect();
  for (const block of model.blocks) {
    let count = 0;
    for (let at = block.from; at < block.to; at++) count += fits(steps[at]);
    block.box ??= main.appendChild(Object.assign(el("div.block"), { block }));
    block.box.replaceChildren();
    block.drawn = false;
    block.box.hidden = !count;
    block.box.style.height = `${count * GUESS}px`;
    watcher.observe(block.box);
  }
}

/** Bring a step into view, drawn with what is around it. */
function go(at, { focus = true, link = true } = {}) {
  if (!steps[at]) return null;
  const block = blockOf(at), place = model.blocks.indexOf(block);
  for (const near of model.blocks.slice(Math.max(0, place - 1), place + 2)) draw(near);
  const made = document.getElementById(steps[at].id);
  if (!made) return null;
  byHand = false;
  made.scrollIntoView({ block: "start" });
  if (focus) made.focus({ preventScroll: true });
  mark(at);
  if (link) history.replaceState(null, "", `#${steps[at].id}`);
  return made;
}

function mark(at) {
  $("article.now")?.classList.remove("now");
  current = at;
  document.getElementById(steps[at].id)?.classList.add("now");
  const row = rowsShown.indexOf(at);
  if (row >= 0 && (row * ROW < rows.scrollTop || (row + 1) * ROW > rows.scrollTop + rows.clientHeight)) rows.scrollTop = (row - 3) * ROW;
  drawRows();
}

function move(by) {
  const place = rowsShown.indexOf(current);
  const next = place < 0 ? 0 : Math.min(rowsShown.length - 1, Math.max(0, place + by));
  if (rowsShown.length) go(rowsShown[next]);
}

// ---- The timeline: only the rows in view are there

const ROW = 30, rows = $("#rows"), extent = $("#extent");
let rowsShown = [];

function drawRows() {
  const from = Math.max(0, Math.floor(rows.scrollTop / ROW) - 5), to = Math.min(rowsShown.length, from + Math.ceil((rows.clientHeight || 900) / ROW) + 10);
  extent.replaceChildren(...rowsShown.slice(from, to).map((at, place) => {
    const step = steps[at], turn = step.home;
    const row = step.step
      ? el(`a.row${step.problems ? ".problem" : ""}`, { href: `#${step.id}`, "aria-label": `Step ${step.step} of turn ${step.turn}, ${duration(step.ms)}${step.problems ? ", with problems" : ""}` },
        el("span.number", step.problems ? `! ${step.step}` : step.step), bar(step, step.offset, turn.active || 1), el("span.took", duration(step.active || step.ms)))
      : el("a.row.head", { href: `#${step.id}` }, el("span", step.turn ? `${step.turn}  ${step.words ?? ""}` : "Session"), el("span.took", turn.active ? duration(turn.active) : ""));
    row.style.top = `${(from + place) * ROW}px`;
    if (at === current) row.setAttribute("aria-current", "step");
    row.onclick = event => { event.preventDefault(); $("#timeline").classList.remove("open"); go(at); };
    return row;
  }));
}

function refit() {
  const wanted = $("#filter").value;
  fits = step => !wanted || (wanted === "problems" ? step.problems > 0 : wanted === "calls" ? step.calls.length > 0 : step.calls.some(([name]) => `tool:${name}` === wanted));
  rowsShown = [...steps.keys()].filter(at => fits(steps[at]));
  extent.style.height = `${rowsShown.length * ROW}px`;
  layOut();
  drawRows();
  if (wanted) say(`${some(rowsShown.length, "place")} of ${number(steps.length)}`);
}

// ---- Search: over the text as it is shown, drawn or not

const search = { query: "", pattern: null, hits: [], at: -1, run: 0 };
const textsOf = made => [...made.querySelectorAll(".t")];

/** Places of the pattern in an element, as ranges over its text nodes. */
function rangesIn(box) {
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT), nodes = [];
  let text = "";
  for (let node; (node = walker.nextNode());) { nodes.push([text.length, node]); text += node.data; }
  const place = offset => { let [from, node] = nodes[0]; for (const each of nodes) { if (each[0] > offset) break; [from, node] = each; } return [node, offset - from]; };
  return [...text.matchAll(search.pattern)].map(found => {
    const range = document.createRange();
    range.setStart(...place(found.index));
    const [node, offset] = place(found.index + found[0].length - 1);
    range.setEnd(node, offset + 1);
    return range;
  });
}

function highlight() {
  if (!globalThis.CSS?.highlights) return;
  CSS.highlights.delete("found");
  if (search.pattern) CSS.highlights.set("found", new Highlight(...textsOf(main).flatMap(rangesIn)));
}

/** Whether a step can hold the query at all, by its JSON: cheaper than to draw it. */
function mayHold(lines, words) {
  const text = lines.join("\n");
  // Their text stands in pieces, or escaped once more.
  if (/"type":"(Retried|ToolOutput)"|\\\\u/.test(text) || !text.includes('"type":"AssistantMessage"')) return true;
  return words.every(word => word.test(text));
}

async function find(query) {
  const run = ++search.run;
  clearTimeout(find.timer);
  Object.assign(search, { query, pattern: null, hits: [], at: -1 });
  CSS.highlights?.delete("found-now");
  query = shown(query);
  if (query) search.pattern = new RegExp(query.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
  highlight();
  $("#found").textContent = "";
  if (!query) return;
  const words = (query.match(/\w+/g) ?? []).map(word => new RegExp(word, "i"));
  let pause = performance.now() + 30;
  for (const block of model.blocks) {
    const texts = block.data.textContent.split("\n\n");
    for (let at = block.from; at < block.to; at++) {
      if (!fits(steps[at]) || !mayHold(texts[at - block.from].split("\n"), words)) continue;
      let count = 0;
      for (const box of textsOf(article(at))) count += [...(box.full?.() ?? box.textContent).matchAll(search.pattern)].length;
      for (let n = 0; n < count; n++) search.hits.push([at, n]);
    }
    if (performance.now() > pause) {
      tell(" \u2026");
      await new Promise(done => setTimeout(done));
      if (run !== search.run) return;
      pause = performance.now() + 30;
    }
  }
  tell("");
}
const tell = more => { $("#found").textContent = `${search.at < 0 ? "" : `${number(search.at + 1)}/`}${number(search.hits.length)}${more}`; };

function jump(by) {
  if (!search.hits.length) return;
  search.at = search.at < 0 ? firstHit(by) : (search.at + by + search.hits.length) % search.hits.length;
  const [at, n] = search.hits[search.at];
  const made = go(at, { focus: false });
  if (made && textsOf(made).some(box => box.full)) for (const more of made.querySelectorAll(".more")) more.click();
  const range = made && textsOf(made).flatMap(rangesIn)[n];
  tell("");
  if (!range) return;
  for (let node = range.startContainer.parentElement; node !== made; node = node.parentElement) {
    if (node.matches("details")) node.open = true;
    if (node.matches(".clipped")) node.nextElementSibling.click();
  }
  const now = textsOf(made).flatMap(rangesIn)[n];
  CSS.highlights?.set("found-now", Object.assign(new Highlight(now), { priority: 1 }));
  const { top, height } = now.getBoundingClientRect();
  if (top < header.offsetHeight + 20 || top + height > innerHeight - 20) scrollBy({ top: top - innerHeight / 3 });
}
async function seek(by) {
  if (search.query !== $("#query").value) await find($("#query").value);
  jump(by);
}
const firstHit = by => { const found = search.hits.findIndex(([at]) => at >= current); return found < 0 ? 0 : by > 0 ? found : (found - 1 + search.hits.length) % search.hits.length; };

// ---- Keys, links, theme

const header = $("header");
function say(text) {
  $("#said").textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { $("#said").textContent = ""; }, 1800);
}

async function copyLink(at) {
  const link = `${location.href.split("#")[0]}#${steps[at].id}`;
  try { await navigator.clipboard.writeText(link); say("Link copied"); } catch { say("The address bar has the link"); }
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("toolrun-theme", root.dataset.theme); } catch { /* not kept, then */ }
}

/** Remember what is unfolded: a step that leaves the window is drawn anew later. */
function keep(details) {
  const key = details.dataset.key, owner = details.closest("article");
  if (key && owner) opened[details.open ? "add" : "delete"](`${owner.id}/${key}`);
}

function fold() {
  const all = [...(document.getElementById(steps[current]?.id)?.querySelectorAll("details[data-key]") ?? [])];
  const open = all.some(each => !each.open);
  for (const each of all) { each.open = open; keep(each); }
}

const KEYS = {
  j: () => move(1), k: () => move(-1), g: () => go(rowsShown[0]), G: () => go(rowsShown.at(-1)),
  o: fold, Enter: fold, r: () => $(".raw", document.getElementById(steps[current]?.id) ?? main)?.click(),
  y: () => current >= 0 && copyLink(current), "/": () => $("#query").focus(), n: () => jump(1), N: () => jump(-1), t: turnTheme, "?": () => $("#help").showModal(),
};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("#help").open) return;
  const typing = event.target.matches("input, select, textarea");
  if (event.target.id === "query" && event.key === "Enter") { event.preventDefault(); seek(event.shiftKey ? -1 : 1); return; }
  if (event.target.id === "query" && event.key === "Escape") { event.target.value = ""; find(""); event.target.blur(); return; }
  if (typing || !Object.hasOwn(KEYS, event.key) || (event.key === "Enter" && event.target.matches("a, button, summary"))) return;
  event.preventDefault();
  KEYS[event.key]();
});
$("#query").oninput = event => { clearTimeout(find.timer); $("#found").textContent = "\u2026"; find.timer = setTimeout(() => find(event.target.value), 120); };
$("#search").onsubmit = event => event.preventDefault();
$("#next").onclick = () => jump(1);
$("#previous").onclick = () => jump(-1);
$("#theme").onclick = turnTheme;
$("#keys").onclick = () => $("#help").showModal();
$("#filter").onchange = refit;
$("#timeline-toggle").onclick = event => { event.target.setAttribute("aria-expanded", String($("#timeline").classList.toggle("open"))); drawRows(); };
rows.onscroll = drawRows;
main.addEventListener("toggle", event => keep(event.target), true);

const follow = () => {
  const at = steps.findIndex(step => `#${step.id}` === decodeURIComponent(location.hash));
  if (at < 0) return;
  if (!fits(steps[at])) { $("#filter").value = ""; refit(); }
  if (at !== current) go(at);
};
addEventListener("hashchange", follow);
addEventListener("resize", drawRows);
// Who scrolls by hand moves the mark along; what a jump or a drawing scrolls does not.
for (const hand of ["wheel", "touchmove", "pointerdown", "keydown"]) addEventListener(hand, event => { byHand = !Object.hasOwn(KEYS, event.key ?? ""); }, { passive: true });
addEventListener("scroll", () => {
  cancelAnimationFrame(follow.frame);
  follow.frame = requestAnimationFrame(() => {
    const box = byHand && document.elementFromPoint(main.getBoundingClientRect().left + 60, header.offsetHeight + 60)?.closest("article");
    const at = box ? steps.findIndex(step => step.id === box.id) : -1;
    if (at >= 0 && at !== current) mark(at);
  });
});
addEventListener("beforeprint", () => {
  if (steps.length <= 500) model.blocks.forEach(draw);
  for (const each of main.querySelectorAll("details[data-key]")) each.open = true;
});

// ---- The page as it opens

(function open() {
  try { const kept = localStorage.getItem("toolrun-theme"); if (kept) document.documentElement.dataset.theme = kept; } catch { /* as the system has it */ }
  const sum = name => steps.reduce((all, step) => all + (step.usage[name] ?? 0), 0);
  const calls = steps.flatMap(step => step.calls), failed = calls.filter(([, outcome]) => outcome !== "ok").length;
  const title = steps.find(step => step.words)?.words ?? index.name;
  document.title = shown(`${title} \u00b7 toolrun trace`);
  $("#title").textContent = shown(title);
  $("#title").title = shown(`${index.name}, session ${index.header.session}`);
  if (index.home) Object.assign($("#home"), { href: index.home, hidden: false });
  const prompt = sum("prompt_tokens"), cached = sum("cached_tokens"), retries = steps.reduce((all, step) => all + step.retries, 0);
  const status = model.turns.at(-1)?.status;
  const total = (value, words) => el("div", el("dt", words), el("dd", value));
  const count = (value, one, more = "") => total(number(value), `${one}${value === 1 ? "" : "s"}${more}`);
  $("#totals").append(...[
    status ? el("div", el("dt", { hidden: "" }, "status"), el("dd", el(`span.tag.${WELL[status] ?? ""}`, status))) : null,
    total(new Date(index.header.created * 1000).toLocaleString(), ""),
    count(model.turns.filter(turn => turn.turn).length, "turn"), count(steps.filter(step => step.step).length, "step"),
    total(duration(steps.reduce((all, step) => all + step.active, 0)), "at work"),
    count(calls.length, "call", failed ? `, ${number(failed)} failed` : ""),
    total(number(prompt), "tokens in"), cached ? total(`${Math.round((100 * cached) / prompt)}%`, "cached") : null, total(number(sum("completion_tokens")), "out"),
    retries ? total(number(retries), retries === 1 ? "retry" : "retries") : null,
  ].filter(Boolean));
  for (const name of [...new Set(calls.map(([name]) => name))].sort()) $("#filter").append(el("option", { value: `tool:${name}` }, `Calls of ${name}`));
  if (index.error) main.append(notice("bad", "The trace goes wrong here, and is shown up to it", index.error));
  if (index.truncated) main.append(notice("", "The file ends in half a line", "the session was cut off, or is still running"));
  refit();
  current = 0;
  follow();
  drawRows();
})();
