// Searches the index: every word that is typed has to begin a word of an entry's title, incidents, or page.
(() => {
  "use strict";
  const { words, entries } = JSON.parse(document.getElementById("search-index").textContent);
  const known = words.split(" ");
  const places = entries.split(" ");
  const items = new Map([...document.querySelectorAll("[data-entry]")].map((item) => [Number(item.dataset.entry), item]));
  const folds = [...document.querySelectorAll("main details")];
  const form = document.getElementById("search");
  const input = form.querySelector("input");
  const status = document.getElementById("search-status");

  const unpacked = (text) => {
    let last = 0;
    return text.split(",").map((step) => (last += Number(step)));
  };
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const begun = (start) => {
    const found = new Set();
    known.forEach((word, place) => {
      if (word.startsWith(start)) unpacked(places[place]).forEach((entry) => found.add(entry));
    });
    return found;
  };
  const wanted = () => plain(input.value).match(/[\p{L}\p{N}_]+(?:[-.][\p{L}\p{N}_]+)*/gu) ?? [];

  const search = () => {
    const sets = wanted().map(begun);
    let count = 0;
    for (const [entry, item] of items) {
      const found = sets.every((set) => set.has(entry));
      item.hidden = !found;
      count += found;
    }
    for (const section of document.querySelectorAll("main section")) {
      section.hidden = !section.querySelector("[data-entry]:not([hidden])");
    }
    for (const fold of folds) fold.open = sets.length > 0;
    status.textContent = sets.length ? `${count} of ${items.size} found` : "";
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", search);
  if (input.value) search();
})();
