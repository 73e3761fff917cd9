// The player: a waveform with its ribbons, what the prediction depends on, and its spectrogram; a cursor over all of
// them, and a stretch that can be selected, zoomed, played again and again, recognized, and corrected. Follows
// waveform.js in one module.

const markup = (words) => `
<div class="lanes">
  <canvas class="shape" role="img"></canvas>
  <div class="ribbons"></div>
  <canvas class="why" role="img" hidden></canvas>
  <canvas class="levels" role="img" aria-label="${words.spectrogram}"></canvas>
  <div class="ticks" aria-hidden="true"></div>
  <div class="stretch" aria-hidden="true" hidden></div>
  <div class="cursor" aria-hidden="true"></div>
</div>
<div class="sums"></div>
<div class="bar">
  <button class="play" type="button"></button>
  <input class="place" type="range" min="0" step="0.01" value="0" aria-label="${words.position}">
  <span class="clock"></span>
</div>
<div class="tools">
  <label>${words.speed} <select class="speed">${[0.5, 0.75, 1, 1.25, 1.5, 2].map((one) => `<option value="${one}"${one === 1 ? " selected" : ""}>${one} ×</option>`).join("")}</select></label>
  <button class="select" type="button">${words.select}</button>
  <span class="of-stretch" role="group" aria-label="${words.stretch}" hidden>
    <label>${words.from} <input class="start" type="number" min="0" step="0.1" aria-label="${words.start}"> s</label>
    <label>${words.to} <input class="end" type="number" min="0" step="0.1" aria-label="${words.end}"> s</label>
    <button class="loop" type="button" aria-pressed="false">${words.loop}</button>
    <button class="zoom" type="button" aria-pressed="false">${words.zoom}</button>
    <button class="recognize" type="button">${words.recognize}</button>
    <label class="say-label">${words.is} <select class="say" aria-label="${words.say}"></select></label>
    <button class="clear" type="button">${words.clear}</button>
  </span>
</div>
<audio preload="auto"></audio>`;

const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.6-6.8a.8.8 0 0 0 0-1.4L9.2 4.5A.8.8 0 0 0 8 5.2z"/></svg>';
const PAUSE = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 5h3.5v14H7zM13.5 5H17v14h-3.5z"/></svg>';
const DRAG_PX = 6; // a pointer that moves less clicks
const SHORTEST_S = 0.1; // that is recognized
const SELECTED_S = 2; // a new stretch, around the cursor
const MARGIN = 0.1; // of a stretch, on either side when it is zoomed

const left = new Map(); // by sound: where its player was when the page made a new one
let plays = 0; // of the visit, those that were begun

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const rounded = (seconds) => Math.round(seconds * 100) / 100;

class Player extends Waveform {
  constructor(root, words) {
    root.innerHTML = markup(words);
    super(root);
    this.words = words;
    const find = (name) => root.querySelector(`.${name}`);
    for (const name of ["lanes", "levels", "why", "cursor", "sums", "place", "clock", "speed", "select", "start", "end", "loop", "zoom", "recognize", "say", "clear"])
      this[name] = find(name);
    [this.button, this.audio, this.mark, this.ofStretch] = [find("play"), root.querySelector("audio"), find("stretch"), find("of-stretch")];
    this.button.onclick = () => this.toggle();
    this.place.oninput = () => this.seek(Number(this.place.value));
    this.place.onkeydown = (event) => this.press(event);
    this.lanes.onpointerdown = (event) => this.point(event);
    this.lanes.onpointermove = (event) => this.drag(event);
    this.lanes.onpointerup = (event) => this.release(event);
    this.lanes.onpointercancel = () => (this.pointed = null);
    this.speed.onchange = () => (this.audio.playbackRate = Number(this.speed.value));
    this.select.onclick = () => this.selectAround();
    for (const input of [this.start, this.end]) input.onchange = () => this.selectStretch(Number(this.start.value), Number(this.end.value));
    this.loop.onclick = () => this.turn(this.loop);
    this.zoom.onclick = () => this.turn(this.zoom) && this.look();
    this.recognize.onclick = () => this.send?.("stretch", this.stretch);
    this.say.onchange = () => this.correct();
    this.clear.onclick = () => this.selectStretch();
    root.onkeydown = (event) => this.pressAnywhere(event);
    window.addEventListener("hearfelt-sound", (this.arrive = () => this.takeSound()));
    for (const name of ["play", "pause", "ended", "timeupdate", "seeked"]) this.audio.addEventListener(name, () => this.show());
  }

  load(data, send) {
    const isOther = data.key !== this.data?.key;
    if (isOther) this.leave();
    this.data = data;
    this.send = send;
    this.grey = data.levels ? bytes(data.levels.values) : null;
    if (isOther) {
      this.say.replaceChildren(element("option", { value: "", textContent: "…" }), ...(data.labels ?? []).map(({ value, name }) => element("option", { value, textContent: name })));
      this.goOn(left.get(data.key));
    }
    this.recognize.hidden = this.say.parentElement.hidden = !send;
    this.takeSound();
    this.place.max = data.duration_s;
    this.shape.setAttribute("aria-label", data.label);
    this.levels.hidden = !data.levels;
    this.why.hidden = !data.why && !data.awaits_why;
    this.why.ariaHidden = data.why ? null : "true";
    if (data.why) this.why.setAttribute("aria-label", data.why.label);
    this.look();
    if (data.plays > plays) this.audio.play().catch(() => {}); // a browser may refuse that
    plays = data.plays ?? plays;
  }

  /** Stop, and keep for a later player of this sound where it was. */
  leave() {
    if (this.data) {
      const [now_s, speed, isLooped, isZoomed] = [this.audio.currentTime, this.speed.value, this.loop.ariaPressed, this.zoom.ariaPressed];
      left.set(this.data.key, { now_s, speed, stretch: this.stretch, isLooped, isZoomed });
    }
    this.audio.pause();
    this.audio.removeAttribute("src");
  }

  /** Begin a sound where an earlier player of it was left. */
  goOn({ now_s = 0, speed = "1", stretch, isLooped = "false", isZoomed = "false" } = {}) {
    this.left_s = now_s;
    this.speed.value = speed;
    this.selectStretch(stretch?.start_s, stretch?.end_s);
    [this.loop.ariaPressed, this.zoom.ariaPressed] = [isLooped, isZoomed];
  }

  /** Draw the whole sound, or the stretch if it is zoomed. */
  look() {
    const { duration_s: whole_s, until_s } = this.data;
    let [from_s, to_s] = [0, whole_s];
    if (this.stretch && this.zoom.ariaPressed === "true") {
      const margin_s = MARGIN * (this.stretch.end_s - this.stretch.start_s);
      [from_s, to_s] = [Math.max(0, this.stretch.start_s - margin_s), Math.min(whole_s, this.stretch.end_s + margin_s)];
    }
    this.draw({ from_s, to_s, until_s: Math.min(to_s, until_s), level: levelOf(this.data), ribbons: this.data.ribbons });
    this.show();
  }

  /** Play the sound as soon as it is there: it comes by itself. */
  takeSound() {
    const address = window.hearfeltSounds?.get(this.data.key);
    if (address && this.audio.src !== address) {
      const [now_s, isPlaying] = this.audio.hasAttribute("src") ? [this.audio.currentTime, !this.audio.paused] : [this.left_s, false];
      this.audio.src = address;
      this.audio.currentTime = now_s;
      this.audio.playbackRate = Number(this.speed.value);
      if (isPlaying) this.audio.play().catch(() => {});
    }
    this.button.disabled = this.place.disabled = !address;
  }

  draw(view) {
    super.draw(view);
    if (!this.data || !this.root.clientWidth) return;
    if (this.grey) this.drawLevels();
    if (this.data.why) this.drawWhy();
    else if (!this.why.hidden) fitted(this.why); // nothing yet
    this.drawSums();
    this.drawStretch();
  }

  // ---- the pointer: a click goes to a time, dragging selects a stretch

  timeAt(event) {
    const box = this.lanes.getBoundingClientRect();
    const { from_s, to_s } = this.view;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return from_s + (to_s - from_s) * share;
  }

  point(event) {
    if (event.button !== 0) return;
    this.pointed = { x: event.clientX, at_s: this.timeAt(event), target: event.target };
    this.lanes.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.pointed || (!this.pointed.isDrag && Math.abs(event.clientX - this.pointed.x) < DRAG_PX)) return;
    this.pointed.isDrag = true;
    const at_s = this.timeAt(event);
    this.selectStretch(Math.min(at_s, this.pointed.at_s), Math.max(at_s, this.pointed.at_s));
  }

  release() {
    const { pointed } = this;
    this.pointed = null;
    if (!pointed) return;
    if (pointed.isDrag) {
      if (this.stretch) this.seek(this.stretch.start_s);
    } else if (pointed.target === this.why && this.data.why) this.playPart(pointed.at_s);
    else {
      const segment = pointed.target.closest?.(".segment")?.segment;
      if (segment) this.selectStretch(segment.start_s, segment.end_s);
      this.seek(pointed.at_s);
    }
  }

  /** Select and play the part that was taken away at a time. */
  playPart(at_s) {
    const { times_s, window_s } = this.data.why;
    const middle_s = times_s.reduce((best, one) => (Math.abs(one - at_s) < Math.abs(best - at_s) ? one : best));
    this.selectStretch(middle_s - window_s / 2, middle_s + window_s / 2);
    this.seek(this.stretch.start_s);
    this.audio.play();
  }

  // ---- the stretch

  selectAround() {
    const from_s = Math.min(this.audio.currentTime, this.data.duration_s - SHORTEST_S);
    this.selectStretch(from_s, from_s + SELECTED_S);
    this.start.focus();
  }

  /** Select a stretch, or none. */
  selectStretch(start_s, end_s) {
    const whole_s = this.data.duration_s;
    const isAny = Number.isFinite(start_s) && Number.isFinite(end_s);
    if (isAny) {
      const from_s = Math.min(Math.max(0, start_s), Math.max(0, whole_s - SHORTEST_S));
      this.stretch = { start_s: rounded(from_s), end_s: rounded(Math.min(Math.max(end_s, from_s + SHORTEST_S), whole_s)) };
      [this.start.value, this.end.value] = [this.stretch.start_s, this.stretch.end_s];
      [this.start.max, this.end.max] = [whole_s, whole_s];
    } else {
      this.stretch = null;
      this.loop.ariaPressed = this.zoom.ariaPressed = "false";
    }
    const hadFocus = this.ofStretch.contains(this.root.getRootNode().activeElement);
    this.ofStretch.hidden = !isAny;
    this.select.hidden = isAny;
    if (!isAny && hadFocus) this.select.focus();
    if (this.view && !this.pointed) this.look();
    else this.drawStretch();
  }

  drawStretch() {
    this.mark.hidden = !this.stretch || !this.view;
    if (this.mark.hidden) return;
    const { from_s, to_s } = this.view;
    const share = (seconds) => (100 * (Math.min(Math.max(seconds, from_s), to_s) - from_s)) / (to_s - from_s);
    const [left, right] = [share(this.stretch.start_s), share(this.stretch.end_s)];
    this.mark.style.left = `${left}%`;
    this.mark.style.width = `${right - left}%`;
  }

  correct() {
    const emotion = this.say.value;
    this.say.value = "";
    if (emotion && this.stretch) this.send("correction", { ...this.stretch, emotion });
  }

  /** Turn a button on or off. */
  turn(button) {
    button.ariaPressed = String(button.ariaPressed !== "true");
    return true;
  }

  // ---- keys and playing

  press(event) {
    const whole_s = this.data.duration_s;
    const step_s = (whole_s <= 10 ? 0.1 : whole_s <= 60 ? 1 : 5) / (event.shiftKey ? 10 : 1);
    const page_s = whole_s / 10;
    const moves = { ArrowRight: step_s, ArrowUp: step_s, PageUp: page_s, ArrowLeft: -step_s, ArrowDown: -step_s, PageDown: -page_s };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.seek(this.audio.currentTime + moves[event.key]);
  }

  pressAnywhere(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const now_s = this.audio.currentTime;
    const keys = {
      " ": () => this.toggle(),
      "[": () => this.selectStretch(now_s, Math.max(this.stretch?.end_s ?? now_s + SELECTED_S, now_s + SHORTEST_S)),
      "]": () => this.selectStretch(Math.min(this.stretch?.start_s ?? now_s - SELECTED_S, now_s - SHORTEST_S), now_s),
      Escape: () => this.selectStretch(),
    };
    const isOther = event.target.matches("select, input[type=number]") || (event.key === " " && event.target.matches("button"));
    if (!(event.key in keys) || isOther) return;
    event.preventDefault();
    keys[event.key]();
  }

  toggle() {
    if (!this.audio.paused) {
      this.audio.pause();
      return;
    }
    const now_s = this.audio.currentTime;
    if (this.stretch && (now_s < this.stretch.start_s || now_s >= this.stretch.end_s - 0.02)) this.seek(this.stretch.start_s);
    this.audio.play();
  }

  seek(seconds) {
    this.audio.currentTime = Math.min(Math.max(0, seconds), this.data.duration_s);
    this.show();
  }

  /** At the end of the stretch, begin it again or pause. */
  keepWithin() {
    if (!this.stretch || this.audio.paused) return;
    const { start_s, end_s } = this.stretch;
    const now_s = this.audio.currentTime;
    const wasWithin = this.before_s >= start_s && this.before_s < end_s;
    this.before_s = now_s;
    if (!wasWithin || now_s < end_s) return;
    this.before_s = start_s;
    if (this.loop.ariaPressed === "true") this.audio.currentTime = start_s;
    else this.audio.pause();
  }

  /** Show where the sound is, and whether it plays. */
  show() {
    cancelAnimationFrame(this.frame);
    if (!this.view) return;
    this.keepWithin();
    const { duration_s: whole_s, name } = this.data;
    const { from_s, to_s } = this.view;
    const now_s = Math.min(this.audio.currentTime, whole_s);
    const isPlaying = !this.audio.paused && !this.audio.ended;
    this.cursor.style.left = `${(100 * (now_s - from_s)) / (to_s - from_s)}%`;
    this.cursor.hidden = now_s < from_s || now_s > to_s;
    this.place.value = now_s;
    this.place.style.setProperty("--done", `${(100 * now_s) / whole_s}%`);
    const segments = this.showSegments(now_s).map((text) => `; ${text}`).join("");
    this.place.setAttribute("aria-valuetext", filled(this.words.at, { now: Number(now_s.toFixed(2)), whole: Number(whole_s.toFixed(1)) }) + segments);
    this.clock.textContent = `${clock(now_s, { tenths: true })} / ${clock(whole_s, { tenths: true })}`;
    if (this.button.dataset.playing !== String(isPlaying)) {
      this.button.dataset.playing = isPlaying;
      this.button.innerHTML = isPlaying ? PAUSE : PLAY;
    }
    this.button.setAttribute("aria-label", filled(isPlaying ? this.words.pause : this.words.play, { name }));
    if (isPlaying) this.frame = requestAnimationFrame(() => this.show());
  }

  /** Below a ribbon that is too dense to be named, write the segment at the cursor and the time of each emotion. */
  drawSums() {
    this.lines = [];
    this.sums.replaceChildren();
    for (const { title, segments } of this.data.ribbons.filter((one) => this.isDense(one))) {
      const line = this.sums.appendChild(element("p", { ariaHidden: "true" }));
      this.lines.push({ line, before: title ? `${title}: ` : "", segments });
      const list = this.sums.appendChild(element("ul"));
      list.setAttribute("aria-label", `${this.words.times}${title ? `, ${title}` : ""}`);
      for (const { segment, long_s } of durations(segments, (one) => (one.unsure ? "" : one.emotion))) {
        const text = `${segment.unsure ? this.words.unsure : segment.name} ${clock(long_s)}`;
        const entry = element("li", { className: segment.unsure ? "unsure" : "" }, element("i", { ariaHidden: "true" }), text);
        entry.style.setProperty("--mark", `var(${segment.unsure ? "--muted" : segment.mark})`);
        list.append(entry);
      }
    }
    this.showSegments(Math.min(this.audio.currentTime, this.data.duration_s));
  }

  showSegments(now_s) {
    return (this.lines ?? []).map(({ line, before, segments }) => {
      const segment = segments.find((one) => one.start_s <= now_s && now_s < one.end_s);
      const text = before + (segment ? segment.text : this.words.nothing);
      const unbroken = text.replaceAll(" %", "\u00a0%");
      if (line.textContent !== unbroken) line.textContent = unbroken;
      return text;
    });
  }

  /** Draw what the prediction depends on: above the middle for the emotion, below against it. */
  drawWhy() {
    const [pen, width, height] = fitted(this.why);
    const { times_s, effects, largest } = this.data.why;
    const { from_s, to_s } = this.view;
    const x = (seconds) => (width * (seconds - from_s)) / (to_s - from_s);
    for (const [sign, colour] of [[1, "--accent"], [-1, "--second"]]) {
      pen.fillStyle = this.colour(colour);
      pen.beginPath();
      pen.moveTo(x(times_s[0]), height / 2);
      effects.forEach((effect, place) => pen.lineTo(x(times_s[place]), (height / 2) * (1 - (sign * Math.max(0, sign * effect)) / largest)));
      pen.lineTo(x(times_s.at(-1)), height / 2);
      pen.fill();
    }
    pen.fillStyle = this.colour("--muted");
    pen.fillRect(0, height / 2 - 0.5, width, 1);
  }

  drawLevels() {
    const [pen, width, height] = fitted(this.levels);
    const { bands, frames } = this.data.levels;
    const ink = this.colour("--ink");
    const [red, green, blue] = [1, 3, 5].map((place) => parseInt(ink.slice(place, place + 2), 16));
    const image = new ImageData(frames, bands);
    for (let band = 0; band < bands; band += 1)
      for (let frame = 0; frame < frames; frame += 1) {
        const strength = (this.grey[(bands - 1 - band) * frames + frame] / 255) ** 1.8;
        image.data.set([red, green, blue, 235 * strength], 4 * (band * frames + frame));
      }
    const small = new OffscreenCanvas(frames, bands);
    small.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingQuality = "high";
    const frame = (seconds) => (frames * seconds) / this.data.duration_s;
    const { from_s, to_s } = this.view;
    pen.drawImage(small, frame(from_s), 0, frame(to_s - from_s), bands, 0, 0, width, height);
  }

  disconnect() {
    super.disconnect();
    cancelAnimationFrame(this.frame);
    window.removeEventListener("hearfelt-sound", this.arrive);
    this.leave();
    this.root.replaceChildren();
  }
}

const players = new WeakMap();

export default function show({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".wave");
  if (players.get(root)?.words.language !== data.words.language) {
    players.get(root)?.disconnect();
    players.set(root, new Player(root, data.words));
  }
  players.get(root).load(data, setTriggerValue);
  return () => {
    players.get(root)?.disconnect();
    players.delete(root);
  };
}
