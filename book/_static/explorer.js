// The page "Scaling explorer": looks up the numbers that the page carries as JSON. The only number
// that it computes is money, hours times a price.
"use strict";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("explorer-data").textContent);
const points = Object.entries(data.points).map(([key, point]) => ({ key, ...point }));
const nameOf = (device) => `${device.device}, ${device.variant}`;
const digits = { minimumSignificantDigits: 3, maximumSignificantDigits: 3 };
const rounded = (n) => new Intl.NumberFormat("en", digits).format(n);
// the lines of the table of regularization, by their names in the numbers
const METHODS = ["dropout", "stochastic_depth", "randaugment", "label_smoothing", "weight_decay"];
const fields = byId("explorer").elements;

function fill(select, options) {
  for (const [value, text] of options) select.add(new Option(text, value));
}

function put(root, texts) { // into the elements that name what they show
  for (const shown of root.querySelectorAll("[data-of]")) shown.textContent = texts[shown.dataset.of];
}

function fillForm() {
  const widths = Object.keys(data.configurations.resnet_rs).sort((a, b) => a - b);
  const known = points.filter((point) => point.family === "ResNet-RS");
  fill(fields.network, [["", "not in Table 7"], ...known.map(({ key, label }) => [key, label])]);
  fill(fields.family, Object.entries(data.families));
  fill(fields.depth, Object.keys(data.configurations.resnet_rs[1]).map((depth) => [depth, depth]));
  fill(fields.width, widths.map((width) => [width, width]));
  fill(fields.resolution, data.resolutions.map((side) => [side, `${side} pixels`]));
  const asked = new URLSearchParams(location.search);
  const start = { family: "resnet_rs", depth: "101", width: "1", resolution: "192" };
  for (const [name, value] of Object.entries(start)) {
    fields[name].value = asked.get(name) ?? value;
    if (fields[name].value) continue;
    fields[name].value = value;
    byId("unknown").append(`There is no ${name} ${asked.get(name)} here; ${value} is shown. `);
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

function show() {
  const names = ["family", "depth", "width", "resolution"];
  const [family, depth, width, resolution] = names.map((name) => fields[name].value);
  const counts = data.configurations[family][width][depth];
  const isRs = family === "resnet_rs" && width === "1"; // as in Tables 7 and 8
  const key = isRs ? `resnet_rs_${depth}@${resolution}` : "";
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
  const others = data.devices.filter((device) => !device.networks[key]).map(nameOf);
  byId("devices").replaceChildren(...measured.map((one) => card(one, one.networks[key])));
  byId("not-measured").textContent = others.length ? `Not measured on: ${others.join("; ")}.` : "";
  const appendixE = data.regularization.appendix_e[width][resolution];
  const table8 = isRs ? data.regularization.table_8[depth][resolution] : {};
  METHODS.forEach((name, line) => {
    const { cells } = byId("strengths").tBodies[0].rows[line];
    cells[1].textContent = appendixE[name];
    cells[2].textContent = table8[name] ?? "not given";
  });
  const { depths, resolutions } = data.grid;
  byId("outside").hidden = depths.includes(+depth) && resolutions.includes(+resolution);
  byId("link").href = `?${new URLSearchParams({ family, depth, width, resolution })}`;
}

function card(device, costs) {
  const made = byId("device").content.firstElementChild.cloneNode(true);
  const [input, money] = made.querySelectorAll("input, output");
  device.price ??= { per_hour: "", currency: "", date: "" };
  const { price } = device;
  put(made, { ...costs, name: nameOf(device), date: price.date && ` (${price.date})` });
  input.value = price.per_hour;
  input.addEventListener("input", () => { price.per_hour = input.value; showMoney(); });
  const showMoney = () => {
    const cost = `${rounded(costs.hours * price.per_hour)} ${price.currency}`.trim();
    money.textContent = price.per_hour === "" ? "" : `350 epochs cost ${cost}`;
  };
  showMoney();
  return made;
}

fillForm();
fields.network.addEventListener("change", takeNetwork);
byId("explorer").addEventListener("change", show);
show();
