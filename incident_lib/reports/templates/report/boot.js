// Draws each figure when the reader comes near it; until then, without plotly, and on paper its picture stands there.
(async () => {
  "use strict";
  const PRINTED_WIDTH = 660;
  const { config, dark, template } = JSON.parse(document.getElementById("figure-settings").textContent);
  const darkMode = matchMedia("(prefers-color-scheme: dark)");
  const figures = [...document.querySelectorAll("figure.plot")];
  const drawn = new Set();
  const unpacked = new Map();
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

  const setUp = ({ type }) => { // plotly_code.py put the kinds of traces aside: reading them all takes longest
    const kind = window.Plotly.kinds?.[type];
    if (!kind) return;
    delete window.Plotly.kinds[type];
    window.Plotly.register(kind());
  };

  const draw = (figure, width) => {
    const stated = JSON.parse(unpacked.get(figure) ?? figure.querySelector("script").textContent);
    stated.layout.template ??= template;
    const { data, layout } = darkMode.matches && !width ? recoloured(stated) : structuredClone(stated);
    Object.assign(layout, { width, autosize: !width });
    data.forEach(setUp);
    const canvas = figure.querySelector(".canvas");
    canvas.classList.add("drawn");
    drawn.add(figure);
    window.Plotly.react(canvas.querySelector(".live"), data, layout, config);
  };

  const giveUp = () => {
    for (const figure of figures.filter((one) => !one.querySelector(".static"))) {
      figure.querySelector(".canvas").style.height = "auto";
      figure.querySelector("details")?.setAttribute("open", "");
    }
  };

  const base85 = (text) => {
    const bytes = new Uint8Array(text.length / 5 * 4);
    const view = new DataView(bytes.buffer);
    for (let from = 0, to = 0; from < text.length; to += 4) {
      let word = 0;
      for (const end = from + 5; from < end; from += 1) {
        const code = text.charCodeAt(from);
        word = word * 85 + code - (code < 60 ? 40 : 41);
      }
      view.setUint32(to, word);
    }
    return bytes;
  };

  const inflate = (text, size) => {
    const bytes = base85(text).subarray(0, size);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };

  const unpack = async (packed) => {
    const script = document.createElement("script");
    script.textContent = await inflate(packed.textContent, Number(packed.dataset.bytes));
    document.head.append(script);
    script.remove();
  };

  const prepare = async (figure) => { // long data are packed: their compressed size, a space, and they themselves
    const text = figure.querySelector("script").textContent;
    const gap = text.indexOf(" ");
    if (!text.startsWith("{")) unpacked.set(figure, await inflate(text.slice(gap + 1), Number(text.slice(0, gap))));
  };

  const watch = () => {
    const observer = new IntersectionObserver((entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        observer.unobserve(target);
        setTimeout(() => drawn.has(target) || draw(target)); // one at a time: the first stands while others are drawn
      }
    }, { rootMargin: "600px 0px" });
    figures.forEach((figure) => observer.observe(figure));
    darkMode.addEventListener("change", () => [...drawn].forEach((figure) => draw(figure)));
    const unpictured = figures.filter((figure) => !figure.querySelector(".static"));
    addEventListener("beforeprint", () => unpictured.forEach((figure) => draw(figure, PRINTED_WIDTH)));
    addEventListener("afterprint", () => unpictured.forEach((figure) => draw(figure)));
  };

  try {
    const packed = document.getElementById("plotly-packed");
    await Promise.all(figures.map(prepare));
    if (packed) await unpack(packed);
    if (window.Plotly) watch();
    else giveUp();
  } catch (problem) {
    giveUp();
    throw problem;
  }
})();
