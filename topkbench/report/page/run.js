"use strict";

// What is shown of a run: its curves, what was selected, and its record.

/** Makes elements of a namespace: name, attributes, children; text stays text. */
const maker = (namespace) => (name, attributes = {}, ...children) => {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const html = maker("http://www.w3.org/1999/xhtml");
const svg = maker("http://www.w3.org/2000/svg");

const isNumber = (value) => typeof value === "number";
const percent = (fraction) => (isNumber(fraction) ? 100 * fraction : null);
const titled = (metric) => metric.replace("top", "top-");
/** An epoch or step, of which `per_metric` has one for each metric. */
const ofMetric = (value, metric) => value?.[metric] ?? value;

/** The elements that show a record, given as the text of its JSON; `rule` says which evaluations count. */
function described(text, rule) {
  const { config, data, run_id, status, error, history, selected } = JSON.parse(text);
  const weights = config.p_k.length ? [`P_K [${config.p_k.join(" ")}]`] : [];
  const accuracies = ["top1", "top5"].map((metric) => ({
    name: titled(metric),
    points: history.map((at) => [at.step, percent(at.valid?.[metric])]),
  }));
  const losses = { name: "loss", points: history.map((at) => [at.step, at.loss]) };
  const marks = picked(selected[rule]);
  return [
    html("h2", { id: "run-title" }, [config.method, ...weights, `seed ${config.seed}`].join(", ")),
    html("p", {}, `${data.name}/${run_id}: ${status}`),
    error ? html("pre", {}, error) : "",
    html(
      "div",
      { class: "curves" },
      chart("validation accuracy, %", accuracies, marks),
      chart("training loss, mean since the last evaluation", [losses]),
    ),
    marks.length ? html("p", { class: "aside" }, `Circles: the evaluations that count (${rule}).`) : "",
    selections(selected),
    html("details", {}, html("summary", {}, "record"), html("pre", { tabindex: 0 }, text)),
  ];
}

/** Where a rule picked an evaluation: step, accuracy, name. */
function picked({ step, valid } = {}) {
  const marks = ["top1", "top5"].map((metric) => [ofMetric(step, metric), percent(valid?.[metric]), titled(metric)]);
  return marks.filter(([at, accuracy]) => isNumber(at) && isNumber(accuracy));
}

/** The accuracies that each rule selected. */
function selections(selected) {
  const lines = Object.entries(selected).flatMap(([rule, { valid, test, epoch, step }]) =>
    Object.keys(valid ?? test ?? {}).map((metric) => [
      rule,
      titled(metric),
      ...[valid, test].map((accuracies) => percent(accuracies?.[metric])?.toFixed(2) ?? ""),
      ...[epoch, step].map((at) => ofMetric(at, metric) ?? ""),
    ]),
  );
  if (!lines.length) return "";
  const row = (cells, name) =>
    html("tr", {}, ...cells.map((cell, at) => html(name, at > 1 ? { class: "number" } : {}, String(cell))));
  const head = html("thead", {}, row(["selected by", "metric", "validation, %", "test, %", "epoch", "step"], "th"));
  const body = html("tbody", {}, ...lines.map((line) => row(line, "td")));
  return html("div", { class: "scroll" }, html("table", {}, head, body));
}

// Curves over steps.

const [WIDTH, HEIGHT] = [400, 230];
const [LEFT, RIGHT, TOP, BOTTOM] = [44, WIDTH - 20, 30, HEIGHT - 42]; // of the plane between the axes

/** A linear axis from one place to another, whose ends and ticks are whole steps of 1, 2 or 5 times a power of ten. */
function axis(values, from, to) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const rough = (high - low || Math.abs(low) || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return {
    at: (value) => (from + ((value / step - first) / (last - first)) * (to - from)).toFixed(1),
    ticks: Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(6))),
  };
}

/** The line through points, lifted where one is missing; h0 makes a dot of a point that stands alone. */
function line(points, x, y) {
  const isKnown = (point) => point?.every(isNumber);
  const stroke = ([step, value], at) => {
    const place = `${x.at(step)} ${y.at(value)}`;
    return isKnown(points[at - 1]) ? `L${place}` : `M${place}h0`;
  };
  return points.map((point, at) => (isKnown(point) ? stroke(point, at) : "")).join("");
}

function chart(title, curves, marks = []) {
  const known = curves.flatMap(({ points }) => points.filter((point) => point.every(isNumber)));
  if (!known.length) return html("p", {}, `${title}: no evaluation has one.`);
  const x = axis(known.map(([step]) => step), LEFT, RIGHT);
  const y = axis(known.map(([, value]) => value), BOTTOM, TOP);
  const write = (text, x, y, anchor = "start") => svg("text", { x, y, "text-anchor": anchor }, String(text));
  const draw = (name, d) => svg("path", { class: name, d });
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title} over steps` },
    write(title, 0, 12),
    ...y.ticks.map((tick) => draw("grid", `M${LEFT} ${y.at(tick)}H${RIGHT}`)),
    ...y.ticks.map((tick) => write(tick, LEFT - 6, Number(y.at(tick)) + 4, "end")),
    ...x.ticks.map((tick) => write(tick, x.at(tick), BOTTOM + 16, "middle")),
    write("training steps", (LEFT + RIGHT) / 2, HEIGHT - 6, "middle"),
    ...(curves.length > 1 ? curves : []).flatMap(({ name }, at) => {
      const left = RIGHT - 75 * (curves.length - at);
      return [draw(`curve curve-${at}`, `M${left + 15} 8h22`), write(name, left + 42, 12)];
    }),
    ...curves.map(({ points }, at) => draw(`curve curve-${at}`, line(points, x, y))),
    ...marks.map(([step, value, name]) => {
      const said = svg("title", {}, `${name} ${value.toFixed(2)} % at step ${step}`);
      return svg("circle", { class: "picked", cx: x.at(step), cy: y.at(value), r: 4 }, said);
    }),
  );
}
