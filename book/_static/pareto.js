// The plot of the page "Scaling explorer": published accuracy over a cost, by Observable Plot.
// It comes after explorer.js, whose names it uses.
"use strict";

const COLOURS = { "ResNet-RS": "#0173b2", EfficientNet: "#de8f05" };
const AXES = [
  ...data.devices.map((device) => ({
    group: "Training time", name: nameOf(device), label: "seconds for 128 training images",
    of: (point) => device.networks[point.key]?.seconds,
  })),
  { group: "Counted", name: "FLOPs", label: "billion FLOPs of one image", of: (p) => p.flops / 1e9 },
  { group: "Counted", name: "parameters", label: "million parameters", of: (p) => p.parameters / 1e6 },
  ...data.devices.flatMap((device) => [
    { label: "GB for 32 training images", of: (p) => device.networks[p.key]?.gigabytes_of_32 },
    { label: "MiB for each further image", of: (p) => device.networks[p.key]?.image_bytes / 2 ** 20 },
  ].map((axis) => ({ group: "Memory", name: nameOf(device), ...axis }))),
].filter((axis) => points.some((point) => axis.of(point)));

function fillAxes() {
  for (const group of new Set(AXES.map((axis) => axis.group))) {
    const made = byId("plot-axis").appendChild(document.createElement("optgroup"));
    made.label = group;
    AXES.forEach((axis, place) => {
      if (axis.group === group) made.append(new Option(axis.name, place));
    });
  }
}

function draw() {
  const axis = AXES[byId("plot-axis").value], wide = byId("plot").clientWidth;
  const rows = points.filter((point) => axis.of(point)).sort((a, b) => axis.of(a) - axis.of(b));
  const words = (point) => `${point.label}: ${point.printed.top1} %, ${rounded(axis.of(point))} ${axis.label}`;
  const ends = Object.keys(COLOURS).flatMap((family) => {
    const own = rows.filter((point) => point.family === family);
    return own.length > 1 ? [own[0], own[own.length - 1]] : own;
  });
  const where = { x: axis.of, y: "top1" };
  const chart = Plot.plot({
    width: wide, height: Math.min(460, 260 + wide / 4), marginTop: 30, marginBottom: 50, marginRight: 40,
    style: { fontSize: "14px", background: "none" },
    ariaLabel: `ImageNet top-1 as published over ${axis.label}, ${axis.name}`,
    x: { type: "log", label: axis.label, tickFormat: rounded, ticks: wide < 500 ? 3 : 6 },
    y: { label: "ImageNet top-1 as published, %", grid: true, inset: 20 },
    color: { domain: Object.keys(COLOURS), range: Object.values(COLOURS), legend: true },
    symbol: { domain: Object.keys(COLOURS), range: ["circle", "square"], legend: true },
    marks: [
      Plot.line(rows, { ...where, z: "family", stroke: "family" }),
      Plot.dot(rows, { ...where, fill: "family", symbol: "family", r: 5, ariaLabel: words }),
      Plot.text(ends, { ...where, text: (p) => p.label.replace("EfficientNet", "ENet"), dy: 16 }),
      Plot.tip(rows, Plot.pointer({ ...where, title: words })),
    ],
  });
  byId("plot").replaceChildren(chart);
  const lack = points.length - rows.length;
  byId("plotted").textContent =
    `${rows.length} of the ${points.length} networks${lack ? "; the others are not measured" : ""}.`;
  focusable([...chart.querySelectorAll("[aria-label='dot'] > *")]);
}

// One stop of the Tab key for all marks; arrow keys go from one to the next, and show what hovering does.
function focusable(marks) {
  marks.forEach((mark, place) => {
    mark.setAttribute("tabindex", place ? -1 : 0);
    mark.setAttribute("role", "img");
    mark.addEventListener("focus", () => {
      const box = mark.getBoundingClientRect();
      const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
      mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, pointerType: "mouse", ...at }));
    });
    mark.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !marks[place + step]) return;
      event.preventDefault();
      mark.setAttribute("tabindex", -1);
      marks[place + step].setAttribute("tabindex", 0);
      marks[place + step].focus();
    });
  });
}

fillAxes();
byId("plot-axis").addEventListener("change", draw);
let drawn = 0;
new ResizeObserver(([box]) => {
  if (Math.abs(box.contentRect.width - drawn) > 1) draw();
  drawn = box.contentRect.width;
}).observe(byId("plot"));
