// The sandbox's page. It follows /_sandbox/stream, and acts by the control API. Whatever an event holds is put into
// the page as text, never as HTML.

const MOST_ROWS = 10_000;
const ROW = 32; // pixels, as in page.css
const TALL_ROW = 54;
const LONGEST_VALUE = 600; // characters of a value that are shown at first
const MOST_LINES = 1500; // lines of JSON that are shown at first
const MINUTES = 15;
const BASE = 84; // where the columns of a chart stand

const $ = (id) => document.getElementById(id);

/** Make an element. Texts among the children become text nodes. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Write characters that are invisible, or that turn the direction of a text, as JSON escapes them. */
function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"));
}

const count = (number, one, many = one + "s") => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

function clockTime(milliseconds, fraction = true) {
  const time = new Date(milliseconds);
  const text = time.toLocaleTimeString("en-GB");
  return fraction ? `${text}.${String(time.getMilliseconds()).padStart(3, "0")}` : text;
}

// Talking to the sandbox

let settings = { host: "", api_key: "", token: "" };
let state = null;

async function get(path) {
  const response = await fetch("/_sandbox/" + path);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `status ${response.status}`);
  return body;
}

async function post(command, body) {
  const send = () => fetch("/_sandbox/" + command, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Sandbox-Token": settings.token },
    body: JSON.stringify(body),
  });
  let response = await send();
  if (response.status === 403) { // the sandbox was started again
    await readSettings();
    response = await send();
  }
  const result = await response.json();
  if (!response.ok) throw new Error(result.error ?? `status ${response.status}`);
  return result;
}

async function readSettings() {
  settings = await get("state");
  $("host").textContent = visible(settings.host);
  $("key").textContent = visible(settings.api_key);
  showEmpty();
}

let source = null;
let awayTimer = 0;

function follow() {
  source?.close();
  source = new EventSource("/_sandbox/stream");
  source.onopen = () => {
    showLive("on", "live");
    readSettings().catch(() => {});
  };
  source.onmessage = (message) => receive(JSON.parse(message.data));
  source.onerror = () => {
    showLive("off", "reconnecting");
    if (source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(() => source ?? follow(), 1000);
    }
  };
}

function showLive(mode, text) {
  $("live").dataset.state = mode;
  $("live-text").textContent = text;
}

// A browser opens six connections to a host, and a stream holds one. So a page that nobody sees lets go of its own.
document.addEventListener("visibilitychange", () => {
  clearTimeout(awayTimer);
  if (document.hidden) {
    awayTimer = setTimeout(() => { source?.close(); source = null; }, 60_000);
  } else if (!source) {
    list.clear(); // the new stream begins with the first request
    follow();
  }
});

function receive(message) {
  if (message.reset) {
    list.clear();
    minutes.clear();
    if (state && state.instance !== message.state.instance) readSettings().catch(() => {});
    if (selected.request) select(null);
  }
  state = message.state;
  list.add(message.requests);
  minutes.add(message.requests);
  showState();
  const orders = new Set([...message.requests, ...message.postbacks].map((each) => each.order_id));
  if (selected.order && (orders.has(selected.order))) refreshOrder();
  if (!message.reset) announce(message.requests);
}

// The list of requests: only the rows that are in view exist

class RequestList {
  constructor(viewport, holder) {
    this.viewport = viewport;
    this.holder = holder;
    this.elements = new Map();
    this.matches = () => true;
    this.clear();
    viewport.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.schedule()).observe(viewport);
    viewport.addEventListener("keydown", (event) => this.onKey(event));
    viewport.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) select(Number(row.dataset.number));
    });
  }

  clear() {
    this.all = [];
    this.show([]);
  }

  /** Show these requests, oldest first. `ends` holds the summed heights up to each of them. */
  show(requests) {
    this.shown = requests;
    this.ends = [];
    this.base = 0;
    for (const request of requests) this.ends.push(this.end + heightOf(request));
    this.elements.forEach((element) => element.remove());
    this.elements.clear();
    this.viewport.scrollTop = 0;
    this.schedule();
  }

  get end() { return this.ends.length ? this.ends[this.ends.length - 1] : this.base; }

  add(requests) {
    if (!requests.length) return;
    const before = this.end;
    for (const request of requests) {
      this.all.push(request);
      if (!this.matches(request)) continue;
      this.ends.push(this.end + heightOf(request));
      this.shown.push(request);
    }
    this.trim();
    // Newest first: who has scrolled down keeps the rows that he looks at.
    if (this.viewport.scrollTop > 0) {
      this.setHeight();
      this.viewport.scrollTop += this.end - before;
    }
    showKinds(requests);
    this.schedule();
  }

  trim() {
    if (this.all.length <= MOST_ROWS) return;
    const oldest = this.all[this.all.length - MOST_ROWS].number;
    this.all.splice(0, this.all.length - MOST_ROWS);
    const dropped = this.shown.findIndex((request) => request.number >= oldest);
    const gone = dropped < 0 ? this.shown.length : dropped;
    if (!gone) return;
    this.base = this.ends[gone - 1];
    this.shown.splice(0, gone);
    this.ends.splice(0, gone);
  }

  filter(matches) {
    this.matches = matches;
    this.show(this.all.filter(matches));
  }

  /** Return the place of the request that covers a height, measured from the oldest one. */
  placeAt(height) {
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle] <= height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  placeOf(number) {
    let low = 0;
    let high = this.shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.shown[middle].number < number) low = middle + 1;
      else high = middle;
    }
    return this.shown[low]?.number === number ? low : -1;
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.render();
    });
  }

  setHeight() { this.holder.style.height = `${this.end - this.base}px`; }

  render() {
    this.setHeight();
    const { scrollTop, clientHeight } = this.viewport;
    const first = Math.min(this.placeAt(this.end - scrollTop + TALL_ROW), this.shown.length - 1);
    const last = this.placeAt(this.end - scrollTop - clientHeight - TALL_ROW);
    const kept = new Map();
    for (let place = first; place >= last && place >= 0; place--) {
      const request = this.shown[place];
      const element = this.elements.get(request.number) ?? makeRow(request);
      element.style.top = `${this.end - this.ends[place]}px`;
      element.setAttribute("aria-setsize", this.shown.length);
      element.setAttribute("aria-posinset", this.shown.length - place);
      element.setAttribute("aria-selected", request.number === selected.request);
      kept.set(request.number, element);
    }
    for (const [number, element] of this.elements) if (!kept.has(number)) element.remove();
    this.elements = kept;
    let next = this.holder.firstChild; // screen readers follow the order of the document
    for (const element of kept.values()) {
      if (element === next) next = next.nextSibling;
      else this.holder.insertBefore(element, next);
    }
    const active = kept.get(selected.request);
    if (active) this.viewport.setAttribute("aria-activedescendant", active.id);
    else this.viewport.removeAttribute("aria-activedescendant");
    $("filter-count").textContent = this.shown.length === this.all.length ? "" : `${this.shown.length.toLocaleString("en")} shown`;
    showEmpty();
  }

  onKey(event) {
    const page = Math.max(1, Math.floor(this.viewport.clientHeight / ROW) - 1);
    const steps = { ArrowDown: -1, ArrowUp: 1, PageDown: -page, PageUp: page, Home: Infinity, End: -Infinity };
    if (!(event.key in steps) || !this.shown.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const newest = this.shown.length - 1;
    const now = this.placeOf(selected.request);
    const next = Math.min(Math.max((now < 0 ? newest + 1 : now) + steps[event.key], 0), newest);
    this.reveal(next);
    select(this.shown[next].number);
  }

  reveal(place) {
    const top = this.end - this.ends[place];
    const bottom = top + heightOf(this.shown[place]);
    const { scrollTop, clientHeight } = this.viewport;
    if (top < scrollTop) this.viewport.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.viewport.scrollTop = bottom - clientHeight;
  }
}

const remarkOf = (request) => (request.result === "refused" ? request.error : request.hints[0]) ?? "";
const heightOf = (request) => (remarkOf(request) ? TALL_ROW : ROW);

function badge(request) {
  const kinds = { accepted: request.status ? "good" : "warn", refused: "bad", scripted: "warn" };
  const words = { accepted: " ok", refused: " refused", scripted: " scripted" };
  const status = request.status || "cut";
  return make("span", { class: `badge ${kinds[request.result]}` }, String(status), make("i", {}, words[request.result]));
}

function makeRow(request) {
  const remark = remarkOf(request);
  const isFresh = Date.now() - request.time < 1500;
  const row = make("div", {
    class: `row${remark ? " tall" : ""}${isFresh ? " fresh" : ""}`, role: "option", id: `request-${request.number}`, "data-number": request.number,
  },
    make("span", { class: "time" }, matchMedia("(max-width: 620px)").matches ? clockTime(request.time, false) : clockTime(request.time)),
    make("span", { class: "kind" }, visible(request.kind)),
    make("span", {}, visible(request.order_id) || "-"),
    make("span", { class: "wide" }, visible(request.user_id) || "-"),
    make("span", {}, badge(request)),
    make("span", { class: "ms number wide" }, request.ms < 10 ? request.ms.toFixed(1) : String(Math.round(request.ms))),
  );
  if (remark) {
    const name = request.result === "refused" ? "remark" : "remark hint";
    row.append(make("span", { class: name, title: visible(remark) }, visible(remark)));
  }
  return row;
}

const knownKinds = new Set();

function showKinds(requests) {
  for (const { kind } of requests) {
    if (knownKinds.has(kind) || knownKinds.size >= 60) continue;
    knownKinds.add(kind);
    const names = [...$("filter-kind").options].slice(1);
    const next = names.find((option) => option.value > kind) ?? null;
    $("filter-kind").insertBefore(make("option", { value: kind }, visible(kind)), next);
  }
}

function applyFilter() {
  const words = $("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const kind = $("filter-kind").value;
  const result = $("filter-result").value;
  list.filter((request) => {
    if (kind && request.kind !== kind) return false;
    if (result && (result === "hint" ? !request.hints.length : request.result !== result)) return false;
    if (!words.length) return true;
    const text = `${request.kind}\n${request.order_id}\n${request.user_id}\n${request.error ?? ""}\n${request.status}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function showEmpty() {
  $("empty").hidden = list.shown.length > 0;
  if (list.shown.length) return;
  const isFiltered = list.all.length > 0;
  $("empty-title").textContent = isFiltered ? "No request matches" : "No requests yet";
  $("empty-text").textContent = isFiltered
    ? `${count(list.all.length, "request")} came. Change the filter to see them.`
    : "Run this, or copy the settings for your own program. Events appear here at once.";
  $("empty-code").hidden = isFiltered;
  $("empty-code").textContent = `${settingsFor("python")}
orders = thirdwatch_api.OrderStatusApi()
event = thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001")
event.order_status = "_fulfilled"
orders.order_status(event)`;
}

// One request and its order

const selected = { request: null, order: "", fullOrder: "" };
let isPersonalShown = false;
let requestInView = null;

async function select(number) {
  selected.request = number;
  list.schedule();
  const row = number === null ? null : list.all.find((request) => request.number === number);
  const order = row?.order_id ?? "";
  if (order !== selected.order) {
    selected.order = order;
    $("order-view").hidden = true;
    $("action-result").textContent = "";
  }
  $("order-title").textContent = order ? `Order ${visible(order)}` : "Order";
  $("order-hint").hidden = number !== null;
  if (number === null) {
    $("order-view").hidden = $("request-view").hidden = true;
    return;
  }
  if (order) refreshOrder();
  const request = await get(`request?number=${number}`).catch((error) => ({ error: error.message, lines: [] }));
  if (selected.request === number) showRequest(row, request);
}

function showRequest(row, request) {
  requestInView = { row, request };
  $("request-view").hidden = false;
  $("request-title").replaceChildren(`${visible(row.kind)} `, badge(row));
  const parts = [`request ${row.number}`, clockTime(row.time), `${row.ms} ms`, visible(`${row.method} ${request.path ?? ""}`).slice(0, 200)];
  $("request-meta").textContent = parts.join(" · ");
  const hasPlace = request.lines.some((line) => line.notes);
  $("request-error").hidden = !request.error || hasPlace;
  $("request-error").textContent = visible(request.error ?? "");
  $("show-personal").hidden = !request.lines.some((line) => line.personal);
  showJson();
}

function showJson(limit = MOST_LINES) {
  const { lines } = requestInView.request;
  const shown = document.createDocumentFragment();
  for (const line of lines.slice(0, limit)) {
    shown.append(makeLine(line));
    for (const [kind, text] of line.notes ?? []) {
      const note = make("div", { class: `note ${kind}` }, `${kind}: ${visible(text)}`);
      note.style.marginLeft = `${line.depth + 1}em`;
      shown.append(note);
    }
  }
  if (lines.length > limit) {
    const all = () => showJson(Infinity);
    shown.append(make("div", { class: "line" }, make("button", { type: "button", onclick: all }, `Show all ${count(lines.length, "line")}`)));
  }
  $("json").replaceChildren(shown);
}

function makeLine(line) {
  const element = make("div", { class: "line" });
  element.style.paddingLeft = `${line.depth}em`;
  if (line.key) element.append(make("span", { class: "key" }, visible(line.key)));
  element.append(line.personal && !isPersonalShown ? make("span", { class: "mask" }, "••• masked") : makeValue(line.value), line.end);
  return element;
}

function makeValue(text) {
  const value = make("span", { class: "value" }, visible(text.slice(0, LONGEST_VALUE)));
  if (text.length > LONGEST_VALUE) {
    const more = make("button", { type: "button" }, `Show all ${count(text.length, "character")}`);
    more.addEventListener("click", () => value.replaceChildren(visible(text)));
    value.append("…", more);
  }
  return value;
}

let orderTimer = 0;

function refreshOrder() {
  orderTimer ||= setTimeout(async () => {
    orderTimer = 0;
    const id = selected.order;
    if (!id) return;
    const order = await get(`order?request=${selected.request}`).catch(() => null);
    if (order && selected.order === id) showOrder(order);
  }, 60);
}

function showOrder(order) {
  selected.fullOrder = order.order_id; // the list may show a part of it
  $("order-view").hidden = false;
  const steps = [
    ...order.requests.map((request) => [request.time, requestStep(request)]),
    ...order.postbacks.map((postback) => [postback.time, postbackStep(postback)]),
  ].sort((left, right) => left[0] - right[0]);
  $("trail").replaceChildren(...steps.map(([, step]) => make("li", {}, step)));
  showScore(order);
  const reasons = order.score?.reasons ?? [];
  $("reasons").replaceChildren(...reasons.map(makeReason));
}

function requestStep(request) {
  const current = request.number === selected.request;
  const step = make("button", { type: "button", "aria-current": current ? "true" : null }, visible(request.kind), badge(request));
  step.addEventListener("click", () => select(request.number));
  return step;
}

function postbackStep(postback) {
  const names = { shipping_address_postback: "address", url: "payment link" };
  const what = postback.action ?? (postback.score === null ? names[postback.kind] : `score ${postback.score}`);
  const title = postback.error ? visible(postback.error) : null;
  return make("span", { class: "step", title },
    `postback ${visible(String(what))}`,
    make("span", { class: `badge ${postback.status >= 200 && postback.status < 300 ? "good" : "bad"}` }, postback.status ? String(postback.status) : "not sent"));
}

function makeReason(reason) {
  const kinds = { red: "bad", green: "good" };
  return make("li", {}, make("span", { class: `badge ${kinds[reason.flag] ?? ""}` }, reason.flag), `${reason.display_name}: ${reason.value}`);
}

function showScore(order) {
  const threshold = state.threshold;
  if (!order.score) {
    const missing = order.known ? "a transaction whose status is _success" : "create_order";
    const fixed = order.fixed_score === null ? "" : ` It will be ${order.fixed_score}, which was set.`;
    $("score").replaceChildren(make("p", { class: "quiet" }, `No score yet: ${missing} has not come.${fixed}`));
    return;
  }
  const { score, flag } = order.score;
  const x = (value) => Math.min(Math.max(value, 0), 100) * 3;
  const text = `Score ${score}, ${flag}: ${score > threshold ? "above" : "not above"} the threshold of ${threshold}`;
  const picture = draw("svg", { viewBox: "0 0 300 30", role: "img", "aria-label": text, preserveAspectRatio: "xMinYMid meet" },
    draw("rect", { class: "track", x: 0, y: 13, width: 300, height: 9, rx: 4.5 }),
    draw("rect", { class: flag === "red" ? "bad" : "good", x: 0, y: 13, width: Math.max(x(score), 2), height: 9, rx: 4.5 }),
    draw("line", { class: "mark", x1: x(threshold), x2: x(threshold), y1: 10, y2: 25 }),
    label(0, 8, `score ${score} ${flag}`, "strong"),
    label(x(threshold), 8, `red above ${threshold}`, "", "middle"));
  $("score").replaceChildren(picture);
}

async function act(command, body, what) {
  const result = $("action-result");
  result.className = "result";
  result.textContent = "Sending ...";
  try {
    const { postback } = await post(command, { order_id: selected.fullOrder, ...body });
    const arrived = postback === null || (postback.status >= 200 && postback.status < 300);
    result.classList.add(arrived ? "good" : "bad");
    result.textContent = postback === null ? what
      : `${what}: ${postback.error ? visible(postback.error) : `the shop responded ${postback.status}`}`;
  } catch (error) {
    result.classList.add("bad");
    result.textContent = visible(error.message);
  }
  refreshOrder();
}

const filled = (form) => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));

// Faults

async function addFault(event) {
  event.preventDefault();
  const form = $("fault-form").elements;
  const result = $("fault-result");
  try {
    await post("fail", {
      status: form.status.value ? Number(form.status.value) : null,
      times: Number(form.times.value), delay: Number(form.delay.value), cut: form.cut.checked,
    });
    result.className = "result good";
    result.textContent = `Added for ${count(Number(form.times.value), "request")}.`;
  } catch (error) {
    result.className = "result bad";
    result.textContent = visible(error.message);
  }
}

function showState() {
  for (const name of ["accepted", "refused", "scripted"]) $(`count-${name}`).textContent = state.counts[name].toLocaleString("en");
  document.title = `${state.counts.refused ? `(${state.counts.refused} refused) ` : ""}Thirdwatch sandbox`;
  const waiting = state.scripted;
  $("queue-size").textContent = waiting ? `(${count(waiting, "request")})` : "is empty: responses are normal";
  $("queue").replaceChildren(...state.scripts.map(makeFault));
  drawScores();
}

function makeFault(script) {
  const parts = [script.status === null ? "normal response" : String(script.status)];
  if (script.delay) parts.push(`after ${script.delay} s`);
  if (script.cut) parts.push("then cut");
  return make("li", { class: "badge warn" }, `${parts.join(" ")}${script.times > 1 ? ` x ${script.times.toLocaleString("en")}` : ""}`);
}

// Charts

function label(x, y, text, name = "", anchor = "start") {
  return draw("text", { x, y, class: name, "text-anchor": anchor }, text);
}

/** Draw columns, each a list of [class, number] from the bottom up, with the sums above and the names below. */
function drawColumns(holder, columns, description, extra = []) {
  const highest = Math.max(4, ...columns.map((column) => column.total));
  const width = 320 / columns.length;
  const picture = draw("svg", { viewBox: `0 0 320 ${BASE + 17}`, role: "img", "aria-label": description });
  columns.forEach((column, place) => {
    let bottom = BASE;
    for (const [name, number] of column.parts) {
      const height = (number / highest) * (BASE - 14);
      if (!number) continue;
      picture.append(draw("rect", { class: name, x: place * width + width * 0.14, y: bottom - height, width: width * 0.72, height: Math.max(height, 1.5), rx: 2 }));
      bottom -= height;
    }
    const middle = place * width + width / 2;
    if (column.total) picture.append(label(middle, bottom - 4, compact(column.total), "strong", "middle"));
    if (column.name) picture.append(label(middle, BASE + 13, column.name, "", "middle"));
  });
  picture.append(draw("line", { class: "base", x1: 0, x2: 320, y1: BASE + 0.5, y2: BASE + 0.5 }), ...extra);
  holder.replaceChildren(picture);
}

function showLegend(id, parts) {
  $(id).replaceChildren(...parts.map(([name, text]) => make("span", {},
    draw("svg", { viewBox: "0 0 8 8", "aria-hidden": "true" }, draw("rect", { class: name, width: 8, height: 8, rx: 2 })), text)));
}

const compact = (number) => (number < 10_000 ? String(number) : `${Math.round(number / 1000)}k`);

let drawnScores = "";

function drawScores() {
  const key = state.scores.join();
  if (key === drawnScores) return;
  drawnScores = key;
  const columns = state.scores.map((total, place) => ({
    total, name: String(place * 10), parts: [[place * 10 >= state.threshold ? "bad" : "good", total]],
  }));
  const all = state.scores.reduce((sum, number) => sum + number, 0);
  const words = state.scores.map((number, place) => (number ? `${number} from ${place * 10}` : "")).filter(Boolean);
  const mark = 320 * (state.threshold / 100);
  drawColumns($("chart-scores"), columns, `Scores of ${count(all, "order")}: ${words.join(", ") || "none yet"}`, [
    draw("line", { class: "mark", x1: mark, x2: mark, y1: 4, y2: BASE }),
    ...(all ? [] : [label(8, 50, "no order has a score yet")]),
  ]);
  showLegend("legend-scores", [["good", "green"], ["bad", `red: above ${state.threshold}`]]);
}

/** Requests a minute, counted as they come. */
class Minutes {
  constructor() { this.clear(); }

  clear() {
    this.counts = new Map();
    this.draw();
  }

  add(requests) {
    for (const { time, result } of requests) {
      const minute = Math.floor(time / 60_000);
      const counts = this.counts.get(minute) ?? { accepted: 0, refused: 0, scripted: 0 };
      counts[result] += 1;
      this.counts.set(minute, counts);
    }
    if (requests.length) this.draw();
  }

  draw() {
    const now = Math.floor(Date.now() / 60_000);
    for (const minute of this.counts.keys()) if (minute <= now - MINUTES) this.counts.delete(minute);
    const columns = Array.from({ length: MINUTES }, (_, place) => {
      const minute = now - MINUTES + 1 + place;
      const { accepted, refused, scripted } = this.counts.get(minute) ?? { accepted: 0, refused: 0, scripted: 0 };
      const name = place === MINUTES - 1 ? "now" : (MINUTES - 1 - place) % 5 === 0 ? `-${MINUTES - 1 - place}` : "";
      return { total: accepted + refused + scripted, name, parts: [["good", accepted], ["bad", refused], ["warn", scripted]] };
    });
    const sum = (place) => columns.reduce((total, column) => total + column.parts[place][1], 0);
    const legend = [["good", `accepted ${sum(0)}`], ["bad", `refused ${sum(1)}`], ["warn", `scripted ${sum(2)}`]];
    showLegend("legend-minutes", legend);
    drawColumns($("chart-minutes"), columns,
      `Requests of the last ${MINUTES} minutes: ${sum(0)} accepted, ${sum(1)} refused, ${sum(2)} scripted; ${columns[MINUTES - 1].total} in this minute`);
  }
}

// Settings, and messages

function settingsFor(language) {
  const { host, api_key: key } = settings;
  const single = (text, escaped) => `'${text.replaceAll("'", escaped)}'`;
  if (language === "bash") return `export THIRDWATCH_HOST=${single(host, "'\\''")} THIRDWATCH_API_KEY=${single(key, "'\\''")}`;
  if (language === "powershell") return `$env:THIRDWATCH_HOST = ${single(host, "''")}; $env:THIRDWATCH_API_KEY = ${single(key, "''")}`;
  return `import thirdwatch_api

thirdwatch_api.configuration.host = ${JSON.stringify(host)}
thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = ${JSON.stringify(key)}`;
}

async function copySettings(button) {
  const text = settingsFor(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied for ${button.textContent}:\n${text}`);
  } catch {
    toast(`The browser does not let this page copy. Copy it yourself:\n${text}`);
  }
}

let toastTimer = 0;

function toast(text) {
  $("toast").textContent = visible(text).replaceAll("\\u000a", "\n");
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

let unheard = [];
let announceTimer = 0;

/** Say what is new to those who can't see it, at most every two seconds. */
function announce(requests) {
  unheard.push(...requests);
  if (!unheard.length) return;
  announceTimer ||= setTimeout(() => {
    const refused = unheard.filter((request) => request.result === "refused");
    const last = refused.at(-1) ?? unheard.at(-1);
    $("announce").textContent = `${count(unheard.length, "new request")}${refused.length ? `, ${refused.length} refused` : ""}. `
      + `${visible(last.kind)}: ${visible(last.error ?? "accepted")}`;
    unheard = [];
    announceTimer = 0;
  }, 2000);
}

// Start

const list = new RequestList($("list"), $("rows"));
const minutes = new Minutes();

$("filter").addEventListener("input", applyFilter);
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("clear").addEventListener("click", () => post("clear", {}).catch((error) => toast(error.message)));
$("fault-form").addEventListener("submit", addFault);
$("show-personal").addEventListener("click", () => {
  isPersonalShown = !isPersonalShown;
  $("show-personal").setAttribute("aria-pressed", isPersonalShown);
  showJson();
});
document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copySettings(button)));
document.querySelectorAll("[data-action]").forEach((button) => button.addEventListener("click", () => {
  act("action", { action_type: button.dataset.action }, `Sent "${button.dataset.action}"`);
}));
$("score-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const score = Number($("score-value").value);
  act("score", { score }, `The score is ${score}`);
});
$("address-form").addEventListener("submit", (event) => {
  event.preventDefault();
  act("address", filled(event.target), "Sent the address");
});
$("link-form").addEventListener("submit", (event) => {
  event.preventDefault();
  act("payment_link", filled(event.target), "Sent the payment link");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, select, textarea")) {
    event.preventDefault();
    $("filter-text").focus();
  }
});
setInterval(() => minutes.draw(), 10_000);
follow();
