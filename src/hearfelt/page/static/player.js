// The player: a waveform with its ribbons and its spectrogram, and a cursor over all of them. Follows waveform.js in one
// module.

const MARKUP = `
<div class="lanes">
  <canvas class="shape" role="img"></canvas>
  <div class="ribbons"></div>
  <canvas class="levels" role="img" aria-label="Spectrogram: low frequencies below, high frequencies above"></canvas>
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

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

class Player extends Waveform {
  constructor(root) {
    root.innerHTML = MARKUP;
    super(root);
    const find = (name) => root.querySelector(name);
    [this.lanes, this.levels, this.cursor, this.sums] = [".lanes", ".levels", ".cursor", ".sums"].map(find);
    [this.button, this.place, this.clock, this.audio] = [".play", ".place", ".clock", "audio"].map(find);
    this.button.onclick = () => (this.audio.paused ? this.audio.play() : this.audio.pause());
    this.place.oninput = () => this.seek(Number(this.place.value));
    this.place.onkeydown = (event) => this.press(event);
    this.lanes.onpointerdown = (event) => this.point(event);
    this.lanes.onpointermove = (event) => event.buttons === 1 && this.point(event);
    window.addEventListener("hearfelt-sound", (this.arrive = () => this.takeSound()));
    for (const name of ["play", "pause", "ended", "timeupdate", "seeked"]) this.audio.addEventListener(name, () => this.show());
  }

  load(data) {
    if (data.key !== this.data?.key) {
      this.audio.pause();
      this.audio.removeAttribute("src");
    }
    this.data = data;
    this.grey = data.levels ? bytes(data.levels.values) : null;
    this.takeSound();
    this.place.max = data.duration_s;
    this.shape.setAttribute("aria-label", data.label);
    this.levels.hidden = !data.levels;
    this.draw({ from_s: 0, to_s: data.duration_s, until_s: data.duration_s, level: this.level(data), ribbons: data.ribbons });
    this.show();
  }

  /** Play the sound as soon as it is there: it comes by itself. */
  takeSound() {
    const address = window.hearfeltSounds?.get(this.data.key);
    if (address && this.audio.src !== address) this.audio.src = address;
    this.button.disabled = this.place.disabled = !address;
  }

  /** How far the wave goes between two times, as a share of its highest peak. */
  level({ low, high, column_s, until_s }) {
    const peak = Math.max(1e-4, ...low.map(Math.abs), ...high);
    return (from_s, to_s) => {
      if (from_s >= until_s) return null;
      const first = Math.min(low.length - 1, Math.floor(from_s / column_s + 1e-6));
      const end = Math.max(first + 1, Math.floor(to_s / column_s + 1e-6));
      return [Math.max(...high.slice(first, end)) / peak, -Math.min(...low.slice(first, end)) / peak];
    };
  }

  draw(view) {
    super.draw(view);
    if (!this.data || !this.root.clientWidth) return;
    if (this.grey) this.drawLevels();
    this.drawSums();
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

  /** Show where the sound is, and whether it plays. */
  show() {
    cancelAnimationFrame(this.frame);
    const { duration_s: whole_s, name } = this.data;
    const now_s = Math.min(this.audio.currentTime, whole_s);
    const isPlaying = !this.audio.paused && !this.audio.ended;
    this.cursor.style.left = `${(100 * now_s) / whole_s}%`;
    this.place.value = now_s;
    this.place.style.setProperty("--done", `${(100 * now_s) / whole_s}%`);
    const segments = this.showSegments(now_s).map((text) => `; ${text}`).join("");
    this.place.setAttribute("aria-valuetext", `${Number(now_s.toFixed(2))} of ${Number(whole_s.toFixed(1))} seconds${segments}`);
    this.clock.textContent = `${clock(now_s, { tenths: true })} / ${clock(whole_s, { tenths: true })}`;
    if (this.button.dataset.playing !== String(isPlaying)) {
      this.button.dataset.playing = isPlaying;
      this.button.innerHTML = isPlaying ? PAUSE : PLAY;
    }
    this.button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${name}`);
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
      list.setAttribute("aria-label", `Time of each emotion${title ? `, ${title}` : ""}`);
      for (const { segment, long_s } of durations(segments, (one) => (one.unsure ? "" : one.emotion))) {
        const text = `${segment.unsure ? "unsure" : segment.emotion} ${clock(long_s)}`;
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
      const text = before + (segment ? segment.text : "no speech here");
      if (line.textContent !== text) line.textContent = text;
      return text;
    });
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
    pen.drawImage(small, 0, 0, width, height);
  }

  disconnect() {
    super.disconnect();
    cancelAnimationFrame(this.frame);
    window.removeEventListener("hearfelt-sound", this.arrive);
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.root.replaceChildren();
  }
}

const players = new WeakMap();

export default function show({ data, parentElement }) {
  const root = parentElement.querySelector(".wave");
  if (!players.has(root)) players.set(root, new Player(root));
  players.get(root).load(data);
  return () => {
    players.get(root)?.disconnect();
    players.delete(root);
  };
}
