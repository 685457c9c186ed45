// The flat lay: pieces are dragged, resized and layered; their places go along in every address. It works without this.
"use strict";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const [X, Y, WIDTH, LAYER] = [0, 1, 2, 3];
const pieces = () => all("#lay .piece");
const spotOf = (piece) => piece.dataset.spot.split(".").map(Number);
const within = (value, least, most) => Math.round(Math.min(Math.max(value, least), most));
let chosen = null;  // id of the item that the buttons below the flat lay are about

function put(piece, spot) {
  const [x, y, width, layer] = [within(spot[X], 0, 1000), within(spot[Y], 0, 1000), within(spot[WIDTH], 40, 900), within(spot[LAYER], 0, 99)];
  piece.dataset.spot = [x, y, width, layer].join(".");
  Object.assign(piece.style, { left: `${x / 10}%`, top: `${y / 10}%`, width: `${width / 10}%`, zIndex: layer });
  const at = pieces().indexOf(piece);
  for (const line of all("#lay .link")) {
    line.dataset.pair.split(" ").forEach((end, which) => {
      if (Number(end) !== at) return;
      line.setAttribute(`x${which + 1}`, x * 0.9);
      line.setAttribute(`y${which + 1}`, y);
    });
  }
  $("#lay .flags")?.remove();
}

function relaid(href) {
  // An address with the places as they are now; what is swapped in lies where the other lay.
  const address = new URL(href, location.href);
  const on = address.searchParams.getAll("on");
  const spots = new Map(pieces().map((piece) => [piece.dataset.item, piece.dataset.spot]));
  const gone = [...spots.keys()].filter((item) => !on.includes(item));
  address.searchParams.delete("lay");
  for (const item of on) {
    const parts = spots.get(item)?.split(".") || (gone.length === 1 && spots.get(gone[0]).split(".").with(WIDTH, "0"));
    if (parts) address.searchParams.append("lay", `${parts.join(".")}.${item}`);
  }
  return address;
}

function keep(piece, words) {
  const board = $("#board");
  history.pushState({ part: "board", depth: (history.state?.depth || 0) + 1 }, "", relaid(location.href));
  for (const link of all('a[href*="on="]', board)) {
    if (link.matches(".tidy")) { link.hidden = false; continue; }
    link.href = relaid(link.href);
    if (link.dataset.from) link.dataset.from = relaid(link.dataset.from);
  }
  for (const form of all("form", board)) {
    all('input[name="lay"]', form).forEach((field) => field.remove());
    for (const piece of pieces()) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "lay", value: `${piece.dataset.spot}.${piece.dataset.item}` }));
  }
  board.dataset.carried = relaid(`/?${board.dataset.carried}`).searchParams.toString();
  carry(JSON.parse(board.dataset.on), board.dataset.carried);
  wake($(".actions", board));
  announce(`${nameOf(piece)}: ${words}`);
}

const nameOf = (piece) => piece.getAttribute("aria-label").split(": swap")[0];

function choose(piece) {
  chosen = piece.dataset.item;
  for (const other of pieces()) other.classList.toggle("chosen", other === piece);
  for (const button of all(".arrange button")) button.disabled = false;
}

function change(piece, action) {
  const spot = spotOf(piece);
  const layers = pieces().filter((other) => other !== piece).map((other) => spotOf(other)[LAYER]);
  if (action === "larger") spot[WIDTH] *= 1.08;
  if (action === "smaller") spot[WIDTH] /= 1.08;
  if (action === "front") spot[LAYER] = Math.max(...layers, 0) + 1;
  if (action === "back") spot[LAYER] = Math.max(Math.min(...layers, 1) - 1, 0);
  put(piece, spot);
  keep(piece, { larger: "larger", smaller: "smaller", front: "in front", back: "at the back" }[action]);
}

const ARROWS = { ArrowLeft: [-1, 0, "left"], ArrowRight: [1, 0, "right"], ArrowUp: [0, -1, "up"], ArrowDown: [0, 1, "down"] };
const KEYS = { "+": "larger", "=": "larger", "-": "smaller", PageUp: "front", PageDown: "back" };

document.addEventListener("keydown", (event) => {
  const piece = event.target.closest("#lay .piece");
  if (!piece || event.ctrlKey || event.metaKey || event.altKey) return;
  if (ARROWS[event.key]) {
    const [x, y, words] = ARROWS[event.key];
    const [step, spot] = [event.shiftKey ? 50 : 10, spotOf(piece)];
    put(piece, [spot[X] + x * step, spot[Y] + y * step, spot[WIDTH], spot[LAYER]]);
    keep(piece, `moved ${words}`);
  } else if (KEYS[event.key]) change(piece, KEYS[event.key]);
  else if (event.key === "Delete") $(`.pieces li:nth-child(${pieces().indexOf(piece) + 1}) .out`).click();
  else return;
  event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  const piece = event.target.closest("#lay .piece");
  if (piece) choose(piece);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest(".arrange [data-do]");
  const piece = button && pieces().find((other) => other.dataset.item === chosen);
  if (piece) change(piece, button.dataset.do);
});

// ---- drag and resize ----

let dragged = false;
document.addEventListener("click", (event) => {  // the end of a drag is no click
  if (dragged && event.target.closest("#lay")) { event.preventDefault(); event.stopPropagation(); }
  dragged = false;
}, true);

function moved(event, changed) {
  const canvas = $("#lay").getBoundingClientRect();
  const spot = spotOf(event.target);
  changed(spot, 1000 / canvas.width, 1000 / canvas.height);
  put(event.target, spot);
}

const ended = (words) => (event) => {
  dragged = true;
  setTimeout(() => { dragged = false; }, 50);
  event.target.classList.remove("dragged");
  keep(event.target, words);
};

interact("#lay .piece").draggable({
  ignoreFrom: ".grip",
  allowFrom: "*",
  listeners: {
    start(event) {
      choose(event.target);
      event.target.classList.add("dragged");
      moved(event, (spot) => { spot[LAYER] = Math.max(...pieces().map((piece) => spotOf(piece)[LAYER])) + (spot[LAYER] < 99); });
    },
    move: (event) => moved(event, (spot, wide, high) => { spot[X] += event.dx * wide; spot[Y] += event.dy * high; }),
    end: ended("moved"),
  },
}).resizable({
  edges: { right: ".grip", bottom: ".grip" },
  listeners: {
    start: (event) => choose(event.target),
    move: (event) => moved(event, (spot, wide) => { spot[WIDTH] += (event.dx + event.dy) * wide; }),
    end: ended("resized"),
  },
}).styleCursor(false);

// ---- a suggestion dropped on the flat lay ----

document.addEventListener("dragstart", (event) => {
  const link = event.target.closest?.(".rail a[data-item]");
  if (!link) return;
  event.dataTransfer.setData("text/x-goeswith", link.href);
  event.dataTransfer.setData("text/x-goeswith-item", link.dataset.item);
  event.dataTransfer.effectAllowed = "copy";
});
document.addEventListener("dragover", (event) => {
  if (event.target.closest?.("#lay") && event.dataTransfer.types.includes("text/x-goeswith")) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  const [href, item] = ["text/x-goeswith", "text/x-goeswith-item"].map((kind) => event.dataTransfer.getData(kind));
  const lay = event.target.closest?.("#lay");
  if (!lay || !href) return;
  event.preventDefault();
  const canvas = lay.getBoundingClientRect();
  const at = [(event.clientX - canvas.x) / canvas.width, (event.clientY - canvas.y) / canvas.height].map((share) => within(1000 * share, 0, 1000));
  const address = relaid(href);
  const others = address.searchParams.getAll("lay").filter((text) => !text.endsWith(`.${item}`));
  address.searchParams.delete("lay");
  for (const text of [...others, `${at.join(".")}.0.${Math.min(99, others.length + 1)}.${item}`]) address.searchParams.append("lay", text);
  swap("board", address.href);
});

// ---- motion: what stays glides to its new place, what is new appears ----

let before = new Map();
document.addEventListener("part-leaves", () => {
  before = new Map(pieces().map((piece) => [piece.dataset.item, piece.getBoundingClientRect()]));
});
document.addEventListener("part-arrives", (event) => {
  if (event.detail !== "board") return;
  dress();
  if (calm.matches || !before.size) return;
  for (const piece of pieces()) {
    const [old, now] = [before.get(piece.dataset.item), piece.getBoundingClientRect()];
    const from = old
      ? { transform: `translate(${old.x - now.x}px, ${old.y - now.y}px) scale(${old.width / now.width})`, transformOrigin: "0 0" }
      : { opacity: 0, transform: "scale(.92)" };
    piece.animate([from, { transform: "none" }], { duration: 200, easing: "ease-out" });
  }
});

function dress() {
  for (const group of all(".arrange")) group.hidden = false;
  for (const piece of pieces()) piece.append(Object.assign(document.createElement("span"), { className: "grip" }));
  const piece = pieces().find((other) => other.dataset.item === chosen);
  if (piece) choose(piece);
  else for (const button of all(".arrange button")) button.disabled = true;
}

dress();
