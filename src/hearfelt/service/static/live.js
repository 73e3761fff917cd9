// The live page: one button, the microphone, the service's socket, and what is said of it.

import { Conversation } from "./conversation.js";
import { Looks } from "./looks.js";
import { Microphone, MicrophoneError, askForMicrophone } from "./microphone.js";
import { PROBLEMS } from "./problems.js";
import { Wave, clock } from "./wave.js";

const SILENT_AFTER_S = 1.2; // the present is told every 0.5 s while somebody speaks
const id = (name) => document.getElementById(name);
const main = document.querySelector("main");
const isEmbedded = document.documentElement.hasAttribute("data-embed");

class Page {
  constructor(looks) {
    this.looks = looks;
    this.wave = new Wave(id("wave"), looks);
    this.rest = [id("said").textContent, id("sure").textContent];
    id("start").addEventListener("click", () => (this.isRunning ? this.stop() : this.start()));
    id("record").addEventListener("click", () => window.parent.postMessage({ type: "hearfelt:record" }, "*"));
    id("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.isRunning && !id("start").disabled) this.start();
    });
    window.addEventListener("pagehide", () => this.letGo());
    this.drawLegend();
    id("key-form").hidden = !looks.needsKey;
    id("start").disabled = false;
  }

  // ---- what is going on

  async start() {
    this.begin();
    this.say("asking", "", "May this page hear you?", "Your browser asks for the microphone. Please allow it.");
    const run = (this.run = {}); // a later start or stop makes this one old
    try {
      const stream = await askForMicrophone();
      if (this.run !== run) return stream.getTracks().forEach((track) => track.stop());
      this.microphone = new Microphone(stream, (block) => this.hear(block), () => this.fail("gone"));
      this.conversation = new Conversation({ key: id("key").value, onEvent: (event) => this.show(event) });
      await this.conversation.open(this.microphone.rate, (problem, detail) => this.run === run && this.fail(problem, detail));
      if (this.run !== run) return undefined;
      await this.microphone.start();
      if (this.run === run) this.quiet();
    } catch (error) {
      if (this.run === run) this.fail(error instanceof MicrophoneError ? error.kind : error.problem || "broken", error.detail);
    }
    return undefined;
  }

  begin() {
    this.isRunning = true;
    this.microphone = this.conversation = this.last = null;
    this.nowAt_s = -Infinity;
    this.wave.clear();
    main.removeAttribute("data-sound");
    id("segments").replaceChildren();
    id("nothing").hidden = false;
    id("record").hidden = true;
    id("time").textContent = "0:00";
    id("start").textContent = "Stop";
    main.setAttribute("data-running", "");
  }

  async stop() {
    const { microphone, conversation } = this;
    this.ended();
    id("start").disabled = true;
    this.say("stopping", "", "One moment", "The last words are still being heard.");
    if (microphone) await microphone.stop(); // gives its last block on the way
    if (conversation) await conversation.end();
    id("start").disabled = false;
    id("start").focus({ preventScroll: true });
    this.wave.showWhole();
    this.showEnd();
  }

  /** End everything at once, and say why and what to do. */
  fail(kind, detail) {
    this.ended();
    this.letGo();
    this.wave.showWhole();
    const problem = PROBLEMS[kind];
    this.say("problem", problem.emoji, problem.title, detail ? `${detail[0].toUpperCase()}${detail.slice(1)}.` : problem.advice);
    id("start").textContent = "Try again";
    id("record").hidden = !isEmbedded;
    if (kind === "key") {
      id("key-form").hidden = false;
      id("key").focus();
    }
  }

  ended() {
    this.isRunning = false;
    this.run = null;
    main.removeAttribute("data-running");
    id("start").textContent = "Start again";
  }

  letGo() {
    this.microphone?.stop();
    this.conversation?.leave();
    this.microphone = this.conversation = null;
  }

  // ---- what is heard

  hear({ sound, peaks }) {
    if (!this.conversation) return; // the last block of what has failed
    this.conversation.send(sound);
    this.wave.add(peaks);
    main.setAttribute("data-sound", "");
    id("time").textContent = clock(this.wave.heard_s);
    if (this.isRunning && this.wave.heard_s - this.nowAt_s > SILENT_AFTER_S) this.quiet();
  }

  show(event) {
    if (event.type === "now") {
      this.nowAt_s = event.end_s;
      this.wave.addNow(event);
      if (this.isRunning) this.answer(event, "heard", this.looks.sure(event));
      return;
    }
    this.last = event;
    this.wave.addSegment(event);
    this.list(event);
  }

  answer(event, state, how) {
    const name = event.unsure ? `${event.emotion}?` : event.emotion;
    this.say(state, this.looks.emoji(event.emotion), name, how);
    this.drawShares(event.probabilities);
  }

  /** Nobody speaks just now. */
  quiet() {
    if (this.last) {
      this.answer(this.last, "past", `${this.looks.sure(this.last)} · heard at ${between(this.last)}`);
    } else {
      this.say("quiet", "", "Listening", "Nobody is speaking yet.");
    }
  }

  showEnd() {
    const many = id("segments").children.length;
    if (this.wave.heard_s === 0) {
      this.say("rest", "", ...this.rest); // stopped before it began
      id("start").textContent = "Start listening";
      return;
    }
    if (many === 0) {
      this.say("stopped", "", "No speech was heard", "Is this the right microphone? Come closer, or speak a little louder.");
      return;
    }
    this.drawShares(this.last.probabilities);
    if (many === 1) this.quiet();
    else this.say("stopped", "", `${many} segments`, `In ${clock(this.wave.heard_s)} of listening. They are listed below.`);
  }

  // ---- what stands on the page

  say(state, emoji, said, sure) {
    if (id("said").textContent !== said || main.dataset.state !== state) {
      id("announced").textContent = `${said}. ${sure}`; // read aloud when it changes, not every half second
    }
    main.dataset.state = state;
    id("emoji").textContent = emoji;
    id("said").textContent = said;
    id("sure").textContent = sure;
  }

  list(segment) {
    const row = document.createElement("li");
    row.style.setProperty("--mark", this.looks.colour(segment.emotion, document.body));
    const time = between(segment);
    const what = labelled("what", this.looks.emoji(segment.emotion), segment.emotion);
    row.append(spanned("time", time), what, spanned("how", this.looks.sure(segment)));
    id("segments").append(row);
    id("nothing").hidden = true;
  }

  drawLegend() {
    for (const emotion of this.looks.emotions) {
      const entry = document.createElement("li");
      entry.style.setProperty("--mark", this.looks.colour(emotion.name, document.body));
      entry.dataset.emotion = emotion.name;
      const share = document.createElement("span");
      share.className = "share";
      share.append(document.createElement("span"));
      entry.append(labelled("what", emotion.emoji, emotion.name), share);
      id("legend").append(entry);
    }
  }

  drawShares(probabilities) {
    for (const entry of id("legend").children) {
      entry.style.setProperty("--share", String(probabilities[entry.dataset.emotion] ?? 0));
    }
  }
}

/** Tell the page around how high this one is, so that the frame needs no scrolling of its own. */
function tellHeight() {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  window.parent.postMessage({ type: "hearfelt:height", height }, "*");
}

if (isEmbedded) new ResizeObserver(tellHeight).observe(document.body);

function between({ start_s, end_s }) {
  const [from, to] = [clock(Math.round(start_s)), clock(Math.round(end_s))];
  return from === to ? from : `${from}–${to}`;
}

function spanned(name, text) {
  const part = document.createElement("span");
  part.className = name;
  part.textContent = text;
  return part;
}

/** An emotion's sign and name; only the name is read aloud. */
function labelled(name, emoji, text) {
  const sign = spanned("sign", emoji);
  sign.setAttribute("aria-hidden", "true");
  const part = spanned(name, "");
  part.append(sign, ` ${text}`);
  return part;
}

Looks.fetched().then(
  (looks) => new Page(looks),
  () => {
    main.dataset.state = "problem";
    id("said").textContent = PROBLEMS.unreachable.title;
    id("sure").textContent = PROBLEMS.unreachable.advice;
    id("start").textContent = "Try again";
    id("start").disabled = false;
    id("start").addEventListener("click", () => location.reload());
  },
);
