// The page "Scaling explorer": looks up the numbers that the page carries as JSON. The only number
// that it computes is money, hours times a price.
"use strict";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("explorer-data").textContent);
const points = Object.entries(data.points).map(([key, point]) => ({ key, ...point }));
const nameOf = (device) => `${device.device}, ${device.variant}`;
const rounded = (n) => new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(n);
const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;

function fill(select, options) {
  for (const [value, text] of options) select.add(new Option(text, value));
}

function put(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    root.querySelector(`[data-of="${name}"]`).textContent = text;
  }
}

const fields = byId("explorer").elements;

function fillForm() {
  const widths = Object.keys(data.configurations.resnet_rs).sort((a, b) => a - b);
  const depths = Object.keys(data.configurations.resnet_rs[1]);
  const known = points.filter((point) => point.family === "ResNet-RS");
  fill(fields.network, [["", "not in Table 7"], ...known.map(({ key, label }) => [key, label])]);
  fill(fields.family, Object.entries(data.families));
  fill(fields.depth, depths.map((depth) => [depth, depth]));
  fill(fields.width, widths.map((width) => [width, width]));
  fill(fields.resolution, data.resolutions.map((side) => [side, `${side} pixels`]));
  const start = { family: "resnet_rs", depth: 101, width: 1, resolution: 192 };
  const asked = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(start)) {
    const select = fields[name], wanted = asked.get(name) ?? `${value}`;
    select.value = [...select.options].some((option) => option.value === wanted) ? wanted : value;
  }
}

function takeNetwork() {
  const [name, side] = fields.network.value.split("@");
  if (!side) return;
  fields.family.value = "resnet_rs";
  fields.depth.value = name.split("_").pop();
  fields.width.value = "1";
  fields.resolution.value = side;
}

function showConfiguration() {
  const [family, depth, width, resolution] =
    ["family", "depth", "width", "resolution"].map((name) => fields[name].value);
  const counts = data.configurations[family][width][depth];
  const isOurs = family === "resnet_rs" && width === "1"; // what Tables 7 and 8 are about
  const key = isOurs ? `resnet_rs_${depth}@${resolution}` : "";
  const printed = data.points[key]?.printed;
  fields.network.value = printed ? key : "";
  put(byId("counted"), {
    parameters: `${rounded(counts.parameters / 1e6)} million`,
    flops: `${rounded(counts.flops[data.resolutions.indexOf(Number(resolution))] / 1e9)} billion`,
    top1: printed ? `${printed.top1} %` : "not published",
    printed_parameters: printed ? `counted; the paper prints ${printed.params_m}` : "counted",
    printed_flops: printed ? `counted; the paper prints ${printed.flops_b}` : "counted",
  });
  const measured = data.devices.filter((device) => device.networks[key]);
  const others = data.devices.filter((device) => !device.networks[key]);
  byId("devices").replaceChildren(...measured.map((one) => card(one, one.networks[key])));
  byId("not-measured").textContent =
    others.length ? `Not measured on: ${others.map(nameOf).join("; ")}.` : "";
  for (const row of byId("strengths").querySelectorAll("[data-name]")) {
    const table8 = isOurs ? data.regularization.table_8[depth][resolution] : {};
    row.cells[1].textContent = data.regularization.appendix_e[width][resolution][row.dataset.name];
    row.cells[2].textContent = table8[row.dataset.name] ?? "not for this network";
  }
  const inGrid = data.grid.depths.includes(Number(depth))
    && data.grid.resolutions.includes(Number(resolution));
  byId("outside").hidden = inGrid;
  byId("link").href = `?${new URLSearchParams({ family, depth, width, resolution })}`;
}

function card(device, costs) {
  const made = byId("device").content.firstElementChild.cloneNode(true);
  const [price, money] = made.querySelectorAll("input, output");
  const span = costs.span ? ` (${costs.span.map(rounded).join(" … ")})` : "";
  const runs = costs.steps
    && `${many(costs.steps, "step", "steps")}, ${many(costs.processes, "process", "processes")}`;
  put(made, {
    name: nameOf(device),
    step: `${costs.printed ?? rounded(costs.seconds)} ${device.unit}${span}`,
    source: runs ?? "as Table 7 prints it",
    memory: memoryOf(costs),
    hours: `${rounded(costs.hours)} hours (${rounded(costs.hours / 24)} days)`,
    date: device.price?.date ? ` (${device.price.date})` : "",
  });
  device.price ??= { per_hour: "", currency: "" };
  price.value = device.price.per_hour;
  const showMoney = () => {
    device.price.per_hour = price.value;
    const cost = `${rounded(costs.hours * Number(price.value))} ${device.price.currency}`;
    money.textContent = price.value && `350 epochs cost ${cost.trim()}`;
  };
  price.addEventListener("input", showMoney);
  showMoney();
  return made;
}

function memoryOf(costs) {
  if (costs.gigabytes_of_32) return `${costs.gigabytes_of_32} GB for 32 images on a core (Table 3)`;
  if (!costs.peak_bytes) return "not measured";
  const peak = `${rounded(costs.peak_bytes / 2 ** 30)} GiB for a batch of ${costs.images}`;
  if (!costs.image_bytes) return peak;
  return `${peak}; each further image ${rounded(costs.image_bytes / 2 ** 20)} MiB`;
}

fillForm();
fields.network.addEventListener("change", takeNetwork);
byId("explorer").addEventListener("change", showConfiguration);
showConfiguration();
