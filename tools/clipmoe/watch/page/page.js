// The page of the cameras: what comes as events goes into tiles; pictures are asked for while somebody looks.
import {Tile, words} from "/tile.js";

const at = id => document.getElementById(id);
const PICTURES = 1000; // ms between two of a camera
const SAYING = 2000;   // ms in which events are said together to a screen reader
const MOST_SAID = 5;
const AGAIN = 2000;    // ms until the server is asked again

const tiles = new Map(); // camera → Tile
const seen = new IntersectionObserver(entries => {
  for (const e of entries) {
    const tile = tiles.get(Number(e.target.dataset.camera));
    if (tile) tile.seen = e.isIntersecting;
  }
});
let paused = matchMedia("(prefers-reduced-motion: reduce)").matches;
let asked = 0;
let said = [];

function trouble(text) {
  if (at("trouble").textContent !== text) at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

function count() {
  const online = [...tiles.values()].filter(t => t.online).length;
  at("status").textContent = `${online} of ${tiles.size} online`;
}

// --- what comes ---
function showCameras(all) {
  const ids = new Set(all.cameras.map(c => c.camera));
  for (const [id, tile] of tiles)
    if (!ids.has(id)) {
      seen.unobserve(tile.root);
      tile.root.remove();
      tiles.delete(id);
    }
  all.cameras.forEach((camera, i) => {
    let tile = tiles.get(camera.camera);
    if (tile) {
      tile.show(camera);
    } else {
      tile = new Tile(camera);
      tiles.set(camera.camera, tile);
      seen.observe(tile.root);
    }
    if (at("cameras").children[i] !== tile.root) at("cameras").insertBefore(tile.root, at("cameras").children[i] ?? null);
  });
  at("pause").hidden = false;
  count();
}

function say(text) {
  if (!said.length) setTimeout(() => {
    at("told").textContent = said.slice(-MOST_SAID).join(", ");
    said = [];
  }, SAYING);
  said.push(text);
}

const takers = {
  cameras: showCameras,
  state(tile, data) {
    tile.showState(data);
    count();
    say(`${tile.name}: ${data.state}`);
  },
  tags(tile, data) { tile.showTags(data); },
  event(tile, data) {
    tile.addEvent(data);
    say(`${tile.name}: ${words(data)}`);
  },
};

function follow() {
  const events = new EventSource("/api/events");
  events.onopen = () => trouble("");
  events.onerror = () => { // the browser comes again by itself, unless it was refused
    trouble("The server does not answer. What is shown is old.");
    if (events.readyState === EventSource.CLOSED) setTimeout(start, AGAIN);
  };
  events.addEventListener("cameras", e => takers.cameras(JSON.parse(e.data)));
  for (const type of ["state", "tags", "event"])
    events.addEventListener(type, e => {
      const data = JSON.parse(e.data), tile = tiles.get(data.camera);
      if (tile) takers[type](tile, data);
    });
}

async function start() {
  try {
    const answer = await fetch("/api/cameras");
    if (answer.status === 401) {
      trouble("");
      at("token").hidden = false;
      at("token").elements.token.focus();
      return;
    }
    if (!answer.ok) throw new Error(answer.status);
    showCameras(await answer.json());
    trouble("");
    follow();
  } catch {
    trouble("The server does not answer.");
    setTimeout(start, AGAIN);
  }
}

// --- pictures ---
function refresh() {
  if (paused || document.hidden) return;
  asked++;
  for (const tile of tiles.values()) tile.refresh(asked);
}

function pause(yes) {
  paused = yes;
  at("pause").setAttribute("aria-pressed", yes);
  refresh();
}

// --- keys ---
function go(step) {
  const frames = [...document.querySelectorAll(".frame")], now = frames.indexOf(document.activeElement);
  frames[now < 0 ? 0 : Math.max(0, Math.min(frames.length - 1, now + step))]?.focus();
}

document.addEventListener("keydown", e => {
  if (e.target.tagName === "INPUT" || e.ctrlKey || e.altKey || e.metaKey) return;
  const keys = {
    p: () => pause(!paused),
    Escape: () => tiles.forEach(t => t.enlarge(false)),
    ArrowRight: () => go(1), ArrowDown: () => go(1), ArrowLeft: () => go(-1), ArrowUp: () => go(-1),
  };
  const arrow = e.key.startsWith("Arrow");
  if (!keys[e.key] || (arrow && !document.activeElement.classList.contains("frame"))) return;
  if (arrow) e.preventDefault();
  keys[e.key]();
});

at("pause").addEventListener("click", () => pause(!paused));
document.addEventListener("visibilitychange", refresh);
pause(paused);
setInterval(refresh, PICTURES);
start();
