// The player: a wave with its ribbons of emotions and its spectrogram, and a cursor that goes over all of them.

const MARKUP = `
<div class="lanes">
  <canvas class="shape" role="img"></canvas>
  <div class="ribbons"></div>
  <canvas class="levels" role="img" aria-label="Spectrogram: low tones below, high tones above"></canvas>
  <div class="ticks" aria-hidden="true"></div>
  <div class="cursor" aria-hidden="true"></div>
</div>
<div class="sums"></div>
<div class="bar">
  <button class="play" type="button"></button>
  <input class="place" type="range" min="0" step="0.01" value="0" aria-label="Position in seconds">
  <span class="clock"></span>
</div>
<audio preload="auto"></audio>`;

const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.6-6.8a.8.8 0 0 0 0-1.4L9.2 4.5A.8.8 0 0 0 8 5.2z"/></svg>';
const PAUSE = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 5h3.5v14H7zM13.5 5H17v14h-3.5z"/></svg>';
const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
const BAR_PX = 3;
const GAP_PX = 2;
const WORD_PX = 70; // a narrower stretch shows its emoji alone
const SIGN_PX = 22;
const DENSE_PX = SIGN_PX; // where stretches are narrower than that on average, most of them would have no name
const BIN_PX = 4; // then each piece of the ribbon shows what is heard longest in it

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const clock = (seconds, whole) => {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds - 60 * minutes;
  return whole ? `${minutes}:${String(Math.floor(rest)).padStart(2, "0")}` : `${minutes}:${rest.toFixed(1).padStart(4, "0")}`;
};

class Player {
  constructor(root) {
    this.root = root;
    root.innerHTML = MARKUP;
    const find = (name) => root.querySelector(name);
    [this.lanes, this.shape, this.ribbons, this.levels, this.ticks, this.cursor, this.sums] = [
      ".lanes", ".shape", ".ribbons", ".levels", ".ticks", ".cursor", ".sums",
    ].map(find);
    [this.button, this.place, this.clock, this.audio] = [".play", ".place", ".clock", "audio"].map(find);
    this.button.onclick = () => (this.audio.paused ? this.audio.play() : this.audio.pause());
    this.place.oninput = () => this.seek(Number(this.place.value));
    this.place.onkeydown = (event) => this.press(event);
    this.lanes.onpointerdown = (event) => this.point(event);
    this.lanes.onpointermove = (event) => event.buttons === 1 && this.point(event);
    for (const name of ["play", "pause", "ended", "timeupdate", "seeked"]) this.audio.addEventListener(name, () => this.show());
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(root);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", (this.redraw = () => this.draw()));
  }

  take(data) {
    if (data.key !== this.data?.key) {
      this.leaveSound();
      this.address = URL.createObjectURL(new Blob([bytes(data.copy)], { type: data.kind }));
      this.audio.src = this.address;
      this.grey = data.levels ? bytes(data.levels.values) : null;
    }
    this.data = data;
    this.place.max = data.duration_s;
    this.shape.setAttribute("aria-label", data.said);
    this.levels.hidden = !data.levels;
    this.draw();
    this.show();
  }

  point(event) {
    const box = this.lanes.getBoundingClientRect();
    this.seek((this.data.duration_s * (event.clientX - box.left)) / box.width);
  }

  press(event) {
    const whole_s = this.data.duration_s;
    const step_s = (whole_s <= 10 ? 0.1 : whole_s <= 60 ? 1 : 5) / (event.shiftKey ? 10 : 1);
    const page_s = whole_s / 10;
    const moves = { ArrowRight: step_s, ArrowUp: step_s, PageUp: page_s, ArrowLeft: -step_s, ArrowDown: -step_s, PageDown: -page_s };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.seek(this.audio.currentTime + moves[event.key]);
  }

  seek(seconds) {
    this.audio.currentTime = Math.min(Math.max(0, seconds), this.data.duration_s);
    this.show();
  }

  show() {
    cancelAnimationFrame(this.frame);
    const { duration_s: whole_s, name } = this.data;
    const now_s = Math.min(this.audio.currentTime, whole_s);
    const isPlaying = !this.audio.paused && !this.audio.ended;
    this.cursor.style.left = `${(100 * now_s) / whole_s}%`;
    this.place.value = now_s;
    this.place.style.setProperty("--done", `${(100 * now_s) / whole_s}%`);
    const heard = this.showHeard(now_s).map((said) => `; ${said}`).join("");
    this.place.setAttribute("aria-valuetext", `${Number(now_s.toFixed(2))} of ${Number(whole_s.toFixed(1))} seconds${heard}`);
    this.clock.textContent = `${clock(now_s)} / ${clock(whole_s)}`;
    if (this.button.dataset.playing !== String(isPlaying)) {
      this.button.dataset.playing = isPlaying;
      this.button.innerHTML = isPlaying ? PAUSE : PLAY;
    }
    this.button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${name}`);
    if (isPlaying) this.frame = requestAnimationFrame(() => this.show());
  }

  draw() {
    if (!this.data || !this.root.clientWidth) return;
    this.style = getComputedStyle(this.root);
    this.drawShape();
    this.drawRibbons();
    if (this.grey) this.drawLevels();
    this.drawTicks();
  }

  colour(name) {
    return this.style.getPropertyValue(`--${name}`).trim();
  }

  drawShape() {
    const [pen, width, height] = fitted(this.shape);
    const { low, high, duration_s: whole_s } = this.data;
    const segments = this.data.ribbons[0]?.segments ?? [];
    const peak = Math.max(1e-4, ...low.map(Math.abs), ...high);
    const count = Math.max(1, Math.floor((width + GAP_PX) / (BAR_PX + GAP_PX)));
    const step = width / count;
    for (let place = 0; place < count; place += 1) {
      const first = Math.floor((place * low.length) / count);
      const end = Math.max(first + 1, Math.floor(((place + 1) * low.length) / count));
      const up = (Math.max(...high.slice(first, end)) / peak) * (height / 2 - 2);
      const down = (-Math.min(...low.slice(first, end)) / peak) * (height / 2 - 2);
      const segment = longestIn(segments, (place / count) * whole_s, ((place + 1) / count) * whole_s);
      pen.fillStyle = this.colour(segment ? segment.mark : "third");
      pen.globalAlpha = segment ? (segment.unsure ? 0.5 : 1) : 0.5;
      pen.beginPath();
      const top = height / 2 - Math.max(1.5, up);
      pen.roundRect(place * step, top, BAR_PX, height / 2 + Math.max(1.5, down) - top, BAR_PX / 2);
      pen.fill();
    }
  }

  drawRibbons() {
    const whole_s = this.data.duration_s;
    this.lines = [];
    this.sums.replaceChildren();
    this.ribbons.replaceChildren(
      ...this.data.ribbons.map(({ title, segments }) => {
        const isDense = segments.length * DENSE_PX > this.root.clientWidth;
        const ribbon = document.createElement("div");
        ribbon.className = "ribbon";
        ribbon.setAttribute("role", isDense ? "img" : "list");
        ribbon.setAttribute("aria-label", title ? `What ${title} hears when` : "What is heard when");
        if (title) ribbon.append(Object.assign(document.createElement("p"), { textContent: title, ariaHidden: "true" }));
        const track = ribbon.appendChild(Object.assign(document.createElement("div"), { className: "track" }));
        track.setAttribute("role", "presentation");
        track.classList.toggle("dense", isDense);
        if (isDense) this.sumUp(title, segments);
        for (const one of isDense ? binned(segments, whole_s, Math.ceil(this.root.clientWidth / BIN_PX)) : segments) {
          const part = track.appendChild(document.createElement("div"));
          const width = ((one.end_s - one.start_s) / whole_s) * this.root.clientWidth;
          part.className = one.unsure ? "segment unsure" : "segment";
          part.style.cssText = `left:${(100 * one.start_s) / whole_s}%;width:${(100 * (one.end_s - one.start_s)) / whole_s}%;--mark:var(--${one.mark})`;
          part.append(Object.assign(document.createElement("i"), { ariaHidden: "true" }));
          if (isDense) continue;
          part.setAttribute("role", "listitem");
          part.setAttribute("aria-label", one.said);
          part.title = one.said;
          const label = part.appendChild(Object.assign(document.createElement("span"), { ariaHidden: "true" }));
          if (width > SIGN_PX) label.append(Object.assign(document.createElement("em"), { textContent: one.emoji }));
          if (width > WORD_PX) label.append(` ${one.emotion}${one.unsure ? "?" : ""}`);
        }
        return ribbon;
      }),
    );
    this.showHeard(Math.min(this.audio.currentTime, whole_s));
  }

  /** Say below a ribbon whose stretches are too narrow what is heard where the cursor is, and how long each emotion is. */
  sumUp(title, segments) {
    const before = title ? `${title}: ` : "";
    const line = this.sums.appendChild(Object.assign(document.createElement("p"), { ariaHidden: "true" }));
    this.lines.push({ line, before, segments });
    const list = this.sums.appendChild(document.createElement("ul"));
    list.setAttribute("aria-label", `How long ${title || "it"} hears each emotion`);
    for (const { segment, long_s } of summed(segments, (one) => (one.unsure ? "" : one.emotion))) {
      const entry = list.appendChild(document.createElement("li"));
      entry.className = segment.unsure ? "unsure" : "";
      entry.style.setProperty("--mark", segment.unsure ? "var(--muted)" : `var(--${segment.mark})`);
      entry.append(Object.assign(document.createElement("i"), { ariaHidden: "true" }));
      entry.append(`${segment.unsure ? "unsure" : segment.emotion} ${clock(long_s, true)}`);
    }
  }

  showHeard(now_s) {
    return (this.lines ?? []).map(({ line, before, segments }) => {
      const segment = segments.find((one) => one.start_s <= now_s && now_s < one.end_s);
      const said = before + (segment ? segment.said : "nobody speaks here");
      if (line.textContent !== said) line.textContent = said;
      return said;
    });
  }

  drawLevels() {
    const [pen, width, height] = fitted(this.levels);
    const { bands, frames } = this.data.levels;
    const ink = this.colour("ink");
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
    pen.drawImage(small, 0, 0, width, height);
  }

  drawTicks() {
    const whole_s = this.data.duration_s;
    const most = Math.max(2, Math.floor(this.root.clientWidth / 80));
    const step = STEPS_S.find((one) => whole_s / one <= most) ?? 3600;
    this.ticks.replaceChildren();
    for (let at = 0; at <= whole_s - step / 3 || at === 0; at += step) {
      const tick = this.ticks.appendChild(document.createElement("span"));
      tick.textContent = step < 1 ? `${at.toFixed(1)} s` : whole_s < 60 ? `${at} s` : clock(at, true);
      tick.style.left = `${(100 * at) / whole_s}%`;
    }
  }

  leaveSound() {
    this.audio.pause();
    if (this.address) URL.revokeObjectURL(this.address);
  }

  leave() {
    cancelAnimationFrame(this.frame);
    this.watcher.disconnect();
    this.dark.removeEventListener("change", this.redraw);
    this.leaveSound();
    this.root.replaceChildren();
  }
}

/** Add up how long segments of each kind are between two times: the longest first, each with its first segment. */
function summed(segments, kind, from_s = 0, to_s = Infinity) {
  const sums = new Map();
  for (const segment of segments) {
    const shared_s = Math.min(segment.end_s, to_s) - Math.max(segment.start_s, from_s);
    if (shared_s <= 0) continue;
    const sum = sums.get(kind(segment)) ?? sums.set(kind(segment), { segment, long_s: 0 }).get(kind(segment));
    sum.long_s += shared_s;
  }
  return [...sums.values()].sort((one, other) => other.long_s - one.long_s);
}

/** Give a segment of the kind that is heard longest between two times; nothing where nobody speaks. */
function longestIn(segments, from_s, to_s) {
  return summed(segments, (one) => `${one.emotion} ${one.unsure}`, from_s, to_s)[0]?.segment;
}

/** Divide a sound into equal stretches, each with what is heard longest in it, and join those that are alike. */
function binned(segments, whole_s, count) {
  const found = [];
  for (let place = 0; place < count; place += 1) {
    const [start_s, end_s] = [(place * whole_s) / count, ((place + 1) * whole_s) / count];
    const most = longestIn(segments, start_s, end_s);
    const last = found.at(-1);
    if (!most) continue;
    if (last && last.end_s === start_s && last.mark === most.mark && last.unsure === most.unsure) last.end_s = end_s;
    else found.push({ ...most, start_s, end_s });
  }
  return found;
}

/** Give a canvas as many points as the screen has, and its pen and size in CSS pixels. */
function fitted(canvas) {
  const scale = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return [pen, width, height];
}

const players = new WeakMap();

export default function show({ data, parentElement }) {
  const root = parentElement.querySelector(".wave");
  if (!players.has(root)) players.set(root, new Player(root));
  players.get(root).take(data);
  return () => {
    players.get(root)?.leave();
    players.delete(root);
  };
}
