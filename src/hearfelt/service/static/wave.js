// The sound as bars, the emotions as a ribbon under it. Everything is drawn from what the service said.

const PEAK_S = 0.05;
const STEP = 4; // pixels from bar to bar
const RIBBON = 24;
const EMOJI = '"Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji", sans-serif';
const FOOT = 62; // ribbon and times

export class Wave {
  constructor(canvas, looks) {
    this.canvas = canvas;
    this.looks = looks;
    this.isCalm = matchMedia("(prefers-reduced-motion: reduce)");
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    this.peaks = [];
    this.segments = [];
    this.nows = [];
    this.isWhole = false; // whether all of it is shown, or the last seconds
    this.draw();
  }

  add(peaks) {
    this.peaks.push(...peaks);
    this.draw();
  }

  addNow(now) {
    const from = Math.max(now.start_s, now.end_s - 0.5);
    this.nows.push({ ...now, start_s: from });
  }

  addSegment(segment) {
    this.segments.push(segment);
    this.nows = this.nows.filter((now) => now.end_s > segment.end_s + 0.25);
    this.draw();
  }

  showWhole() {
    this.isWhole = true;
    this.draw();
  }

  get heard_s() {
    return this.peaks.length * PEAK_S;
  }

  /** Which seconds are shown. Without motion a full page is turned, instead of everything moving. */
  span(bars) {
    const page_s = bars * PEAK_S;
    if (this.isWhole) return [0, Math.max(page_s, this.heard_s)];
    if (!this.isCalm.matches) return [this.heard_s - page_s, this.heard_s];
    const page = Math.floor(Math.max(0, this.peaks.length - 1) / bars);
    return [page * page_s, (page + 1) * page_s];
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (width === 0) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const colours = { bar: style.getPropertyValue("--bar"), line: style.getPropertyValue("--grid"), text: style.color };
    const bars = Math.floor(width / STEP);
    const [from, to] = this.span(bars);
    const across = (time) => ((time - from) / (to - from)) * width;
    this.drawBars(pen, { bars, from, to, middle: (height - FOOT) / 2 }, colours);
    this.drawRibbon(pen, across, { top: height - FOOT + 8, width }, colours);
    this.drawTimes(pen, across, { from, to, width, bottom: height - 4 }, colours);
  }

  drawBars(pen, { bars, from, to, middle }, colours) {
    const share = (to - from) / bars / PEAK_S; // peaks in a bar
    const first = from / PEAK_S;
    for (let bar = 0; bar < bars; bar += 1) {
      const begin = Math.round(first + bar * share);
      const end = Math.max(begin + 1, Math.round(first + (bar + 1) * share));
      const inside = this.peaks.slice(Math.max(0, begin), Math.max(0, end));
      const half = inside.length === 0 ? 0 : Math.max(1.5, loudness(Math.max(...inside)) * (middle - 4));
      pen.fillStyle = inside.length === 0 ? colours.line : colours.bar;
      const tall = half || 1;
      pen.beginPath();
      pen.roundRect(bar * STEP + 1, middle - tall, STEP - 1.5, 2 * tall, 1.25);
      pen.fill();
    }
  }

  drawRibbon(pen, across, { top, width }, colours) {
    pen.fillStyle = colours.line;
    pen.beginPath();
    pen.roundRect(0, top + RIBBON / 2 - 1, width, 2, 1);
    pen.fill();
    for (const now of this.nows) this.drawStretch(pen, across, now, { top, width, isFinal: false });
    for (const segment of this.segments) this.drawStretch(pen, across, segment, { top, width, isFinal: true });
  }

  drawStretch(pen, across, stretch, { top, width, isFinal }) {
    const left = Math.max(0, across(stretch.start_s));
    const right = Math.min(width, across(stretch.end_s));
    if (right <= left) return;
    const thick = stretch.unsure ? RIBBON / 2 : RIBBON; // unsure is thin
    pen.globalAlpha = isFinal ? 1 : 0.5;
    pen.fillStyle = this.looks.colour(stretch.emotion, this.canvas);
    pen.beginPath();
    pen.roundRect(left + 0.5, top + (RIBBON - thick) / 2, Math.max(2, right - left - 1), thick, isFinal ? 4 : 0);
    pen.fill();
    pen.globalAlpha = 1;
    if (isFinal && right - left > 22) {
      pen.font = `15px ${EMOJI}`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(this.looks.emoji(stretch.emotion), (left + right) / 2, top + RIBBON / 2 + 1);
    }
  }

  drawTimes(pen, across, { from, to, width, bottom }, colours) {
    const apart = [5, 10, 30, 60, 300, 600].find((step) => (step / (to - from)) * width > 56) || 1800;
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = colours.text;
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    for (let time = Math.max(0, Math.ceil(from / apart) * apart); time <= Math.min(to, this.heard_s); time += apart) {
      const place = across(time);
      if (place > 14 && place < width - 14) pen.fillText(clock(time), place, bottom);
    }
  }
}

/** How tall a peak is drawn, 0 to 1: from -60 dB of full scale up. */
function loudness(peak) {
  return Math.max(0, 1 + (20 * Math.log10(Math.max(peak, 1e-6))) / 60) ** 1.6;
}

/** Seconds as people write them: 1:05. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
