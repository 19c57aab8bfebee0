// The plot of the page "Scaling explorer", published accuracy over a cost, by Observable Plot.
// Comes after explorer.js, whose names it uses.
"use strict";

const FAMILIES = { "ResNet-RS": "#0173b2", EfficientNet: "#de8f05" }; // as in the book's figures
const on = (device, name) => (point) => device.networks[point.key]?.[name];
const AXES = [
  ...data.devices.map((one) => ["Training time", one, "seconds for 128 training images", on(one, "seconds")]),
  ["Counted", "FLOPs", "billion FLOPs of one image", (point) => point.flops / 1e9],
  ["Counted", "parameters", "million parameters", (point) => point.parameters / 1e6],
  ...data.devices.map((one) => ["Memory", one, "GB for 32 images on a core", on(one, "gigabytes_of_32")]),
  ...data.devices.map((one) => ["Memory", one, "MiB for each further image",
    (point) => on(one, "image_bytes")(point) / 2 ** 20]),
].filter(([, , , of]) => points.some(of));
const silent = { ariaHidden: "true" }; // the marks' own labels say all of it
const nameOfAxis = ([group, name]) => `${group}: ${name.device ? nameOf(name) : name}`;

function draw() {
  const axis = AXES[byId("plot-axis").value], [, , label, x] = axis;
  const rows = points.filter(x).sort((a, b) => x(a) - x(b)), width = byId("plot").clientWidth;
  const title = (p) => `${p.label}: ${p.printed.top1} %, ${rounded(x(p))} ${label}`;
  const families = Object.keys(FAMILIES).map((name) => rows.filter((row) => row.family === name));
  const ends = (place, options) => Plot.text(families.map((own) => own.at(place)).filter(Boolean), {
    x, y: "top1", text: (p) => p.label.replace(/^[A-Z]\w+-/i, ""), ...silent, ...options,
  });
  const least = x(rows[0]), most = x(rows.at(-1)), scale = { domain: Object.keys(FAMILIES) };
  const ticks = [0.01, 0.1, 1, 10, 100, 1000].flatMap((n) => [n, 2 * n, 5 * n]);
  const chart = Plot.plot({
    width, height: Math.min(460, 260 + width / 4), marginTop: 32, marginBottom: 44, marginRight: 24,
    style: { fontSize: "14px", background: "none" },
    ariaLabel: `ImageNet top-1 as published over ${label}, ${nameOfAxis(axis)}`,
    x: { type: "log", label, tickFormat: String, ticks: ticks.filter((n) => n > least && n < most), inset: 16 },
    y: { label: "ImageNet top-1 as published, %", grid: true, inset: 24 },
    color: { ...scale, range: Object.values(FAMILIES) },
    symbol: { ...scale, range: ["circle", "square"], legend: true },
    marks: [
      Plot.line(rows, { x, y: "top1", stroke: "family", ...silent }),
      Plot.dot(rows, { x, y: "top1", fill: "family", symbol: "family", r: 5, ariaLabel: title }),
      ends(0, { textAnchor: "start", dy: 16, dx: -6 }),
      ends(-1, { textAnchor: "end", dy: -14, dx: 6 }),
      Plot.tip(rows, Plot.pointer({ x, y: "top1", title, ...silent })),
    ],
  });
  byId("plot").replaceChildren(chart);
  const lack = rows.length < points.length ? "; the others are not known" : "";
  byId("plotted").textContent = `${rows.length} of ${points.length} networks${lack}.`;
  focusable([...chart.querySelectorAll("[aria-label='dot'] > *")]);
}

// One stop of Tab for all marks; arrow keys move between them; focus shows what hovering shows.
function focusable(marks) {
  marks.forEach((mark, place) => {
    mark.setAttribute("tabindex", place ? -1 : 0);
    mark.setAttribute("role", "img");
    mark.addEventListener("focus", () => {
      const { x, y, width, height } = mark.getBoundingClientRect();
      const middle = { clientX: x + width / 2, clientY: y + height / 2, pointerType: "mouse" };
      mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, ...middle }));
    });
    mark.addEventListener("keydown", (event) => {
      const next = marks[place + ({ ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? NaN)];
      if (!next) return;
      event.preventDefault();
      mark.setAttribute("tabindex", -1);
      next.setAttribute("tabindex", 0);
      next.focus();
    });
  });
}

fill(byId("plot-axis"), AXES.map((axis, place) => [place, nameOfAxis(axis)]));
byId("plot-axis").addEventListener("change", draw);
window.addEventListener("resize", draw);
draw();
