"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const colours = new Map(data.legend.map(entry => [entry.group, entry.colour]));
const hidden = new Set();
// classes that were searched for: while there are any, all others are grey
const picked = new Map();
const pickedColours = ["#CC6677", "#44AA99", "#DDCC77", "#88CCEE", "#AA4499", "#999933", "#117733", "#882255", "#332288"];
const tip = document.getElementById("tip");
const views = [];
const axes = data.points.length ? data.points[0].length : 0;
// the largest class lies at the bottom, so that it covers no other
const order = data.points.map((_, i) => i).sort((a, b) => (data.groups[a] < 0 ? -1 : data.groups[a]) - (data.groups[b] < 0 ? -1 : data.groups[b]));

// what was picked out covers the rest
const ordered = () => picked.size ? [...order.filter(i => !picked.has(data.labels[i])), ...order.filter(i => picked.has(data.labels[i]))] : order;

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const lightest = window.matchMedia("(prefers-color-scheme: dark)");
// the darkest colours of the palette are lifted on a dark page
const lifted = new Map([["#332288", "#8f83e0"], ["#117733", "#3fae68"], ["#882255", "#c85f93"]]);
const onPage = colour => lightest.matches && lifted.get(colour) || colour;
const colourOf = group => onPage(colours.get(group) || data.others);

function canvasView(canvas, ratio, draw) {
  const view = {canvas, at: [], width: 0, height: 0};
  view.redraw = () => {
    const scale = window.devicePixelRatio || 1;
    view.width = canvas.clientWidth; view.height = Math.round(view.width * ratio(view.width));
    canvas.style.height = view.height + "px";
    canvas.width = view.width * scale; canvas.height = view.height * scale;
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    draw(view, pen);
  };
  canvas.addEventListener("pointermove", event => pointAt(view, event));
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("blur", hideTip);
  views.push(view);
  return view;
}

const className = i => data.classes[data.labels[i]];
const pictureOf = i => {
  if (data.pictures[i]) return data.pictures[i];
  const shown = data.numbers[i] === undefined ? null : document.querySelector("img[data-number='" + data.numbers[i] + "']");
  return shown ? shown.src : "";
};
const hideTip = () => { tip.style.opacity = 0; };
const isShown = i => picked.size ? picked.has(data.labels[i]) : !hidden.has(data.groups[i]);

function showTip(i, x, y) {
  const words = document.createElement("span"), picture = pictureOf(i);
  words.textContent = data.keys[i];
  tip.replaceChildren(words);
  if (picture) { const image = new Image(); image.src = picture; image.alt = ""; tip.prepend(image); }
  tip.style.opacity = 1;
  tip.style.left = Math.max(8, Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = Math.max(8, y + 18 + tip.offsetHeight > window.innerHeight ? y - tip.offsetHeight - 10 : y + 18) + "px";
}

function pointAt(view, event) {
  const box = view.canvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  let best = -1, nearest = 144;
  view.at.forEach((spot, i) => {
    if (!spot || !isShown(i)) return;
    const distance = (spot[0] - x) ** 2 + (spot[1] - y) ** 2;
    if (distance < nearest) { nearest = distance; best = i; }
  });
  if (best < 0) hideTip(); else showTip(best, event.clientX, event.clientY);
}

// with a keyboard: the arrow keys go from one point with a picture to the next, or from point to point without any
function letStep(view) {
  let at = -1;
  view.canvas.tabIndex = 0;
  view.canvas.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1}[event.key];
    if (!step) { if (event.key === "Escape") hideTip(); return; }
    event.preventDefault();
    const visible = data.keys.map((_, i) => i).filter(i => view.at[i] && isShown(i));
    const pictured = visible.filter(i => data.pictures[i] || data.numbers[i] !== undefined);
    const stops = pictured.length ? pictured : visible;
    if (!stops.length) return;
    at = (at + step + stops.length) % stops.length;
    const i = stops[at], box = view.canvas.getBoundingClientRect();
    showTip(i, box.left + view.at[i][0], box.top + view.at[i][1]);
    document.getElementById("tip-told").textContent = data.keys[i] + ", " + className(i);
  });
}

function extent(axis) {
  const values = data.points.map(point => point[axis] || 0);
  let low = Infinity, high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  const margin = (high - low || 1) * .05;
  return [low - margin, high + margin];
}

function dot(pen, x, y, radius, i, strength) {
  const colour = picked.get(data.labels[i]);
  pen.globalAlpha = picked.size && !colour ? .16 : strength;
  pen.fillStyle = picked.size ? onPage(colour || data.others) : colourOf(data.groups[i]);
  pen.beginPath(); pen.arc(x, y, radius, 0, 2 * Math.PI); pen.fill();
}

const radius = Math.max(1.6, Math.min(4.2, 60 / Math.sqrt(data.points.length || 1)));
const title = axis => "component " + (axis + 1) + "  ·  " + data.shares[axis] + " %";

function drawPair(horizontal, vertical) {
  const across = extent(horizontal), up = extent(vertical);
  return (view, pen) => {
    const left = 22, bottom = 24, w = view.width - left - 4, h = view.height - bottom - 4;
    const x = value => left + (value - across[0]) / (across[1] - across[0]) * w;
    const y = value => 4 + (1 - (value - up[0]) / (up[1] - up[0])) * h;
    pen.strokeStyle = style("--line"); pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x(0), 4); pen.lineTo(x(0), 4 + h); pen.moveTo(left, y(0)); pen.lineTo(left + w, y(0)); pen.stroke();
    pen.fillStyle = style("--quiet"); pen.font = "12px " + style("--sans"); pen.textAlign = "center";
    pen.fillText(title(horizontal), left + w / 2, view.height - 6);
    pen.save(); pen.translate(12, 4 + h / 2); pen.rotate(-Math.PI / 2); pen.fillText(axes > vertical ? title(vertical) : "", 0, 0); pen.restore();
    view.at = new Array(data.points.length);
    for (const i of ordered()) {
      if (!picked.size && hidden.has(data.groups[i])) continue;
      view.at[i] = [x(data.points[i][horizontal]), y(data.points[i][vertical] || 0)];
      dot(pen, view.at[i][0], view.at[i][1], radius, i, .78);
    }
    pen.globalAlpha = 1;
  };
}

const camera = {turn: -.6, tilt: .42, zoom: 1};
const spans = [0, 1, 2].map(extent);
const widest = Math.max(...spans.map(span => span[1] - span[0]));
const cube = data.points.map(point => [0, 1, 2].map(axis => ((point[axis] || 0) - (spans[axis][0] + spans[axis][1]) / 2) / widest * 2));

function project(point, view) {
  const [a, b, c] = point, ct = Math.cos(camera.turn), st = Math.sin(camera.turn), cl = Math.cos(camera.tilt), sl = Math.sin(camera.tilt);
  const x = a * ct + c * st, depth = c * ct - a * st, y = b * cl - depth * sl, z = b * sl + depth * cl;
  const size = Math.min(view.width, view.height) * .25 * camera.zoom * 3.4 / (3.4 - z);
  return [view.width / 2 + x * size, view.height / 2 - y * size, z];
}

function drawSpace(view, pen) {
  const half = spans.map(span => (span[1] - span[0]) / widest);
  pen.strokeStyle = style("--line"); pen.lineWidth = 1;
  for (let axis = 0; axis < 3; axis++) for (const p of [-1, 1]) for (const q of [-1, 1]) {
    const from = [0, 0, 0], others = [0, 1, 2].filter(other => other !== axis);
    from[others[0]] = p * half[others[0]]; from[others[1]] = q * half[others[1]];
    const to = from.slice(); from[axis] = -half[axis]; to[axis] = half[axis];
    const [x1, y1] = project(from, view), [x2, y2] = project(to, view);
    pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke();
    if (p < 0 && q < 0) {
      pen.fillStyle = style("--quiet"); pen.font = "12px " + style("--sans"); pen.textAlign = "center";
      pen.fillText(String(axis + 1), x2 + (x2 - x1) * .04, y2 + (y2 - y1) * .04);
    }
  }
  view.at = new Array(cube.length);
  const spots = cube.map((point, i) => [i, project(point, view)]).filter(([i]) => picked.size || !hidden.has(data.groups[i]));
  spots.sort((a, b) => a[1][2] - b[1][2]);
  for (const [i, spot] of spots) {
    view.at[i] = spot;
    dot(pen, spot[0], spot[1], radius * (1 + .22 * spot[2]) * 1.25, i, .62 + .2 * Math.max(-1, Math.min(1, spot[2])));
  }
  pen.globalAlpha = 1;
}

function letTurn(view) {
  let last = null;
  const canvas = view.canvas;
  const turn = (dx, dy) => { camera.turn += dx; camera.tilt = Math.max(-1.55, Math.min(1.55, camera.tilt + dy)); view.redraw(); };
  const zoom = factor => { camera.zoom = Math.max(.5, Math.min(5, camera.zoom * factor)); view.redraw(); };
  canvas.addEventListener("pointerdown", event => { last = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", event => {
    if (!last) return;
    turn((event.clientX - last[0]) * .008, (event.clientY - last[1]) * .008);
    last = [event.clientX, event.clientY];
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
  canvas.addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(-event.deltaY * .0012)); }, {passive: false});
  canvas.addEventListener("keydown", event => {
    const moves = {ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, -.1], ArrowDown: [0, .1]};
    if (moves[event.key]) { event.preventDefault(); turn(...moves[event.key]); }
    if (event.key === "+" || event.key === "=") zoom(1.15);
    if (event.key === "-") zoom(1 / 1.15);
  });
}

function addLegend() {
  for (const entry of data.legend) {
    const item = document.createElement("li"), button = document.createElement("button");
    const mark = document.createElement("i"), name = document.createElement("span");
    mark.style.background = colourOf(entry.group); name.textContent = entry.name;
    button.type = "button"; button.title = entry.name; button.setAttribute("aria-pressed", "true");
    button.append(mark, name); item.append(button);
    button.addEventListener("click", () => {
      hidden.has(entry.group) ? hidden.delete(entry.group) : hidden.add(entry.group);
      button.setAttribute("aria-pressed", String(!hidden.has(entry.group)));
      redrawAll();
    });
    document.getElementById("legend").append(item);
  }
}

function letPick() {
  const field = document.getElementById("pick"), told = document.getElementById("pick-told"), names = document.getElementById("pick-names");
  for (const name of data.classes.slice().sort()) { const option = document.createElement("option"); option.value = name; names.append(option); }
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    picked.clear();
    const exact = data.classes.findIndex(name => name.toLowerCase() === wanted);
    data.classes.forEach((name, i) => {
      const fits = wanted && (exact < 0 ? name.toLowerCase().includes(wanted) : i === exact);
      if (fits) picked.set(i, pickedColours[picked.size % pickedColours.length]);
    });
    const points = data.labels.filter(label => picked.has(label)).length;
    told.textContent = !wanted ? "" : picked.size ? picked.size + (picked.size === 1 ? " class, " : " classes, ") + points + " points" : "no class has this in its name";
    const marks = [...picked].slice(0, pickedColours.length).map(([i, colour]) => {
      const item = document.createElement("li"), mark = document.createElement("i");
      mark.style.background = onPage(colour); item.append(mark, data.classes[i]);
      return item;
    });
    document.getElementById("pick-marks").replaceChildren(...marks);
    document.getElementById("legend").classList.toggle("idle", picked.size > 0);
    redrawAll();
  });
  document.getElementById("pick-tools").hidden = data.classes.length < 2;
}

const redrawAll = () => views.forEach(view => view.redraw());
addLegend();
letPick();
for (const [horizontal, vertical] of axes >= 3 ? [[0, 1], [0, 2], [1, 2]] : axes ? [[0, 1]] : []) {
  const card = document.createElement("figure"), canvas = document.createElement("canvas");
  card.className = "card"; canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Component " + (horizontal + 1) + " against component " + (vertical + 1) + "; the arrow keys go through the images");
  card.append(canvas); document.getElementById("pairs").append(card);
  letStep(canvasView(canvas, () => axes >= 3 ? .9 : .5, drawPair(horizontal, vertical)));
}
if (axes >= 3) letTurn(canvasView(document.getElementById("space"), width => width < 640 ? 1 : .56, drawSpace));
else document.getElementById("space-card").remove();
redrawAll();
document.body.dataset.drawn = String(data.points.length);
window.addEventListener("resize", redrawAll);
lightest.addEventListener("change", () => { document.querySelectorAll("#legend i").forEach((mark, i) => { mark.style.background = colourOf(data.legend[i].group); }); redrawAll(); });
