// Unpacks plotly.js, which this page carries, and draws each figure when the reader comes near it.
(() => {
  "use strict";
  const PRINTED_WIDTH = 660;
  const { config, dark } = JSON.parse(document.getElementById("figure-settings").textContent);
  const darkMode = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Set();
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const fadedDark = new Map(Object.entries(dark).map(([light, other]) => [parts(light).join(), parts(other).join(", ")]));

  const darker = (text) => {
    const hex = dark[text.toLowerCase()];
    if (hex) return hex;
    const faded = /^rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)$/.exec(text);
    const other = faded && fadedDark.get(faded.slice(1, 4).join());
    return other ? `rgba(${other}, ${faded[4]})` : text;
  };

  const recoloured = (value) => {
    if (typeof value === "string") return darker(value);
    if (Array.isArray(value)) return value.map(recoloured);
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, recoloured(one)]));
  };

  const draw = (figure, width) => {
    const canvas = figure.querySelector(".canvas");
    const stated = JSON.parse(figure.querySelector("script").textContent);
    const { data, layout } = darkMode.matches && !width ? recoloured(stated) : stated;
    Object.assign(layout, { width, autosize: !width });
    if (!drawn.has(figure)) canvas.replaceChildren();
    drawn.add(figure);
    window.Plotly.react(canvas, data, layout, config);
  };

  const giveUp = () => {
    for (const figure of document.querySelectorAll("figure.plot")) {
      figure.querySelector(".canvas").style.height = "auto";
      figure.querySelector("details")?.setAttribute("open", "");
    }
  };

  const unpack = async () => {
    const packed = atob(document.getElementById("plotly-packed").textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    script.remove();
  };

  const watch = () => {
    const figures = [...document.querySelectorAll("figure.plot")];
    const observer = new IntersectionObserver((entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        observer.unobserve(target);
        if (!drawn.has(target)) draw(target);
      }
    }, { rootMargin: "600px 0px" });
    figures.forEach((figure) => observer.observe(figure));
    darkMode.addEventListener("change", () => [...drawn].forEach((figure) => draw(figure)));
    addEventListener("beforeprint", () => figures.forEach((figure) => draw(figure, PRINTED_WIDTH)));
    addEventListener("afterprint", () => figures.forEach((figure) => draw(figure)));
  };

  unpack().then(watch).catch((problem) => { giveUp(); throw problem; });
})();
