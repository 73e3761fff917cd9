// The live page: one button, the microphone, the stream, and its results.

import { StreamConnection } from "./connection.js";
import { LiveWaveform } from "./live_waveform.js";
import { Microphone, MicrophoneError, askForMicrophone } from "./microphone.js";
import { PROBLEMS } from "./problems.js";
import { Theme } from "./theme.js";
import { clock, element } from "./waveform.js";

const SILENT_AFTER_S = 1.2; // interim results come every 0.5 s during speech
const id = (name) => document.getElementById(name);
const main = document.querySelector("main");
const isEmbedded = document.documentElement.hasAttribute("data-embed");

class Page {
  constructor(theme) {
    this.theme = theme;
    this.waveform = new LiveWaveform(id("waveform"), theme);
    this.initial = [id("headline").textContent, id("detail").textContent];
    id("start").addEventListener("click", () => (this.isRunning ? this.stop() : this.start()));
    id("record").addEventListener("click", () => window.parent.postMessage({ type: "hearfelt:record" }, "*"));
    id("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.isRunning && !id("start").disabled) this.start();
    });
    window.addEventListener("pagehide", () => this.release());
    this.drawLegend();
    id("key-form").hidden = !theme.needsKey;
    id("start").disabled = false;
  }

  // ---- running

  async start() {
    this.reset();
    this.show("asking", "", "Microphone permission", "Your browser asks for the microphone. Please allow it.");
    const run = (this.run = {}); // a later start or stop makes this one old
    try {
      const stream = await askForMicrophone();
      if (this.run !== run) return stream.getTracks().forEach((track) => track.stop());
      this.microphone = new Microphone(stream, (block) => this.onBlock(block), () => this.fail("disconnected"));
      this.connection = new StreamConnection({ key: id("key").value, onEvent: (event) => this.onEvent(event) });
      await this.connection.open(this.microphone.rate, (problem, detail) => this.run === run && this.fail(problem, detail));
      if (this.run !== run) return undefined;
      await this.microphone.start();
      if (this.run === run) this.showSilence();
    } catch (error) {
      if (this.run === run) this.fail(error instanceof MicrophoneError ? error.kind : "unsupported");
    }
    return undefined;
  }

  reset() {
    this.isRunning = true;
    this.microphone = this.connection = this.last = null;
    this.interimAt_s = -Infinity;
    this.waveform.clear();
    main.removeAttribute("data-sound");
    id("segments").replaceChildren();
    id("nothing").hidden = false;
    id("record").hidden = true;
    id("time").textContent = "0:00";
    id("start").textContent = "Stop";
    main.setAttribute("data-running", "");
  }

  async stop() {
    const { microphone, connection } = this;
    this.setStopped();
    id("start").disabled = true;
    this.show("stopping", "", "One moment", "The last words are being processed.");
    if (microphone) await microphone.stop(); // delivers its last block
    if (connection) await connection.end();
    id("start").disabled = false;
    id("start").focus({ preventScroll: true });
    this.waveform.showWhole();
    this.showEnd();
  }

  /** Stop everything, and show the problem and what helps. */
  fail(kind, detail) {
    this.setStopped();
    this.release();
    this.waveform.showWhole();
    const problem = PROBLEMS[kind];
    this.show("problem", problem.emoji, problem.title, detail ? `${detail[0].toUpperCase()}${detail.slice(1)}.` : problem.advice);
    id("start").textContent = "Try again";
    id("record").hidden = !isEmbedded;
    if (kind === "key") {
      id("key-form").hidden = false;
      id("key").focus();
    }
  }

  setStopped() {
    this.isRunning = false;
    this.run = null;
    main.removeAttribute("data-running");
    id("start").textContent = "Start again";
  }

  release() {
    this.microphone?.stop();
    this.connection?.close();
    this.microphone = this.connection = null;
  }

  // ---- sound and events

  onBlock({ sound, peaks }) {
    if (!this.connection) return; // the last block after a failure
    this.connection.send(sound);
    this.waveform.add(peaks);
    main.setAttribute("data-sound", "");
    id("time").textContent = clock(this.waveform.sound_s);
    if (this.isRunning && this.waveform.sound_s - this.interimAt_s > SILENT_AFTER_S) this.showSilence();
  }

  onEvent(event) {
    if (event.type === "now") {
      this.interimAt_s = event.end_s;
      if (event.early) {
        if (this.isRunning && main.dataset.state !== "speech") this.show("silence", "", "Listening", "Somebody speaks.");
        return;
      }
      this.waveform.addInterim(event);
      if (this.isRunning) this.showPrediction(event, "speech", this.theme.confidence(event));
      return;
    }
    this.last = event;
    this.waveform.addSegment(event);
    this.addToList(event);
  }

  // ---- what the page shows

  showPrediction(event, state, detail) {
    const name = event.unsure ? `${event.emotion}?` : event.emotion;
    this.show(state, this.theme.emoji(event.emotion), name, detail);
    this.showProbabilities(event.probabilities);
  }

  /** Show the last segment while nobody speaks. */
  showSilence() {
    if (this.last) {
      this.showPrediction(this.last, "earlier", `${this.theme.confidence(this.last)} · at ${between(this.last)}`);
    } else {
      this.show("silence", "", "Listening", "No speech yet.");
    }
  }

  showEnd() {
    const count = id("segments").children.length;
    if (this.waveform.sound_s === 0) {
      this.show("rest", "", ...this.initial); // stopped before any sound
      id("start").textContent = "Start listening";
      return;
    }
    if (count === 0) {
      this.show("stopped", "", "No speech was found", "Is this the right microphone? Move closer, or speak a little louder.");
      return;
    }
    this.showProbabilities(this.last.probabilities);
    if (count === 1) this.showSilence();
    else this.show("stopped", "", `${count} segments`, `In ${clock(this.waveform.sound_s)} of sound. They are listed below.`);
  }

  show(state, emoji, headline, detail) {
    if (id("headline").textContent !== headline || main.dataset.state !== state) {
      id("announced").textContent = `${headline}. ${detail}`; // read aloud when it changes, not every half second
    }
    main.dataset.state = state;
    id("emoji").textContent = emoji;
    id("headline").textContent = headline;
    id("detail").textContent = detail;
  }

  addToList(segment) {
    const row = element("li", {}, span("time", between(segment)), this.named(segment.emotion), span("how", this.theme.confidence(segment)));
    row.style.setProperty("--mark", `var(${this.theme.mark(segment.emotion)})`);
    id("segments").append(row);
    id("nothing").hidden = true;
  }

  drawLegend() {
    for (const { name, mark } of this.theme.emotions) {
      const share = element("span", { className: "share" }, element("span"));
      const entry = element("li", {}, this.named(name), share);
      entry.style.setProperty("--mark", `var(${mark})`);
      entry.dataset.emotion = name;
      id("legend").append(entry);
    }
  }

  showProbabilities(probabilities) {
    for (const entry of id("legend").children) {
      entry.style.setProperty("--share", String(probabilities[entry.dataset.emotion] ?? 0));
    }
  }

  /** An emotion's emoji and name; only the name is read aloud. */
  named(emotion) {
    const sign = element("span", { className: "sign", textContent: this.theme.emoji(emotion), ariaHidden: "true" });
    return element("span", { className: "what" }, sign, ` ${emotion}`);
  }
}

/** Send the height of this page to the page around it, so that the frame needs no scroll bar. */
function sendHeight() {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  window.parent.postMessage({ type: "hearfelt:height", height }, "*");
}

if (isEmbedded) new ResizeObserver(sendHeight).observe(document.body);

function between({ start_s, end_s }) {
  const [from, to] = [clock(Math.round(start_s)), clock(Math.round(end_s))];
  return from === to ? from : `${from}–${to}`;
}

function span(className, textContent) {
  return element("span", { className, textContent });
}

Theme.fetch().then(
  (theme) => new Page(theme),
  () => {
    main.dataset.state = "problem";
    id("headline").textContent = PROBLEMS.unreachable.title;
    id("detail").textContent = PROBLEMS.unreachable.advice;
    id("start").textContent = "Try again";
    id("start").disabled = false;
    id("start").addEventListener("click", () => location.reload());
  },
);
