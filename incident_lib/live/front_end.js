// The browser's side of a filter, of figures and of tables that follow it. Nothing is fetched: plotly.js comes from the
// kernel, once. Texts from records go into the page as text, never as HTML; what is HTML was cleaned by the kernel.
const SWAPS = __SWAPS__;
const CONFIG = __CONFIG__;
const shared = (globalThis[Symbol.for("incident-workbook")] ??= {});
const SYMBOLS = {critical: "▲", high: "◆", medium: "■", low: "●", unstated: "○"};
const WAIT_MS = 150;  // for more letters, before what was typed so far is looked for

// ---- plotly.js, from the kernel -------------------------------------------------------------------------------------

function plotly() {
  shared.plotly ??= new Promise((resolve) => { shared.bring = resolve; });
  return shared.plotly;
}

async function bring(bytes) {
  plotly();
  if (!shared.bring) return;
  const resolve = shared.bring;
  shared.bring = null;
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const code = `const module = {exports: {}}, exports = undefined, define = undefined;\n${text}\nexport default module.exports;`;
  const address = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
  try {
    resolve((await import(/* webpackIgnore: true */ address)).default);
  } finally {
    URL.revokeObjectURL(address);
  }
}

// ---- small helpers --------------------------------------------------------------------------------------------------

function make(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("aria-") || key.startsWith("data-") || key === "role" || key === "list" || key === "for")
      node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// By what lies behind a node, for VS Code may lay white below widgets in a dark theme; if nothing does, by the theme.
function isDark(node) {
  for (; node; node = node.parentElement) {
    const [, parts] = /^rgba?\((.*)\)$/.exec(getComputedStyle(node).backgroundColor) ?? [null, "0,0,0,0"];
    const [red, green, blue, alpha = 1] = parts.split(",").map(Number);
    if (alpha > 0.5) return 0.3 * red + 0.6 * green + 0.1 * blue < 128;
  }
  const {jpThemeLight, vscodeThemeKind} = document.body.dataset;
  return jpThemeLight === "false" || ["vscode-dark", "vscode-high-contrast"].includes(vscodeThemeKind);
}

function shaded(text, node) {
  if (!isDark(node)) return text;
  return text.replace(/#[0-9a-f]{6}/gi, (colour) => SWAPS[colour.toLowerCase()] ?? colour);
}

function later(wait, action) {
  let timer;
  return (...rest) => { clearTimeout(timer); timer = setTimeout(() => action(...rest), wait); };
}

let counter = 0;
const newId = (what) => `incidents-${what}-${++counter}`;

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", {value: text, class: "iw-unseen"});
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

// ---- the filter -----------------------------------------------------------------------------------------------------

function filterBar({model, el, signal}) {
  const options = JSON.parse(model.get("options"));
  let wishes = {};
  const send = () => model.send({do: "choose", wishes});
  const wish = (name, value) => {
    const kept = Array.isArray(value) ? (value.length > 1 ? value : value[0]) : value;
    if (kept) wishes[name] = kept; else delete wishes[name];
  };
  const listed = (name) => (wishes[name] === undefined ? [] : [wishes[name]].flat());

  const period = make("select", {"aria-label": "period"});
  period.append(make("option", {value: "", textContent: "any time"}));
  for (const [group, entries] of options.periods)
    period.append(make("optgroup", {label: group}, ...entries.map(([name, value]) =>
      make("option", {value: JSON.stringify(value), textContent: name}))));
  const since = make("input", {type: "date", "aria-label": "since"});
  const until = make("input", {type: "date", "aria-label": "until"});
  period.addEventListener("change", () => {
    for (const name of ["period", "since", "until"]) delete wishes[name];
    Object.assign(wishes, period.value ? JSON.parse(period.value) : {});
    send();
  }, {signal});
  for (const [name, input] of [["since", since], ["until", until]])
    input.addEventListener("change", () => { delete wishes.period; wish(name, input.value); send(); }, {signal});

  const severities = options.severity.map((name) => make("button", {
    type: "button", class: `iw-chip iw-${name}`, textContent: `${SYMBOLS[name] ?? ""} ${name}`, "data-name": name,
    onclick: () => {
      const now = listed("severity");
      wish("severity", options.severity.filter((one) => (one === name) !== now.includes(one)));
      send();
    },
  }));

  const boxes = ["customer", "service", "tag"].map((name) => {
    const id = newId(name);
    const input = make("input", {list: id, placeholder: `any ${name}`, "aria-label": name, autocomplete: "off"});
    const chips = make("span", {class: "iw-chips"});
    input.addEventListener("input", () => {
      const found = options[name].find((one) => one.toLowerCase() === input.value.trim().toLowerCase());
      if (!found) return;
      input.value = "";
      wish(name, [...new Set([...listed(name), found])]);
      send();
    }, {signal});
    const show = () => {
      chips.replaceChildren(...listed(name).map((one) => make("button", {
        type: "button", class: "iw-chip iw-on", textContent: `${one} ×`, "aria-label": `remove ${one}`,
        onclick: () => { wish(name, listed(name).filter((other) => other !== one)); send(); },
      })));
    };
    const node = make("label", {class: "iw-box"}, make("span", {textContent: name}), input,
      make("datalist", {id}, ...options[name].map((one) => make("option", {value: one}))));
    return {node, chips, show};
  });

  const text = make("input", {type: "search", placeholder: "words in title or summary", "aria-label": "words"});
  text.addEventListener("input", later(WAIT_MS, () => { wish("text", text.value.trim()); send(); }), {signal});
  const clear = make("button", {type: "button", class: "iw-plain", textContent: "Clear all",
    onclick: () => { wishes = {}; send(); }});
  const line = make("code", {class: "iw-line"});
  const copyLine = make("button", {type: "button", class: "iw-plain", textContent: "Copy",
    onclick: () => copy(line.textContent, copyLine)});
  const said = make("span", {class: "iw-said", role: "status"});
  const problem = make("p", {class: "iw-problem", role: "alert"});

  el.append(make("section", {class: "iw-filter", "aria-label": "Filter"},
    make("div", {class: "iw-row"}, make("label", {class: "iw-box"}, make("span", {textContent: "period"}), period),
      make("label", {class: "iw-box"}, make("span", {textContent: "since"}), since),
      make("label", {class: "iw-box"}, make("span", {textContent: "until"}), until),
      make("span", {class: "iw-box", role: "group", "aria-label": "severity"}, make("span", {textContent: "severity"}),
        make("span", {class: "iw-chips"}, ...severities))),
    make("div", {class: "iw-row"}, ...boxes.map((box) => box.node),
      make("label", {class: "iw-box iw-wide"}, make("span", {textContent: "words"}), text)),
    make("div", {class: "iw-row iw-chosen"}, ...boxes.map((box) => box.chips)),
    make("div", {class: "iw-row iw-python"}, line, copyLine, clear, said), problem));

  const show = () => {
    const state = JSON.parse(model.get("state"));
    wishes = {...state.wishes};
    line.textContent = state.line;
    said.textContent = state.said;
    problem.textContent = state.problem ?? "";
    const chosen = JSON.stringify(Object.fromEntries(["period", "since", "until"]
      .filter((name) => name in wishes).map((name) => [name, wishes[name]])));
    period.value = [...period.options].some((one) => one.value === chosen) ? chosen : "";
    since.value = /^\d{4}-\d\d-\d\d$/.test(wishes.since ?? "") ? wishes.since : "";
    until.value = /^\d{4}-\d\d-\d\d$/.test(wishes.until ?? "") ? wishes.until : "";
    for (const button of severities)
      button.setAttribute("aria-pressed", String(listed("severity").includes(button.dataset.name)));
    for (const box of boxes) box.show();
    if (document.activeElement !== text) text.value = listed("text").join(" ");
    clear.disabled = Object.keys(wishes).length === 0;
  };
  model.on("change:state", show);
  show();
  return () => model.off("change:state", show);
}

// ---- a table of incidents -------------------------------------------------------------------------------------------

function address(path) {
  const way = path.split("/").map(encodeURIComponent).join("/");
  const page = document.getElementById("jupyter-config-data");
  if (!page) return {open: way, file: way};
  const base = JSON.parse(page.textContent).baseUrl ?? "/";
  const classic = location.pathname.startsWith(`${base}notebooks/`);
  return {open: `${base}${classic ? "edit" : "lab/tree"}/${way}`, file: `${base}files/${way}`};
}

function incidentLinks(row, send) {
  const links = [];
  const {page, draft} = row.links;
  if (page) links.push(make("a", {
    href: address(page).open, target: "_blank", rel: "noopener", textContent: "page", title: page,
    "data-commandlinker-command": "docmanager:open",
    "data-commandlinker-args": JSON.stringify({path: page, factory: "Markdown Preview"}),
  }));
  links.push(make("button", {type: "button", class: "iw-link", textContent: "timeline",
    "aria-label": `timeline of ${row.incident_id}`, onclick: () => send({do: "timeline", incident: row.incident_id})}));
  if (draft) links.push(make("a", {href: address(draft).file, target: "_blank", rel: "noopener", textContent: "draft",
    title: draft}));
  return links.flatMap((link, place) => (place ? [" · ", link] : [link]));
}

function incidentTable(node, table, send) {
  const {columns} = table;
  const heads = Object.entries(columns).map(([name, title]) => make("th", {
    scope: "col", "aria-sort": name !== table.column ? "none" : table.down ? "descending" : "ascending",
  }, make("button", {type: "button", class: "iw-sort", textContent: name !== table.column ? title
    : `${title} ${table.down ? "▾" : "▴"}`, title: name === "minutes" ? table.measure : `sort by ${title}`,
    onclick: () => send({do: "sort", column: name})})));
  const rows = table.rows.map((row) => make("tr", {}, ...Object.keys(columns).map((name) => {
    const text = row[name] ?? "–";
    if (name === "incident_id") return make("td", {class: "iw-cell-incident_id"}, make("strong", {textContent: text}),
      make("div", {class: "iw-links"}, ...incidentLinks(row, send)));
    if (name !== "severity" || !row[name]) return make("td", {class: `iw-cell-${name}`, textContent: text, title: text});
    return make("td", {}, make("span", {class: `iw-badge iw-${text}`, textContent: `${SYMBOLS[text] ?? ""} ${text}`}));
  })));
  const count = `${table.total.toLocaleString("en")} incident${table.total === 1 ? "" : "s"}`;
  const body = make("div", {class: "iw-scroll", tabIndex: 0, role: "region", "aria-label": `${count}, page ${table.page + 1}`},
    make("table", {class: "iw-table"}, make("thead", {}, make("tr", {}, ...heads)),
      make("tbody", {}, ...rows)));

  let tools = node.querySelector(".iw-tools");
  if (!tools) {  // kept while a table lasts, so that whoever types in it is not interrupted
    const search = make("input", {type: "search", placeholder: "search this table", "aria-label": "search this table"});
    search.value = table.text;
    search.addEventListener("input", later(WAIT_MS, () => send({do: "search", text: search.value})));
    const csv = make("button", {type: "button", class: "iw-plain", textContent: "Copy as CSV", onclick: () => send({do: "csv"})});
    tools = make("div", {class: "iw-tools"}, search, make("span", {class: "iw-pager"}), csv);
    node.append(tools, make("div", {class: "iw-body"}));
  }
  const go = (page, title, words) => make("button", {type: "button", class: "iw-plain", textContent: title, "aria-label": words,
    disabled: page < 0 || page >= table.pages || page === table.page, onclick: () => send({do: "page", page})});
  const size = make("select", {"aria-label": "rows to a page", onchange: () => send({do: "size", size: Number(size.value)})},
    ...table.sizes.map((one) => make("option", {value: one, textContent: `${one} rows`, selected: one === table.size})));
  tools.querySelector(".iw-pager").replaceChildren(
    make("span", {class: "iw-total", role: "status", textContent: count}), go(0, "«", "first page"),
    go(table.page - 1, "‹", "previous page"), make("span", {textContent: `${table.page + 1} / ${table.pages.toLocaleString("en")}`}),
    go(table.page + 1, "›", "next page"), go(table.pages - 1, "»", "last page"), size);
  node.querySelector(".iw-body").replaceChildren(table.total ? body : make("p", {class: "iw-note", textContent: "No incident."}));
}

// ---- a figure, a table, or both -------------------------------------------------------------------------------------

function marksOf(figure) {
  const every = figure.data.flatMap((trace) => (trace.customdata ?? []).flat());
  const known = new Map(every.map((mark) => [JSON.stringify(mark), mark]));
  return [...known.values()].filter(Boolean);
}

function view({model, el, signal}) {
  const send = (message) => model.send(message);
  const title = make("p", {class: "iw-title"});
  const canvas = make("div", {class: "iw-canvas"});
  const note = make("p", {class: "iw-note"});
  const choice = make("select", {"aria-label": "choose a mark of the figure", onchange: () => {
    send(choice.value ? {do: "pick", mark: JSON.parse(choice.value)} : {do: "clear"});
  }});
  const pick = make("div", {class: "iw-pick"});
  const html = make("div", {class: "iw-html"});
  const table = make("div", {class: "iw-listing"});
  const detail = make("div", {class: "iw-detail"});
  const problem = make("p", {class: "iw-problem", role: "alert"});
  const section = make("section", {class: "iw-view"}, title, canvas, note, pick, html, table, detail, problem);
  el.append(section);

  let drawn = null, seen = null, marks = [], listed = "", shownDetail = null;
  const draw = async (node, text, onclick) => {
    const figure = JSON.parse(shaded(text, node));
    const height = figure.layout.height ?? 380;
    node.style.height = `${height}px`;
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", figure.layout.meta?.alt ?? "figure");
    const Plotly = await plotly();
    if (!node.isConnected) return;
    await Plotly.react(node, figure.data, {...figure.layout, dragmode: false, autosize: true, width: undefined}, CONFIG);
    if (onclick && !node.dataset.heard) {
      node.dataset.heard = "yes";
      node.on("plotly_click", onclick);
    }
  };
  const clicked = (event) => {
    const mark = event.points.map((point) => point.customdata).find((one) => one);
    if (mark) send({do: "pick", mark});
  };
  const showFigure = () => {
    const text = model.get("figure");
    const key = `${isDark(el)}${text}`;
    if (!seen || !text || key === drawn) return;
    drawn = key;
    const figure = JSON.parse(text);
    title.textContent = figure.layout.title?.text ?? "";
    delete figure.layout.title;
    const top = figure.layout.showlegend || figure.data.length > 1 && figure.layout.showlegend !== false ? 40 : 14;
    figure.layout.margin = {...figure.layout.margin, t: top};
    marks = marksOf(figure);
    draw(canvas, JSON.stringify(figure), clicked);
  };
  const showPick = (state) => {
    if (!state.pickable) return pick.replaceChildren();
    const words = (mark) => Object.values(mark).join(", ");
    const key = JSON.stringify(marks);
    if (key !== listed) {
      listed = key;
      choice.replaceChildren(make("option", {value: "", textContent: "click a mark of the figure, or choose one here"}),
        ...marks.slice(0, 400).map((mark) => make("option", {value: JSON.stringify(mark), textContent: words(mark)})));
    }
    choice.value = state.picked ? JSON.stringify(state.picked) : "";
    const buttons = state.picked ? [
      state.line ? make("code", {class: "iw-line", textContent: state.line}) : null,
      state.narrows ? make("button", {type: "button", class: "iw-plain", textContent: "Filter by this", onclick: () => send({do: "narrow"})}) : null,
      make("button", {type: "button", class: "iw-plain", textContent: "Close", onclick: () => send({do: "clear"})}),
    ] : [];
    pick.replaceChildren(choice, ...buttons.filter(Boolean));
  };
  const showState = () => {
    const state = JSON.parse(model.get("state"));
    note.textContent = state.note ?? "";
    problem.textContent = state.problem ?? "";
    html.innerHTML = state.html ?? "";  // cleaned by the kernel
    showPick(state);
    if (state.table) incidentTable(table, state.table, send); else table.replaceChildren();
    canvas.style.display = model.get("figure") ? "" : "none";
    if (!drawn && model.get("figure"))  // room for what is drawn once it is seen, so that nothing moves then
      canvas.style.height = `${JSON.parse(model.get("figure")).layout.height ?? 380}px`;
    title.style.display = canvas.style.display;
    const key = JSON.stringify([isDark(el), state.detail ?? null]);
    if (key === shownDetail) return;
    shownDetail = key;
    if (!state.detail) return detail.replaceChildren();
    const strip = make("div", {class: "iw-canvas"});
    const listing = make("div", {class: "iw-html iw-scroll"});
    listing.innerHTML = state.detail.html;  // cleaned by the kernel
    detail.replaceChildren(make("div", {class: "iw-pick"}, make("strong", {textContent: state.detail.title}),
      make("button", {type: "button", class: "iw-plain", textContent: "Close", onclick: () => send({do: "close"})})), strip, listing);
    const figure = JSON.parse(state.detail.figure);
    delete figure.layout.title;
    figure.layout.margin = {...figure.layout.margin, t: 10};
    draw(strip, JSON.stringify(figure));
  };
  const freshen = () => {
    if (seen && model.get("version") !== JSON.parse(model.get("state")).version) send({do: "seen", seen});
  };
  const message = (content) => { if (content.csv !== undefined) copy(content.csv, el.querySelector(".iw-tools > button")); };
  const both = () => { section.classList.toggle("iw-dark", isDark(el)); showFigure(); showState(); };

  const eye = new IntersectionObserver((entries) => {
    const now = entries.at(-1).isIntersecting;
    if (now === seen) return;
    seen = now;
    send({do: "seen", seen});
    if (seen) both();
  }, {rootMargin: "200px"});
  eye.observe(el);
  const ruler = new ResizeObserver(later(100, () => {
    for (const node of el.querySelectorAll(".js-plotly-plot"))
      plotly().then((Plotly) => { if (node.isConnected && node.clientWidth) Plotly.Plots.resize(node); });
  }));
  ruler.observe(el);
  const theme = new MutationObserver(both);
  theme.observe(document.body, {attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind", "class"]});
  model.on("change:state", both);  // a new figure brings a new state
  model.on("change:version", freshen);
  model.on("msg:custom", message);
  showState();
  return () => {
    send({do: "seen", seen: false});
    eye.disconnect(); ruler.disconnect(); theme.disconnect();
    model.off("change:state", both);
    model.off("change:version", freshen); model.off("msg:custom", message);
    if (shared.plotly) plotly().then((Plotly) => { for (const node of el.querySelectorAll(".js-plotly-plot")) Plotly.purge(node); });
  };
}

export default {
  initialize({model}) {
    if (model.get("kind") !== "filter") return;
    const take = () => { const bytes = model.get("library"); if (bytes?.byteLength) bring(bytes); };
    model.on("change:library", take);
    take();
    plotly();
    if (shared.bring && !model.get("library")?.byteLength) model.send({do: "library"});
  },
  render(props) { return props.model.get("kind") === "filter" ? filterBar(props) : view(props); },
};
