// The live page: one button, the microphone, the stream, and its results.

import { StreamConnection } from "./connection.js";
import { LiveWaveform } from "./live_waveform.js";
import { Microphone, MicrophoneError, askForMicrophone } from "./microphone.js";
import { EMOJIS } from "./problems.js";
import { Recording } from "./recording.js";
import { Theme } from "./theme.js";
import { clock, durations, element } from "./waveform.js";
import { WORDS, filled } from "./words.js";

const SILENT_AFTER_S = 1.2; // interim results come every 0.5 s during speech
const MOST = 0.5; // of the speech: less is not called most of it
const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.6-6.8a.8.8 0 0 0 0-1.4L9.2 4.5A.8.8 0 0 0 8 5.2z"/></svg>';
const id = (name) => document.getElementById(name);
const main = document.querySelector("main");
const isEmbedded = document.documentElement.hasAttribute("data-embed");

class Page {
  constructor(theme) {
    this.theme = theme;
    this.waveform = new LiveWaveform(id("waveform"), theme, WORDS.segments);
    this.initial = [id("headline").textContent, id("detail").textContent];
    id("start").addEventListener("click", () => (this.isRunning ? this.stop() : this.start()));
    id("record").addEventListener("click", () => window.parent.postMessage({ type: "hearfelt:record" }, "*"));
    id("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.isRunning && !id("start").disabled) this.start();
    });
    window.addEventListener("pagehide", () => this.release());
    window.addEventListener("message", (message) => this.obey(message));
    id("save-sound").onclick = () => this.recording.saveSound();
    id("save-segments").onclick = () => this.recording.saveSegments(theme.emotions.map((one) => one.name));
    id("save-corrections").onclick = () => this.recording.saveCorrections();
    id("replay").ontimeupdate = () => id("replay").currentTime >= this.until_s && id("replay").pause();
    id("replay").onpause = () => (this.until_s = Infinity);
    this.drawLegend();
    id("key-form").hidden = !theme.needsKey;
    id("start").disabled = false;
  }

  // ---- running

  async start() {
    this.reset();
    this.show("asking", "", WORDS.permission, WORDS.asking);
    const run = (this.run = {}); // a later start or stop makes this one old
    try {
      const stream = await askForMicrophone();
      if (this.run !== run) return stream.getTracks().forEach((track) => track.stop());
      this.microphone = new Microphone(stream, (block) => this.onBlock(block), () => this.fail("disconnected"));
      this.connection = new StreamConnection({ key: id("key").value, onEvent: (event) => this.onEvent(event) });
      await this.connection.open(this.microphone.rate, (problem, detail) => this.run === run && this.fail(problem, detail));
      if (this.run !== run) return undefined;
      this.recording = new Recording(this.microphone.rate);
      if (isEmbedded) window.parent.postMessage({ type: "hearfelt:recorded" }, "*");
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
    id("after").hidden = true;
    id("replay").pause();
    id("replay").removeAttribute("src");
    this.recording?.release();
    this.recording = null;
    this.drawLegend();
    main.removeAttribute("data-sound");
    id("segments").replaceChildren();
    id("nothing").hidden = false;
    id("record").hidden = true;
    id("time").textContent = "0:00";
    id("start").textContent = WORDS.stop;
    main.setAttribute("data-running", "");
  }

  async stop() {
    const { microphone, connection } = this;
    this.setStopped();
    id("start").disabled = true;
    this.show("stopping", "", WORDS.moment, WORDS.last);
    if (microphone) await microphone.stop(); // delivers its last block
    if (connection) await connection.end();
    id("start").disabled = false;
    id("start").focus({ preventScroll: true });
    this.waveform.showWhole();
    this.showEnd();
    this.offerRecording();
  }

  /** Do what the page around this one asks for: stop, because another view is shown; or change the theme. */
  obey({ source, data }) {
    if (source !== window.parent || !isEmbedded) return;
    if (data?.type === "hearfelt:leave") {
      id("replay").pause();
      if (this.isRunning) this.stop();
    }
    if (data?.type === "hearfelt:theme") {
      document.documentElement.dataset.theme = data.theme === "dark" ? "dark" : "light";
      this.waveform.update();
    }
  }

  /** Stop everything, and show the problem and what helps. */
  fail(kind, detail) {
    this.setStopped();
    this.release();
    this.waveform.showWhole();
    this.offerRecording();
    const [title, advice] = WORDS.problems[kind];
    this.show("problem", EMOJIS[kind], title, detail ? `${detail[0].toUpperCase()}${detail.slice(1)}.` : advice);
    id("start").textContent = WORDS.retry;
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
    id("start").textContent = WORDS.again;
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
    this.recording.add(sound);
    this.waveform.add(peaks);
    main.setAttribute("data-sound", "");
    id("time").textContent = clock(this.waveform.sound_s);
    if (this.isRunning && this.waveform.sound_s - this.interimAt_s > SILENT_AFTER_S) this.showSilence();
  }

  onEvent(event) {
    if (event.type === "now") {
      this.interimAt_s = event.end_s;
      if (event.early) {
        if (this.isRunning && main.dataset.state !== "speech") this.show("silence", "", WORDS.listening, WORDS.unclear);
        return;
      }
      this.waveform.addInterim(event);
      if (this.isRunning) this.showPrediction(event, "speech", this.theme.confidence(event));
      return;
    }
    this.last = event;
    this.waveform.addSegment(event);
    this.recording.segments.push(event);
    this.addToList(event);
  }

  // ---- what the page shows

  showPrediction(event, state, detail) {
    const name = `${this.theme.shown(event.emotion)}${event.unsure ? "?" : ""}`;
    this.show(state, this.theme.emoji(event.emotion), name, detail);
    this.showProbabilities(event.probabilities);
  }

  /** Show the last segment while nobody speaks. */
  showSilence() {
    if (this.last) {
      this.showPrediction(this.last, "earlier", `${this.theme.confidence(this.last)} · ${filled(WORDS.at, { time: between(this.last) })}`);
    } else {
      this.show("silence", "", WORDS.listening, WORDS.silence);
    }
  }

  showEnd() {
    const count = id("segments").children.length;
    if (this.waveform.sound_s === 0) {
      this.show("rest", "", ...this.initial); // stopped before any sound
      id("start").textContent = WORDS.start;
      return;
    }
    if (count === 0) {
      this.show("stopped", "", ...WORDS.nothing);
      return;
    }
    if (count === 1) this.showSilence();
    else this.showSums();
  }

  /** Show what a timeline of the session adds up to, as for a file. */
  showSums() {
    const sums = durations(this.recording.segments, (one) => (one.unsure ? this.theme.unsureWord : one.emotion));
    const speech_s = sums.reduce((sum, { long_s }) => sum + long_s, 0);
    const named = ({ segment }) => (segment.unsure ? this.theme.unsureWord : this.theme.shown(segment.emotion));
    const share = sums[0].long_s / speech_s;
    const values = { emotion: named(sums[0]), share: Math.round(100 * share), time: clock(speech_s) };
    const [headline, detail] = share > MOST ? WORDS.mostly : WORDS.mixed;
    this.show("stopped", "", filled(headline, values), filled(detail, values).replace(" %", "\u00a0%"));
    id("legend-title").textContent = WORDS.times;
    id("legend").replaceChildren(
      ...sums.map((one) => {
        const { segment, long_s } = one;
        const time = `${Math.round((100 * long_s) / speech_s)}\u00a0% · ${clock(long_s)}`;
        const words = segment.unsure ? span("what", named(one)) : this.named(segment.emotion);
        return this.legendEntry(segment.unsure ? "--muted" : this.theme.mark(segment.emotion), long_s / speech_s, words, span("time", time));
      }),
    );
  }

  /** Offer to replay and to save what was recorded. */
  offerRecording() {
    if (!this.recording?.sound_s) return;
    id("replay").src = this.recording.address;
    id("after").hidden = false;
    id("save-segments").hidden = this.recording.segments.length === 0;
    id("save-corrections").hidden = true;
  }

  replay({ start_s, end_s }) {
    const audio = id("replay");
    audio.pause();
    audio.currentTime = start_s;
    audio.play();
    this.until_s = end_s;
  }

  correct(segment, emotion) {
    segment.correction = emotion;
    id("save-corrections").hidden = this.recording.corrected.length === 0;
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
    const time = between(segment);
    const play = element("button", { type: "button", className: "play", innerHTML: PLAY, ariaLabel: filled(WORDS.play, { name: time }), onclick: () => this.replay(segment) });
    const options = this.theme.emotions.map(({ name, shown }) => element("option", { value: name, textContent: shown }));
    const say = element("select", { ariaLabel: filled(WORDS.isAt, { time }), onchange: () => this.correct(segment, say.value) }, element("option", { value: "", textContent: "…" }), ...options);
    const after = element("span", { className: "after" }, play, element("label", {}, `${WORDS.is} `, say));
    const row = element("li", {}, span("time", time), this.named(segment.emotion), span("how", this.theme.confidence(segment)), after);
    row.style.setProperty("--mark", `var(${this.theme.mark(segment.emotion)})`);
    id("segments").append(row);
    id("nothing").hidden = true;
  }

  drawLegend() {
    const entries = this.theme.emotions.map(({ name, mark }) => {
      const entry = this.legendEntry(mark, 1, this.named(name));
      entry.dataset.emotion = name;
      return entry;
    });
    id("legend-title").textContent = WORDS.emotions;
    id("legend").replaceChildren(...entries);
  }

  legendEntry(mark, share, ...words) {
    const entry = element("li", {}, ...words, element("span", { className: "share" }, element("span")));
    entry.style.setProperty("--mark", `var(${mark})`);
    entry.style.setProperty("--share", String(share));
    return entry;
  }

  showProbabilities(probabilities) {
    for (const entry of id("legend").children) {
      entry.style.setProperty("--share", String(probabilities[entry.dataset.emotion] ?? 0));
    }
  }

  /** An emotion's emoji and name; only the name is read aloud. */
  named(emotion) {
    const sign = element("span", { className: "sign", textContent: this.theme.emoji(emotion), ariaHidden: "true" });
    return element("span", { className: "what" }, sign, ` ${this.theme.shown(emotion)}`);
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
    [id("headline").textContent, id("detail").textContent] = WORDS.problems.unreachable;
    id("start").textContent = WORDS.retry;
    id("start").disabled = false;
    id("start").addEventListener("click", () => location.reload());
  },
);
