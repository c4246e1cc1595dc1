// The screen of shmtui serve: rows of styled text, as they come, in a font that fits the window.
"use strict";

const screenElement = document.getElementById("screen");
const state = document.getElementById("state");
const { font, drives, lost } = document.body.dataset;
const role = state.textContent;
const RETRY = [500, 1000, 2000, 5000]; // Milliseconds until the next tries.
const PROBE = 100; // Pixels of the font in which a cell is measured.
let fontSize = Number(font); // Pixels; 0: as large as fits the window.
let columns = 0;
const styles = []; // Declarations of CSS, by number.
let socket = null;
let tries = 0;

// A cell in a font of 1 px, as wide and as high as the browser has it.
const cell = (() => {
  const probe = document.createElement("span");
  probe.textContent = "0".repeat(10);
  probe.style.cssText = `position:absolute;visibility:hidden;height:auto;font-size:${PROBE}px`;
  screenElement.append(probe);
  const box = probe.getBoundingClientRect();
  probe.remove();
  return { width: box.width / 10 / PROBE, height: box.height / PROBE };
})();

function fit() {
  const rows = screenElement.childElementCount;
  if (!rows || !columns) return;
  const { clientWidth, clientHeight } = screenElement;
  const most = Math.min(
    clientWidth / columns / cell.width,
    Math.floor(clientHeight / rows) / cell.height,
  );
  const size = fontSize || Math.max(4, Math.floor(most * 10) / 10);
  // Rows of whole pixels leave no gaps between them.
  const height = Math.round(size * cell.height);
  screenElement.style.fontSize = `${size}px`;
  screenElement.style.lineHeight = `${height}px`;
  for (const row of screenElement.children) {
    row.style.height = `${height}px`;
    row.style.width = `${columns}ch`;
  }
}

function span(css, text, cells) {
  const element = document.createElement("span");
  element.textContent = text;
  element.style.cssText = css;
  element.style.width = `${cells}ch`;
  return element;
}

// Whether a character is as wide as a cell: a font that stands in for a missing glyph may have
// another width.
const isCell = (() => {
  const brush = document.createElement("canvas").getContext("2d");
  brush.font = `${PROBE}px ${getComputedStyle(screenElement).fontFamily}`;
  const known = new Map();
  return (character) => {
    if (!known.has(character)) {
      const { width } = brush.measureText(character);
      known.set(character, Math.abs(width / PROBE - cell.width) < 0.002);
    }
    return known.get(character);
  };
})();

// Characters that are as wide as cells stand together; any other has a place of its own.
function* spans(pieces) {
  for (const [style, text, cells] of pieces) {
    const css = styles[style];
    if (cells !== undefined) {
      yield span(css, text, cells);
      continue;
    }
    let run = "";
    for (const character of text) {
      if (isCell(character)) {
        run += character;
        continue;
      }
      if (run) yield span(css, run, [...run].length);
      run = "";
      yield span(css, character, 1);
    }
    if (run) yield span(css, run, [...run].length);
  }
}

function draw({ rows, from, styles: more, changed }) {
  styles.splice(from, Infinity, ...more);
  while (screenElement.childElementCount < rows) {
    screenElement.append(document.createElement("div"));
  }
  while (screenElement.childElementCount > rows) screenElement.lastElementChild.remove();
  let widest = 0;
  for (const [number, pieces] of Object.entries(changed)) {
    screenElement.children[number].replaceChildren(...spans(pieces));
    const width = pieces.reduce((sum, [, text, cells]) => sum + (cells ?? [...text].length), 0);
    widest = Math.max(widest, width);
  }
  if (widest > columns || Object.keys(changed).length === rows) {
    columns = widest;
    fit();
  }
}

function connect() {
  socket = new WebSocket(new URL("live", location.href.replace(/^http/, "ws")));
  socket.onmessage = ({ data }) => {
    tries = 0;
    screenElement.classList.remove("old");
    state.classList.remove("lost");
    state.textContent = role;
    draw(JSON.parse(data));
  };
  socket.onclose = () => {
    screenElement.classList.add("old");
    state.classList.add("lost");
    state.textContent = lost;
    setTimeout(connect, RETRY[Math.min(tries++, RETRY.length - 1)]);
  };
}

function tell(text) {
  if (drives && socket.readyState === WebSocket.OPEN) socket.send(text);
}

function resize(step) {
  const now = parseFloat(screenElement.style.fontSize) || 16;
  fontSize = step && Math.min(200, Math.max(6, Math.round(now + step)));
  fit();
}

document.getElementById("smaller").onclick = () => resize(-2);
document.getElementById("larger").onclick = () => resize(2);
document.getElementById("fit").onclick = () => resize(0);
for (const button of document.querySelectorAll("button")) {
  // The keyboard stays with the screen.
  button.addEventListener("mouseup", () => button.blur());
}

const NAMED = new Set(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown",
  "Home", "End", "Enter", "Escape", "Tab", "Shift+Tab", "Backspace", "Delete", "Control+p",
  "F1", "F2"]);

document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, altKey, metaKey, shiftKey, isComposing, target } = event;
  const typed = event.getModifierState("AltGraph"); // It may come as Ctrl and Alt.
  if ((altKey && !typed) || metaKey || isComposing || target.tagName === "BUTTON") return;
  const single = [...key].length === 1;
  const name = `${ctrlKey && !typed ? "Control+" : ""}${shiftKey && !single ? "Shift+" : ""}${key}`;
  if (!drives) {
    const step = { "+": 2, "-": -2, 0: 0 }[name];
    if (step !== undefined) resize(step);
  } else if (NAMED.has(name) || (single && (typed || !ctrlKey))) {
    event.preventDefault();
    tell(name);
  }
});

screenElement.addEventListener("click", ({ clientX, clientY }) => {
  const first = screenElement.firstElementChild;
  if (!first || !getSelection().isCollapsed) return;
  const { left, top, width, height } = first.getBoundingClientRect();
  const x = Math.floor(((clientX - left) / width) * columns);
  const y = Math.floor((clientY - top) / height);
  if (x >= 0 && y >= 0 && x < columns) tell(`click ${x} ${y}`);
});

new ResizeObserver(fit).observe(screenElement);
connect();
