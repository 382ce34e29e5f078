// One moment: a player that stands at it, the file's timeline, the moments beside it.
import {clock, date, figures, folder, percent, stretch} from "/words.js";
import {ask, get, isEmpty, write} from "/query.js";

const at = id => document.getElementById(id);
const dialog = at("viewer"), video = at("video"), still = at("still"), timeline = at("timeline");
const wait = at("viewer-wait"), note = at("viewer-note"), neighbours = at("neighbours");
const BESIDE = 8;   // neighbours that are shown on each side
const STEP = 5;     // seconds that an arrow key goes on the timeline
const MARKS = 200;  // hits of a file that the timeline shows

let shown = null;   // the reply of /api/moments/ID
let offset = 0;     // what time in the file the player's 0 is: a clip's start
let goal = null;    // where in the file the player is to stand once it can
let onMoment = () => {}; // called with an id when another moment is wanted

function say(place, text) {
  place.textContent = text ?? "";
  place.hidden = !text;
}

/** Where the timeline begins: a file at 0, a live stream with the first of the moments that came along. */
function origin() {
  return shown.video ? 0 : Math.min(shown.neighbours[0]?.[1] ?? shown.start, shown.start);
}

/** Where it ends. */
function duration() {
  const last = shown.neighbours.at(-1)?.[2] ?? shown.end;
  return Math.max(shown.duration ?? 0, last, origin() + 0.001);
}

/** Stands at @time of the file, once the player can. */
function seek(time) {
  goal = time;
  if (video.readyState >= 1) {
    video.currentTime = Math.max(0, time - offset);
    goal = null;
  }
}

function load(url, from) {
  offset = from;
  video.src = url;
  video.load();
}

function useClip(why) {
  if (!shown?.clip || video.getAttribute("src") === shown.clip.url) {
    say(wait, null);
    say(note, "This cannot be played here. The original can be downloaded.");
    return;
  }
  say(wait, "A clip is being made …");
  say(note, `${why} What is shown is a clip of this moment, ${clock(shown.clip.start)} – ${clock(Math.min(shown.clip.end, duration()))}.`);
  goal = shown.time;
  load(shown.clip.url, shown.clip.start);
}

video.addEventListener("loadedmetadata", () => {
  if (offset === 0 && !video.videoWidth) useClip("This browser plays no pictures of this file."); // sound alone
  else if (goal !== null) seek(goal);
});
video.addEventListener("loadeddata", () => say(wait, null));
video.addEventListener("error", () => {
  if (shown && video.getAttribute("src")) useClip("This browser cannot play this file.");
});
for (const event of ["timeupdate", "seeked", "loadedmetadata"]) video.addEventListener(event, drawHead);

function place(element, from, to) {
  const first = origin(), all = duration() - first, at = time => Math.max(0, Math.min(1, (time - first) / all));
  element.style.left = `${100 * at(from)}%`;
  if (to !== undefined) element.style.width = `${100 * (at(to) - at(from))}%`;
}

function now() {
  return shown.video ? goal ?? offset + video.currentTime : shown.time;
}

function drawHead() {
  if (!shown || shown.picture) return;
  place(timeline.querySelector(".head"), now());
  timeline.setAttribute("aria-valuenow", now().toFixed(1));
  timeline.setAttribute("aria-valuetext", `${clock(now())} of ${clock(duration())}`);
  at("viewer-now").textContent = clock(now());
}

function drawTimeline() {
  const moments = timeline.querySelector(".moments");
  timeline.hidden = shown.picture;
  timeline.nextElementSibling.hidden = shown.picture;
  if (shown.picture) return;
  timeline.setAttribute("aria-valuemin", origin().toFixed(1));
  timeline.setAttribute("aria-valuemax", duration().toFixed(1));
  at("viewer-end").textContent = clock(duration());
  moments.replaceChildren(...shown.neighbours.slice(1).map(([, start]) => {
    const tick = document.createElement("div");
    place(tick, start);
    return tick;
  }));
  place(timeline.querySelector(".span"), shown.start, shown.end);
  drawHead();
}

/** Whether a hit of the same source belongs to what the timeline shows: a source that was begun anew begins at 0 again. */
function isOfRun(hit) {
  if (shown.video) return true;
  const apart = hit.at && shown.at ? (Date.parse(hit.at) - Date.parse(shown.at)) / 1000 - (hit.time - shown.time) : 0;
  return Math.abs(apart) <= 5 && hit.start <= duration() && hit.end >= origin();
}

/** Where else in this file the query finds something, and how far that stands out. */
async function drawMarks(query, picture) {
  const marks = timeline.querySelector(".marks"), file = shown.file_id;
  at("viewer-legend").textContent = "";
  marks.replaceChildren();
  if (shown.picture || isEmpty(query, picture)) return;
  const options = picture ? {method: "POST", body: picture} : {};
  const answer = await get(ask({...query, file}, MARKS), options).catch(() => null);
  if (!answer || shown?.file_id !== file) return;
  const run = answer.hits.filter(isOfRun);
  marks.replaceChildren(...run.map(hit => {
    const mark = document.createElement("div");
    if (hit.stands_out) mark.className = "out";
    place(mark, hit.start, hit.end);
    mark.style.height = `${percent(hit, 6)}%`;
    return mark;
  }));
  const out = run.filter(hit => hit.stands_out).length;
  at("viewer-legend").textContent = out ? `stands out at ${out} ${out === 1 ? "place" : "places"} of this file` : "";
}

function drawNeighbours() {
  const here = shown.neighbours.findIndex(([id]) => id === shown.moment);
  const near = shown.neighbours.slice(Math.max(0, here - BESIDE), here + BESIDE + 1);
  neighbours.hidden = near.length < 2;
  neighbours.replaceChildren(...near.map(([id, start, , time]) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const image = document.createElement("img"), when = document.createElement("span");
    button.type = "button";
    button.dataset.moment = id;
    button.setAttribute("aria-label", `The moment at ${clock(start)}`);
    if (id === shown.moment) button.setAttribute("aria-current", "true");
    image.src = `/thumb/${id}.jpg`;
    image.alt = "";
    when.className = "when";
    when.textContent = clock(time);
    button.append(image, when);
    item.append(button);
    return item;
  }));
  const current = neighbours.querySelector("[aria-current]");
  if (current) neighbours.scrollLeft = current.offsetLeft - neighbours.clientWidth / 2 + current.clientWidth / 2;
}

function drawText(query, hit) {
  const facts = [shown.picture ? "a picture" : stretch(hit ?? shown), date(shown.at), folder(shown.file)];
  at("viewer-name").textContent = shown.name;
  at("viewer-facts").textContent = facts.filter(Boolean).join(" · ");
  at("viewer-facts").title = hit ? figures(hit) : "";
  at("viewer-like").href = `/${write({like: shown.moment})}`;
  at("viewer-like").dataset.like = shown.moment;
  at("viewer-file").href = `/${write({...query, file: shown.file_id, moment: undefined})}`;
  at("viewer-file").dataset.file = shown.file_id;
  at("viewer-original").href = shown.video ?? "";
  at("viewer-original").hidden = !shown.video;
  at("viewer-original").download = shown.name;
}

function drawStage() {
  still.hidden = video.hidden = true;
  if (shown.picture || !shown.video) {
    video.pause();
    video.removeAttribute("src");
    still.hidden = false;
    still.src = shown.picture && shown.video ? shown.video : shown.thumb ?? "";
    still.alt = `The frame of ${shown.name}`;
    if (!shown.video) say(note, "A live stream leaves no video here: this is the frame that was kept.");
    return;
  }
  video.hidden = false;
  if (shown.thumb) video.poster = shown.thumb;
  if (video.getAttribute("src") === shown.video) {
    seek(shown.time);
  } else {
    goal = shown.time;
    load(shown.video, 0);
  }
}
still.addEventListener("error", () => { // a kind of picture that this browser does not show
  if (shown?.thumb && still.getAttribute("src") !== shown.thumb) still.src = shown.thumb;
});

/** Shows a moment. @hit: of the results, where it is one. @around: {previous, next} ids or undefined. */
export async function open(moment, query, picture, hit, around) {
  const reply = await get(`/api/moments/${moment}`);
  const same = shown?.file_id === reply.file_id;
  shown = reply;
  say(note, null);
  say(wait, null);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  drawText(query, hit);
  at("viewer-previous").disabled = !around.previous;
  at("viewer-next").disabled = !around.next;
  at("viewer-previous").dataset.moment = around.previous ?? "";
  at("viewer-next").dataset.moment = around.next ?? "";
  drawStage();
  drawTimeline();
  drawNeighbours();
  if (!same || !timeline.querySelector(".marks").childElementCount) drawMarks(query, picture);
}

export function isOpen() {
  return dialog.open;
}

export function close() {
  if (dialog.open) dialog.close();
}

/** The id of the moment before or after in the file, or undefined. */
function beside(step) {
  const here = shown.neighbours.findIndex(([id]) => id === shown.moment);
  return shown.neighbours[here + step]?.[0];
}

/** Sets what is called: @wanted with the id of another moment, @closed when it was closed. */
export function connect(wanted, closed) {
  onMoment = wanted;
  dialog.addEventListener("close", () => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    still.removeAttribute("src");
    timeline.querySelector(".marks").replaceChildren();
    shown = null;
    closed();
  });
}

at("viewer-close").addEventListener("click", close);
dialog.addEventListener("click", event => {
  if (event.target === dialog && event.detail) close(); // beside it
});
for (const id of ["viewer-previous", "viewer-next"])
  at(id).addEventListener("click", event => onMoment(event.currentTarget.dataset.moment));
neighbours.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (button) onMoment(button.dataset.moment);
});

/** A place in the file: in the clip alone where that is what plays, else the moment that is there. */
function go(time) {
  const to = Math.max(origin(), Math.min(duration(), time));
  if (!shown.video) onMoment(shown.neighbours.findLast(([, start]) => start <= to)?.[0] ?? shown.neighbours[0][0]);
  else if (offset === 0 || (to >= shown.clip.start && to <= shown.clip.end)) seek(to);
  else onMoment(shown.neighbours.findLast(([, start]) => start <= to)?.[0] ?? shown.neighbours[0][0]);
  drawHead();
}

function timeOf(event) {
  const box = timeline.getBoundingClientRect();
  return origin() + (duration() - origin()) * Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
}
timeline.addEventListener("pointerdown", event => {
  timeline.setPointerCapture(event.pointerId);
  go(timeOf(event));
});
timeline.addEventListener("pointermove", event => {
  if (timeline.hasPointerCapture(event.pointerId) && shown.video && offset === 0) go(timeOf(event));
});

dialog.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || !shown) return;
  if (event.target === timeline) {
    const to = {ArrowLeft: now() - STEP, ArrowRight: now() + STEP, ArrowDown: now() - STEP, ArrowUp: now() + STEP, Home: 0, End: duration()}[event.key];
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    }
    return;
  }
  if (event.target === video) return; // its own keys
  const wanted = {ArrowLeft: beside(-1), ArrowRight: beside(1), ArrowUp: at("viewer-previous").dataset.moment, ArrowDown: at("viewer-next").dataset.moment}[event.key];
  if (wanted) {
    event.preventDefault();
    onMoment(wanted);
  } else if (event.key === " " && !event.target.closest("button, a")) {
    event.preventDefault();
    if (video.paused) video.play();
    else video.pause();
  }
});

at("viewer-copy").addEventListener("click", async event => {
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch { // without TLS browsers keep pages from it
    button.textContent = "It is in the address bar";
  }
  setTimeout(() => { button.textContent = "Copy the link"; }, 2000);
});
