// The page: query and filters, what is shown for them, keys, the address bar.
import {count, span} from "/words.js";
import {ask, countFilters, get, isEmpty, read, write} from "/query.js";
import * as results from "/results.js";
import * as viewer from "/viewer.js";

const at = id => document.getElementById(id);
const form = at("search"), q = at("q"), filters = at("filters"), more = at("more");
const PAUSE = 180;                // ms that typing must pause before a search
const FIRST = 48, MOST = 200;     // hits
const LARGEST = 16 * 1024 * 1024; // bytes of a picture

let query = read(location.search);
let picture = null;               // a File: it cannot be in the address
let hits = [];
let limit = FIRST;
let timer = 0, running = false, again = false;
let came = null;                  // the moment whose hit has the focus when the viewer is closed

function show(element, yes) {
  element.hidden = !yes;
}

function trouble(error) {
  if (error?.status === 401) {
    for (const id of ["status", "nothing", "trouble", "grid", "start", "more"]) show(at(id), false);
    show(at("token"), true);
    at("token").elements.token.focus();
    return;
  }
  at("trouble").textContent = error
    ? error.status ? `${error.message[0].toUpperCase()}${error.message.slice(1)}.` : "The server does not answer."
    : "";
  show(at("trouble"), error);
}

// --- address bar and form ---
function setAddress(push) {
  const url = `/${write(query)}`;
  if (url === location.pathname + location.search) return;
  history[push ? "pushState" : "replaceState"](null, "", url);
}

function fillForm() {
  if (q.value !== (query.q ?? "")) q.value = query.q ?? "";
  for (const field of filters.querySelectorAll("input")) field.value = query[field.name] ?? "";
  const n = countFilters(query);
  at("filters-count").textContent = n;
  show(at("filters-count"), n);
  show(at("file-filter"), query.file);
  show(at("like"), query.like);
  if (query.like) at("like").querySelector("img").src = `/thumb/${encodeURIComponent(query.like)}.jpg`;
  show(at("picture"), picture);
  q.placeholder = picture || query.like ? "and words, if you like" : "Describe a moment";
  document.title = query.q ? `${query.q} – clipmoe` : "clipmoe";
}

function readForm() {
  const next = {...query, q: q.value.trim()};
  for (const field of filters.querySelectorAll("input")) next[field.name] = field.value.trim();
  return read(write(next));
}

// --- searching ---
function tell(answer) {
  const n = answer.hits.length, ms = answer.seconds * 1000;
  at("status").textContent = n
    ? `${count(n, "hit", "hits")} among ${count(answer.moments, "moment", "moments")}, ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
    : answer.moments ? "No hit." : "No moment passes the filters.";
  show(at("nothing"), n && !answer.stands_out);
}

async function search() {
  if (running) { // one at a time: the server is not to work for what nobody waits for
    again = true;
    return;
  }
  clearTimeout(timer);
  if (isEmpty(query, picture)) {
    hits = [];
    results.clear();
    trouble(null);
    for (const id of ["nothing", "more"]) show(at(id), false);
    at("status").textContent = "";
    await start();
    return;
  }
  running = true;
  show(at("start"), false);
  results.age();
  const asked = query, shownPicture = picture;
  try {
    const answer = await get(ask(asked, limit), picture ? {method: "POST", body: picture} : {});
    if (!again) {
      hits = answer.hits;
      trouble(null);
      tell(answer);
      results.show(hits, asked);
      show(more, hits.length >= limit && limit < MOST);
    }
  } catch (error) {
    if (!again) {
      hits = [];
      results.clear();
      at("status").textContent = "";
      for (const id of ["nothing", "more"]) show(at(id), false);
      trouble(error);
    }
  }
  running = false;
  if (again || shownPicture !== picture) {
    again = false;
    await search();
  }
}

function changed(push) {
  limit = FIRST;
  setAddress(push);
  fillForm();
  search();
}

form.addEventListener("input", event => {
  if (event.target.type === "file") return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    query = readForm();
    changed(false);
  }, PAUSE);
});
form.addEventListener("submit", event => {
  event.preventDefault();
  clearTimeout(timer);
  const next = readForm();
  if (write(next) !== write(query)) {
    query = next;
    changed(true);
  }
  results.focusFirst();
});
more.addEventListener("click", () => {
  limit = Math.min(MOST, limit * 2);
  search();
});
at("filters-button").addEventListener("click", () => {
  const now = filters.hidden;
  show(filters, now);
  at("filters-button").setAttribute("aria-expanded", String(now));
  if (now) filters.querySelector("input").focus();
});
at("file-filter").querySelector("button").addEventListener("click", () => {
  query = read(write({...query, file: ""}));
  changed(true);
});
at("like").querySelector("button").addEventListener("click", () => {
  query = read(write({...query, like: ""}));
  changed(true);
  q.focus();
});

// --- pictures as queries ---
async function usePicture(file) {
  if (!file || (file.type && !file.type.startsWith("image/"))) {
    trouble({status: 400, message: "what was given is no picture"});
    return;
  }
  if (file.size > LARGEST) {
    trouble({status: 413, message: `the picture is larger than ${LARGEST >> 20} MB`});
    return;
  }
  viewer.close();
  picture = file;
  query = read(write({...query, like: "", moment: ""}));
  const canvas = at("picture").querySelector("canvas"), c = canvas.getContext("2d");
  c.clearRect(0, 0, canvas.width, canvas.height);
  try {
    const image = await createImageBitmap(file);
    const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
    c.drawImage(image, (canvas.width - image.width * scale) / 2, (canvas.height - image.height * scale) / 2, image.width * scale, image.height * scale);
  } catch { /* a kind that this browser does not show: the server may know it */ }
  changed(true);
}

function imageOf(transfer) {
  return [...transfer?.files ?? []].find(f => f.type.startsWith("image/")) ?? transfer?.files?.[0];
}
let over = 0; // dragenter and dragleave come for each element
document.addEventListener("dragenter", event => {
  if (event.dataTransfer?.types.includes("Files")) show(at("drop"), ++over);
});
document.addEventListener("dragleave", event => {
  if (event.dataTransfer?.types.includes("Files")) show(at("drop"), --over > 0);
});
document.addEventListener("dragover", event => {
  if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
});
document.addEventListener("drop", event => {
  over = 0;
  show(at("drop"), false);
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  usePicture(imageOf(event.dataTransfer));
});
document.addEventListener("paste", event => {
  const file = imageOf(event.clipboardData);
  if (file) {
    event.preventDefault();
    usePicture(file);
  }
});
at("file-input").addEventListener("change", event => {
  const file = event.target.files[0];
  if (file) usePicture(file);
  event.target.value = "";
});
at("picture").querySelector("button").addEventListener("click", () => {
  picture = null;
  changed(false);
  q.focus();
});

// --- one moment ---
async function openMoment(moment, push) {
  const here = hits.findIndex(hit => String(hit.moment) === String(moment));
  query = {...query, moment: String(moment)};
  setAddress(push);
  came = here >= 0 ? moment : came;
  try {
    const around = here >= 0 ? here : hits.findIndex(hit => String(hit.moment) === String(came));
    await viewer.open(moment, query, picture, hits[here], around < 0 ? {} : {previous: hits[around - 1]?.moment, next: hits[around + 1]?.moment});
  } catch (error) {
    viewer.close();
    query = read(write({...query, moment: ""}));
    setAddress(false);
    trouble(error);
  }
}
viewer.connect(moment => openMoment(moment, false), () => {
  query = read(write({...query, moment: ""}));
  setAddress(false);
  if (!came || !results.focusOn(came)) q.focus();
});

function more_like(moment) {
  viewer.close();
  picture = null;
  query = {like: moment};
  changed(true);
  scrollTo(0, 0);
  q.focus();
}

document.addEventListener("click", event => {
  const link = event.target.closest?.("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (link.dataset.like) more_like(link.dataset.like);
  else if (link.dataset.moment) openMoment(link.dataset.moment, true);
  else if (link.dataset.file) {
    const file = link.dataset.file;
    viewer.close();
    query = read(write({...query, file, moment: ""}));
    show(filters, true);
    at("filters-button").setAttribute("aria-expanded", "true");
    changed(true);
  } else return;
  event.preventDefault();
});

// --- keys ---
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || viewer.isOpen()) return;
  const typing = event.target.matches?.("input:not([type=file])");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    q.focus();
    q.select();
  } else if (event.key === "Escape" && event.target === q && (q.value || query.like || picture)) {
    event.preventDefault();
    picture = null;
    q.value = "";
    query = read(write({...readForm(), like: "", file: ""}));
    changed(true);
  } else if (event.key === "Escape") {
    q.focus();
  } else if (event.key === "ArrowDown" && typing) {
    event.preventDefault();
    results.focusFirst();
  } else if (event.key.startsWith("Arrow") && !typing) {
    const moved = results.move(event.key);
    if (moved) event.preventDefault();
    if (moved === "out") q.focus();
  }
});

// --- without a query ---
async function start() {
  try {
    const archive = await get("/api/files?limit=1");
    at("counts").textContent = archive.moments
      ? `${count(archive.moments, "moment", "moments")} of ${count(archive.files, "file", "files")}${archive.seconds >= 1 ? `, ${span(archive.seconds)} of video` : ""}`
      : "Nothing was indexed yet: clipmoe index does it.";
    if (isEmpty(query, picture)) show(at("start"), true);
    trouble(null);
  } catch (error) {
    trouble(error);
  }
}

addEventListener("popstate", () => {
  const before = query;
  query = read(location.search);
  fillForm();
  if (write({...before, moment: ""}) !== write({...query, moment: ""})) {
    limit = FIRST;
    search();
  }
  if (query.moment && query.moment !== before.moment) openMoment(query.moment, false);
  else if (!query.moment) viewer.close();
});

fillForm();
if (countFilters(query)) {
  show(filters, true);
  at("filters-button").setAttribute("aria-expanded", "true");
}
await search();
if (query.moment) await openMoment(query.moment, false);
else if (!at("token").hidden) at("token").elements.token.focus();
else if (!matchMedia("(pointer: coarse)").matches) q.focus({preventScroll: true}); // no keyboard over a small screen
