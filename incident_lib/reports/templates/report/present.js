// For a meeting room: P shows one section per screen, arrow keys turn, Esc leaves. On paper nothing changes.
(() => {
  "use strict";
  const slides = [[]];
  for (const part of document.getElementById("main").children) {
    if (part.matches(".contents")) continue;
    if (part.querySelector("h2") && slides.at(-1).length) slides.push([]);
    slides.at(-1).push(part);
  }
  const status = document.createElement("p");
  status.className = "presenter";
  status.setAttribute("role", "status");
  let here = -1;

  const show = (place) => {
    here = Math.min(Math.max(place, 0), slides.length - 1);
    slides.forEach((parts, at) => parts.forEach((part) => part.classList.toggle("off", at !== here)));
    status.textContent = `${here + 1} of ${slides.length} · ← → turn, Esc leaves`;
    const heading = slides[here].map((part) => part.matches("h1") ? part : part.querySelector("h1, h2")).find(Boolean);
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
    scrollTo({ top: 0, behavior: "instant" });
    dispatchEvent(new Event("resize")); // figures take the width that there is now
  };

  const read = () => { // where the reader is now, so that presenting begins there
    const seen = slides.findIndex((parts) => parts.at(-1).getBoundingClientRect().bottom > 80);
    return seen < 0 ? 0 : seen;
  };

  const start = () => {
    const place = read();
    document.documentElement.classList.add("presenting");
    document.body.append(status);
    show(place);
  };

  const leave = () => {
    const back = slides[here][0];
    document.documentElement.classList.remove("presenting");
    slides.flat().forEach((part) => part.classList.remove("off"));
    status.remove();
    here = -1;
    dispatchEvent(new Event("resize"));
    back.scrollIntoView({ behavior: "instant" });
  };

  const turns = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1, Home: -slides.length, End: slides.length };
  addEventListener("keydown", (event) => {
    const typed = event.target.closest?.("input, textarea, select, [contenteditable], .js-plotly-plot");
    if (event.ctrlKey || event.metaKey || event.altKey || typed) return;
    if (event.key.toLowerCase() === "p") here < 0 ? start() : leave();
    else if (here >= 0 && event.key === "Escape") leave();
    else if (here >= 0 && event.key in turns && !event.target.closest?.(".scroll")) show(here + turns[event.key]);
    else return;
    event.preventDefault();
  });

  const button = document.createElement("button");
  button.type = "button";
  button.className = "present";
  button.textContent = "Present (key P)";
  button.addEventListener("click", start);
  document.querySelector(".contents").append(button);
})();
