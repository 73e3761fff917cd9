// The page: inputs, states, and what is shown of a result.

import { EMOTIONS, EXAMPLES, MODELS, OTHER_EMOTION, PLAYER_WORDS } from "./constants.js";
import { decodeByBrowser } from "./decode.js";
import { LiveWaveform } from "./live_waveform.js";
import { askForMicrophone, Microphone } from "./microphone.js";
import { isStored } from "./models.js";
import showPlayer from "./player.js";
import { clock } from "./waveform.js";
import { isWav } from "./wav.js";
import { headline, howOften, lengthWords, shareWords } from "./words.js";

const LONGEST_S = 600;
const LARGEST_MB = 200;
const SLOW_MS = 300; // what takes longer shows its progress

const MICROPHONE_PROBLEMS = {
  refused: ["The microphone is not allowed", "Allow it in the address bar of the browser and try again, or choose a file."],
  missing: ["No microphone was found", "Connect one and try again, or choose a file."],
  "in-use": ["The microphone is in use", "Close the program that uses it and try again, or choose a file."],
  insecure: ["The microphone cannot be used here", "Browsers allow it on https and on this computer only. Choose a file instead."],
};

const find = (id) => document.getElementById(id);
const main = document.querySelector("main");
const look = (emotion) => EMOTIONS[emotion] ?? OTHER_EMOTION;

/** The worker, as functions that return promises. */
const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
let asked = 0;

function ask(task, given, onProgress = () => {}) {
  asked += 1;
  worker.postMessage({ id: asked, task, ...given });
  return new Promise((resolve, reject) => waiting.set(asked, { resolve, reject, onProgress }));
}

worker.onmessage = ({ data: { id, progress, result, error } }) => {
  const { resolve, reject, onProgress } = waiting.get(id);
  if (progress !== undefined) return onProgress(progress);
  waiting.delete(id);
  return error === undefined ? resolve(result) : reject(new Error(error));
};

worker.onerror = (event) => {
  event.preventDefault();
  showProblem("The model cannot run here", "This browser is too old, or a file of the page is missing. Load the page again.");
};

const sounds = (window.hearfeltSounds = new Map()); // what the player plays: addresses by its key

/** What is shown now; whatever belongs to an earlier visit of a state is dropped. */
let current = { ticket: 0, name: "", sound: null };
let model = MODELS[0].name;
const cards = new Map();

function setState(state) {
  main.dataset.state = state;
  find("recording").hidden = state !== "recording";
  find("problem").hidden = state !== "problem";
  find("result").hidden = !["result", "working"].includes(state) || !current.sound;
  find("greeting").hidden = ["recording", "problem"].includes(state) || !find("result").hidden;
}

function announce(text) {
  find("announced").textContent = text;
}

function showProblem(title, text) {
  hideWork();
  current.sound = null;
  find("problem-title").textContent = title;
  find("problem-text").textContent = text;
  setState("problem");
  announce(`${title}. ${text}`);
  find("problem").scrollIntoView({ block: "nearest" });
}

let slow = 0;

/** Show what is being done, if it takes long; `share` undefined shows no end. */
function showWork(text, share) {
  find("work-text").textContent = text;
  if (share === undefined) find("work").removeAttribute("value");
  else find("work").value = share;
  slow ||= setTimeout(() => (find("working").hidden = false), SLOW_MS);
}

function hideWork() {
  clearTimeout(slow);
  slow = 0;
  find("working").hidden = true;
}

// Models.

function modelChoice({ name, size, words }, isChosen) {
  const label = document.createElement("label");
  label.className = "model";
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "model", value: name, checked: isChosen });
  const title = Object.assign(document.createElement("b"), { textContent: name });
  const note = Object.assign(document.createElement("span"), { id: `note-${name}` });
  note.dataset.words = `${words} · ${(size / 1e6).toFixed(size < 1e7 ? 1 : 0)} MB`;
  note.textContent = note.dataset.words;
  input.onchange = () => chooseModel(name);
  label.append(input, title, note);
  return label;
}

function noteModel(name, text, share) {
  const note = find(`note-${name}`);
  note.textContent = text ? `${note.dataset.words} · ${text}` : note.dataset.words;
  const label = note.closest("label");
  label.querySelector("progress")?.remove();
  if (share === undefined) return;
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: share });
  bar.setAttribute("aria-label", `Download of ${name}`);
  label.append(bar);
}

async function loadModel(name) {
  if (cards.has(name)) return cards.get(name);
  noteModel(name, "loading");
  try {
    const card = await ask("load", { model: name }, (share) => {
      if (share < 1) noteModel(name, `${Math.round(100 * share)} %`, share);
      else noteModel(name, "starting"); // to be compiled takes longer than to be downloaded
    });
    cards.set(name, card);
    noteModel(name, "ready");
    return card;
  } catch (error) {
    noteModel(name, "");
    throw error;
  }
}

async function chooseModel(name) {
  const before = model;
  model = name;
  try {
    await loadModel(name);
  } catch (error) {
    if (model !== name) return;
    model = before;
    document.querySelector(`input[value="${before}"]`).checked = true;
    noteModel(name, error.message);
    announce(error.message);
    return;
  }
  if (model !== name) return;
  showAbout();
  announce(`${name} is ready.`);
  if (current.sound) recognize(current.ticket);
}

function showAbout() {
  const { description, licence, limits, detectsSpeech } = cards.get(model);
  const paragraph = (text) => Object.assign(document.createElement("p"), { textContent: text });
  const list = document.createElement("ul");
  list.append(...limits.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  const speech = detectsSpeech ? [] : [paragraph("This file does not check whether somebody speaks: an emotion is named for any sound.")];
  find("about-text").replaceChildren(paragraph(description), list, ...speech, paragraph(`Licence of the model: ${licence}.`));
  find("about").querySelector("summary").textContent = `About ${model}`;
}

// Sounds.

/** Read and recognize: `load` gives the bytes of a file, or decoded channels. */
async function open(name, load) {
  const ticket = (current = { ticket: current.ticket + 1, name, sound: null }).ticket;
  performance.mark("hearfelt");
  showWork(`Reading ${name} …`);
  if (main.dataset.state !== "result") setState("working");
  try {
    const sound = await read(await load());
    if (ticket !== current.ticket) return;
    current.sound = sound;
    await recognize(ticket, { isNew: true });
  } catch (error) {
    if (ticket === current.ticket) showProblem("This sound can't be used", `${name}: ${error.message}`);
  }
}

async function read(given) {
  if (!(given instanceof Uint8Array)) return ask("read", { decoded: given, longest_s: LONGEST_S });
  const sound = isWav(given) && (await ask("read", { bytes: given, longest_s: LONGEST_S }));
  return sound || ask("read", { decoded: await decodeByBrowser(given), longest_s: LONGEST_S });
}

async function recognize(ticket, { isNew = false } = {}) {
  const name = model;
  showWork(`Loading ${name} …`);
  find("result").classList.add("waiting");
  try {
    const card = await loadModel(name);
    const prediction = await ask("recognize", { model: name }, (share) => showWork("Recognizing …", share));
    if (ticket !== current.ticket || name !== model) return;
    hideWork();
    showResult(prediction, card, isNew);
  } catch (error) {
    if (ticket === current.ticket && name === model) showProblem("The model could not be used", error.message);
  } finally {
    find("result").classList.remove("waiting");
  }
}

function showResult(prediction, card, isNew) {
  const { name, sound } = current;
  const [emotion, sure] = headline(prediction, card);
  setState("result");
  if (isNew) performance.measure("hearfelt", "hearfelt"); // for benchmarks/try_page.py
  find("result").dataset.model = model;
  find("name").textContent = name;
  find("length").textContent = lengthWords(sound.duration_s);
  const { emoji, mark } = look(prediction.emotion);
  find("answer").className = prediction.unsure ? "unsure" : "";
  find("badge").hidden = prediction.hasNoSpeech;
  find("sure").hidden = !sure;
  find("badge").style.cssText = `--mark: var(${mark}); --share: ${prediction.confidence}`;
  find("emoji").replaceWith(Object.assign(document.createElement("span"), { id: "emoji", textContent: emoji })); // moves again
  find("emotion").textContent = emotion;
  find("sure").textContent = sure;
  const texts = prediction.warnings.map((one) => one.text).join("; ");
  find("warnings").hidden = !texts;
  find("warnings").textContent = texts && `${texts[0].toUpperCase()}${texts.slice(1)}.`;
  find("warnings").dataset.codes = prediction.warnings.map((one) => one.code).join(" ");
  find("bars").hidden = prediction.hasNoSpeech;
  find("bars").replaceChildren(...prediction.ranked.map(bar));
  find("often").textContent = howOften(prediction, card, sound.duration_s);
  const words = sure ? `${emotion}, ${sure}` : emotion;
  announce(`${name}: ${words}.`);
  drawWave(prediction, words);
  if (!isNew) return;
  find("name").focus({ preventScroll: true });
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (find("result").getBoundingClientRect().top < 0) find("result").scrollIntoView({ behavior: isCalm ? "instant" : "smooth" });
}

function bar([emotion, share]) {
  const { emoji, mark } = look(emotion);
  const row = document.createElement("li");
  row.style.cssText = `--mark: var(${mark}); --share: ${share.toFixed(6)}`;
  const part = (className, text, isSeen) => {
    const made = Object.assign(document.createElement("span"), { className, textContent: text });
    if (!isSeen) made.setAttribute("aria-hidden", "true");
    row.append(made);
    return made;
  };
  part("sign", emoji, false);
  part("label", emotion, true);
  part("track-of-share", "", false).append(document.createElement("b"));
  part("share", shareWords(share), true);
  return row;
}

function drawWave(prediction, text) {
  const { name, sound, ticket } = current;
  const { emoji, mark } = look(prediction.emotion);
  const segment = { start_s: 0, end_s: sound.duration_s, emotion: prediction.emotion, name: prediction.emotion, emoji, mark, unsure: prediction.unsure, text };
  const ribbon = { title: "", label: "Emotion of the whole sound", segments: [segment] };
  const data = {
    key: `${ticket}`,
    name,
    label: `Waveform of ${name}, ${sound.duration_s.toFixed(1)} seconds`,
    duration_s: sound.duration_s,
    until_s: sound.duration_s,
    low: sound.low,
    high: sound.high,
    column_s: sound.duration_s / sound.low.length,
    levels: null,
    ribbons: prediction.hasNoSpeech ? [] : [ribbon],
    words: PLAYER_WORDS,
  };
  if (!sounds.has(data.key)) {
    for (const address of sounds.values()) URL.revokeObjectURL(address);
    sounds.clear();
    sounds.set(data.key, URL.createObjectURL(sound.copy));
  }
  showPlayer({ parentElement: document, data });
}

function openFile(file) {
  if (file.size > LARGEST_MB * 1e6) {
    const size = `${Math.ceil(file.size / 1e6)} MB; this page accepts files of up to ${LARGEST_MB} MB`;
    showProblem("This sound can't be used", `${file.name}: ${size}`);
    return;
  }
  open(file.name, async () => new Uint8Array(await file.arrayBuffer()));
}

function openExample({ name, address }) {
  open(name, async () => {
    const response = await fetch(address).catch(() => null);
    if (!response?.ok) throw new Error("it could not be downloaded; check the connection and try again");
    return new Uint8Array(await response.arrayBuffer());
  });
}

// The microphone.

let microphone = null;
let recordings = 0;
let isAsking = false;

async function startRecording() {
  if (isAsking) return;
  isAsking = true;
  try {
    const stream = await askForMicrophone();
    const blocks = [];
    microphone = new Microphone(stream, ({ sound, peaks }) => receive(blocks, sound, peaks), () => stopRecording());
    microphone.blocks = blocks;
    current = { ticket: current.ticket + 1, name: "", sound: null };
    setState("recording");
    live.clear();
    showClock();
    await microphone.start();
    announce("Recording.");
  } catch (error) {
    microphone?.stop();
    microphone = null;
    showClock();
    showProblem(...(MICROPHONE_PROBLEMS[error.kind] ?? MICROPHONE_PROBLEMS.missing));
  } finally {
    isAsking = false;
  }
}

function receive(blocks, sound, peaks) {
  blocks.push(new Int16Array(sound));
  live.add(peaks);
  showClock();
  if (live.sound_s >= LONGEST_S - 1) stopRecording();
}

async function stopRecording() {
  if (!microphone) return;
  const { blocks, rate } = microphone;
  const stopped = microphone;
  microphone = null;
  await stopped.stop();
  showClock();
  recordings += 1;
  const samples = new Float32Array(blocks.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const block of blocks) {
    for (let place = 0; place < block.length; place += 1) samples[at + place] = block[place] / 32_768;
    at += block.length;
  }
  main.dataset.state = "rest";
  open(recordings > 1 ? `recording ${recordings}` : "recording", async () => ({ rate_hz: rate, channels: [samples], warnings: [] }));
}

function showClock() {
  find("record-text").textContent = microphone ? "Stop" : "Record";
  find("clock").hidden = !microphone;
  find("clock").textContent = clock(live.sound_s);
}

const live = new LiveWaveform(find("live"), null, "Segments");

// The start.

find("record").onclick = () => (microphone ? stopRecording() : startRecording());
find("file").onchange = ({ target }) => {
  if (target.files[0]) openFile(target.files[0]);
  target.value = ""; // so that the same file can be chosen again
};

let inside = 0; // elements that a dragged file is over
for (const [kind, step] of [["dragenter", 1], ["dragleave", -1]])
  addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    inside += step;
    document.body.classList.toggle("is-over", inside > 0);
  });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  document.body.classList.remove("is-over");
  if (event.dataTransfer.files[0] && !microphone) openFile(event.dataTransfer.files[0]);
});

find("examples").append(
  ...EXAMPLES.map((example) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: example.name });
    button.onclick = () => openExample(example);
    const entry = document.createElement("li");
    entry.append(button);
    return entry;
  }),
);

find("models").append(...MODELS.map((one) => modelChoice(one, one.name === model)));
for (const one of MODELS) if (await isStored(one)) noteModel(one.name, "on this device");

try {
  await loadModel(model);
  showAbout();
  main.dataset.ready = "";
} catch (error) {
  showProblem("The model could not be loaded", error.message);
}

// Last, so that the files are not downloaded twice.
if (navigator.serviceWorker) {
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    main.dataset.offline = "";
    find("offline").textContent += " The page now also works without a connection.";
  } catch {
    // it works online all the same
  }
}
