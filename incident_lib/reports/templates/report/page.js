// Tables that sort by a click or a key on their headings, and contents that show where the reader is.
(() => {
  "use strict";
  const RANKS = ["critical", "high", "medium", "low"];
  const ORDERS = { none: "ascending", ascending: "descending", descending: "none" };
  const fewest = 3;

  const text = (cell) => cell?.textContent.trim() ?? "";
  const asNumber = (written) => Number.parseFloat(written.replaceAll(",", "").replace("−", "-"));
  const isNumber = (cell) => cell.matches(".number, .numbers td:not(.words)");
  const keyOf = (cell, numeric) => {
    const written = text(cell);
    if (written === "" || written === "–") return null;
    const rank = RANKS.indexOf(written.split(" ").at(-1));
    if (cell.querySelector(".badge") && rank >= 0) return rank;
    return numeric ? asNumber(written) : written;
  };
  const compared = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other
      : String(one).localeCompare(String(other), "en", { numeric: true, sensitivity: "base" });

  const sorted = (rows, column, order) => {
    if (order === "none") return rows;
    const sign = order === "ascending" ? 1 : -1;
    const cells = rows.map((row) => row.cells[column]);
    const numeric = cells.every((cell) => text(cell) === "" || text(cell) === "–" || isNumber(cell));
    const keyed = rows.map((row, place) => ({ row, place, key: keyOf(cells[place], numeric) }));
    keyed.sort((a, b) => (a.key === null) - (b.key === null)
      || (a.key === null ? 0 : sign * compared(a.key, b.key)) || a.place - b.place);
    return keyed.map(({ row }) => row);
  };

  const makeSortable = (table) => {
    const [heading, ...others] = table.tHead?.rows ?? [];
    const body = table.tBodies[0];
    if (!heading || others.length || table.tBodies.length !== 1) return;
    const everything = [...body.rows];
    const rows = everything.filter((row) => !row.classList.contains("total"));
    const totals = everything.filter((row) => row.classList.contains("total"));
    const plain = everything.every((row) => row.cells.length === heading.cells.length);
    if (!plain || rows.length < fewest) return;
    [...heading.cells].forEach((cell, column) => {
      if (!text(cell)) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const order = ORDERS[cell.getAttribute("aria-sort") ?? "none"];
        for (const one of heading.cells) one.removeAttribute("aria-sort");
        if (order !== "none") cell.setAttribute("aria-sort", order);
        body.append(...sorted(rows, column, order), ...totals);
      });
    });
    table.classList.add("sortable");
  };

  const labelled = (table) => { // with long texts rows stand as blocks on a phone, where no heading is above a cell
    const names = [...table.tHead?.rows[0]?.cells ?? []].map(text);
    const rows = [...table.tBodies[0]?.rows ?? []];
    if (names.length < 3 || rows.length > 100 || !table.querySelector(".long")) return;
    for (const row of rows) [...row.cells].forEach((cell, at) => { cell.dataset.label = names[at] ?? ""; });
    table.classList.add("stacked");
  };

  const fit = () => {
    for (const region of document.querySelectorAll(".scroll")) {
      region.classList.toggle("fits", region.firstElementChild?.scrollWidth <= region.clientWidth);
    }
  };

  const follow = () => {
    const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
    const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
    if (!headings.length) return;
    const mark = () => {
      const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
      const here = passed.at(-1)?.id;
      for (const [id, link] of links) {
        if (id === here) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    };
    const observer = new IntersectionObserver(mark, { rootMargin: "0px 0px -66% 0px" });
    headings.forEach((heading) => observer.observe(heading));
    mark();
  };

  document.querySelectorAll("table.data:not(.stacked)").forEach(labelled);
  document.querySelectorAll("table.data").forEach(makeSortable);
  fit();
  addEventListener("resize", fit);
  document.addEventListener("toggle", fit, true);
  follow();
})();
