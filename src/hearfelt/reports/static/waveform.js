// A waveform, ribbons of emotions below it, and a time axis; shared by the player and the live page.

const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const TICK_PX = 80; // a time axis has room for one label in so many pixels
const BAR_PX = 3;
const GAP_PX = 2;
const NAME_PX = 70; // a narrower segment shows its emoji alone
const EMOJI_PX = 22;
const DENSE_PX = EMOJI_PX; // where segments are narrower than that on average, most of them would have no name
const BIN_PX = 4; // then each piece of the ribbon shows the emotion that takes most of its time

/** Format seconds as 1:05, or with `tenths` as 1:05.2, rounded to the nearest. */
export function clock(seconds, { tenths = false } = {}) {
  const digits = tenths ? 1 : 0;
  const all = Number(seconds.toFixed(digits));
  const minutes = Math.floor(all / 60);
  return `${minutes}:${(all - 60 * minutes).toFixed(digits).padStart(tenths ? 4 : 2, "0")}`;
}

/** Create an element with properties, and append children. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Give a canvas as many pixels as the screen has; returns its context and its size in CSS pixels. */
export function fitted(canvas) {
  const scale = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return [pen, width, height];
}

/** Add up the time of each kind of segment between two times: the longest first, each with its first segment. */
export function durations(segments, kind, from_s = 0, to_s = Infinity) {
  const sums = new Map();
  for (const segment of segments) {
    const shared_s = Math.min(segment.end_s, to_s) - Math.max(segment.start_s, from_s);
    if (shared_s <= 0) continue;
    const key = kind(segment);
    if (!sums.has(key)) sums.set(key, { segment, long_s: 0 });
    sums.get(key).long_s += shared_s;
  }
  return [...sums.values()].sort((one, other) => other.long_s - one.long_s);
}

/** Return how far the wave of an outline goes between two times, as a share of its highest peak. */
export function levelOf({ low, high, column_s, until_s }) {
  const peak = Math.max(1e-4, ...low.map(Math.abs), ...high);
  return (from_s, to_s) => {
    if (from_s >= until_s) return null;
    const first = Math.min(low.length - 1, Math.floor(from_s / column_s + 1e-6));
    const end = Math.max(first + 1, Math.floor(to_s / column_s + 1e-6));
    return [Math.max(...high.slice(first, end)) / peak, -Math.min(...low.slice(first, end)) / peak];
  };
}

/** Return a segment of the kind that takes most of the time between two times; undefined without speech. */
function longestIn(segments, from_s, to_s) {
  return durations(segments, (one) => `${one.emotion} ${one.unsure}`, from_s, to_s)[0]?.segment;
}

/** Divide a time into equal bins, each with the segment that takes most of it, and join equal neighbours. */
function binned(segments, { from_s, to_s }, count) {
  const found = [];
  for (let place = 0; place < count; place += 1) {
    const start_s = from_s + (place * (to_s - from_s)) / count;
    const end_s = from_s + ((place + 1) * (to_s - from_s)) / count;
    const most = longestIn(segments, start_s, end_s);
    const last = found.at(-1);
    if (!most) continue;
    if (last && last.end_s === start_s && last.mark === most.mark && last.unsure === most.unsure) last.end_s = end_s;
    else found.push({ ...most, start_s, end_s });
  }
  return found;
}

export class Waveform {
  /** `root` has a canvas `.shape`, and elements `.ribbons` and `.ticks`. */
  constructor(root) {
    this.root = root;
    [this.shape, this.ribbons, this.ticks] = [".shape", ".ribbons", ".ticks"].map((name) => root.querySelector(name));
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(root);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", (this.redraw = () => this.draw()));
  }

  /**
   * Draw a view, or the last one again.
   *
   * `from_s`, `to_s`: the time axis; `until_s`: where the sound ends. `level(from_s, to_s)` gives how far the wave goes
   * up and down there, 0 to 1, or null. `ribbons`: `{title, label, segments}` each; segments have `start_s`, `end_s`,
   * `emotion`, `name` (as shown, if it differs), `emoji`, `mark` (a CSS variable), `unsure`, `isInterim` and `text`.
   */
  draw(view = this.view) {
    this.view = view;
    if (!view || !this.root.clientWidth) return;
    this.style = getComputedStyle(this.root);
    this.drawShape(view);
    this.drawRibbons(view);
    this.drawTicks(view);
  }

  /** How many bars there is room for. */
  get bars() {
    return Math.max(1, Math.floor((this.shape.clientWidth + GAP_PX) / (BAR_PX + GAP_PX)));
  }

  colour(variable) {
    return this.style.getPropertyValue(variable).trim();
  }

  drawShape({ from_s, to_s, level, ribbons }) {
    const [pen, width, height] = fitted(this.shape);
    const segments = visible(ribbons[0]?.segments ?? [], from_s, to_s);
    const { bars } = this;
    const bar_s = (to_s - from_s) / bars;
    for (let place = 0; place < bars; place += 1) {
      const [start_s, end_s] = [from_s + place * bar_s, from_s + (place + 1) * bar_s];
      const heights = level(start_s, end_s);
      const segment = heights && longestIn(segments, start_s, end_s);
      const [up, down] = (heights ?? [0, 0]).map((share) => Math.max(heights ? 1.5 : 1, share * (height / 2 - 2)));
      pen.fillStyle = this.colour(segment ? segment.mark : heights ? "--third" : "--grid");
      pen.globalAlpha = !heights || (segment && !segment.unsure) ? 1 : 0.5;
      pen.beginPath();
      pen.roundRect((place * width) / bars, height / 2 - up, BAR_PX, up + down, BAR_PX / 2);
      pen.fill();
    }
  }

  drawRibbons({ from_s, to_s, ribbons }) {
    const width = this.root.clientWidth;
    const share = (seconds) => `${(100 * seconds) / (to_s - from_s)}%`;
    const drawn = ribbons.map(({ title, label, segments }) => {
      const shown = visible(segments, from_s, to_s);
      const isDense = shown.length * DENSE_PX > width;
      const track = element("div", { className: isDense ? "track dense" : "track", role: "presentation" });
      for (const one of isDense ? binned(shown, { from_s, to_s }, Math.ceil(width / BIN_PX)) : shown) {
        const [start_s, end_s] = [Math.max(one.start_s, from_s), Math.min(one.end_s, to_s)];
        const kind = `${one.unsure ? " unsure" : ""}${one.isInterim ? " interim" : ""}`;
        const part = element("div", { className: `segment${kind}` }, element("i", { ariaHidden: "true" }));
        part.segment = one;
        part.style.cssText = `left:${share(start_s - from_s)};width:${share(end_s - start_s)};--mark:var(${one.mark})`;
        if (!isDense) name(part, one, ((end_s - start_s) / (to_s - from_s)) * width);
        track.append(part);
      }
      const heading = title ? [element("p", { textContent: title, ariaHidden: "true" })] : [];
      const ribbon = element("div", { className: "ribbon", role: isDense ? "img" : "list" }, ...heading, track);
      ribbon.setAttribute("aria-label", label);
      return ribbon;
    });
    this.ribbons.replaceChildren(...drawn);
  }

  /** Whether a ribbon's segments are too narrow to be named. */
  isDense({ segments }) {
    return segments.length * DENSE_PX > this.root.clientWidth;
  }

  drawTicks({ from_s, to_s, until_s }) {
    const most = Math.max(2, Math.floor(this.root.clientWidth / TICK_PX));
    const step_s = STEPS_S.find((one) => (to_s - from_s) / one <= most) ?? STEPS_S.at(-1);
    const ticks = [];
    for (let at_s = Math.max(0, Math.ceil(from_s / step_s) * step_s); at_s <= until_s; at_s += step_s) {
      if (at_s > 0 && at_s > to_s - step_s / 3) break; // its label would end outside
      const text = step_s < 1 ? `${at_s.toFixed(1)} s` : to_s < 60 ? `${at_s} s` : clock(at_s);
      const tick = element("span", { textContent: text });
      tick.style.left = `${(100 * (at_s - from_s)) / (to_s - from_s)}%`;
      ticks.push(tick);
    }
    this.ticks.replaceChildren(...ticks);
  }

  /** Stop to observe the page. */
  disconnect() {
    this.watcher.disconnect();
    this.dark.removeEventListener("change", this.redraw);
  }
}

function visible(segments, from_s, to_s) {
  return segments.filter((one) => one.start_s < to_s && one.end_s > from_s);
}

/** Write an emotion below its part of a ribbon, as far as there is room. */
function name(part, segment, width) {
  part.role = "listitem";
  part.setAttribute("aria-label", segment.text);
  part.title = segment.text;
  const label = element("span", { ariaHidden: "true" });
  if (width > EMOJI_PX) label.append(element("em", { textContent: segment.emoji }));
  if (width > NAME_PX) label.append(` ${segment.name ?? segment.emotion}${segment.unsure ? "?" : ""}`);
  part.append(label);
}
