// The waveform of a live stream: the last seconds while it runs, all of it at the end.

import { Waveform } from "./waveform.js";

const PEAK_S = 0.05;
const NOW_S = 0.5; // of an interim result, the last

export class LiveWaveform extends Waveform {
  constructor(root, theme, label = "") {
    super(root);
    this.theme = theme;
    this.label = label; // of the ribbon
    this.isCalm = matchMedia("(prefers-reduced-motion: reduce)");
    this.clear();
  }

  clear() {
    this.peaks = [];
    this.segments = [];
    this.interim = [];
    this.isWhole = false;
    this.update();
  }

  add(peaks) {
    this.peaks.push(...peaks);
    this.update();
  }

  addInterim(result) {
    const start_s = Math.max(result.start_s, result.end_s - NOW_S);
    this.interim.push({ ...this.segment(result), start_s, isInterim: true });
  }

  addSegment(result) {
    this.segments.push(this.segment(result));
    this.interim = this.interim.filter((one) => one.end_s > result.end_s + NOW_S / 2);
    this.update();
  }

  showWhole() {
    this.isWhole = true;
    this.update();
  }

  get sound_s() {
    return this.peaks.length * PEAK_S;
  }

  segment({ start_s, end_s, emotion, unsure }) {
    const name = this.theme.shown(emotion);
    return { start_s, end_s, emotion, name, unsure, emoji: this.theme.emoji(emotion), mark: this.theme.mark(emotion), text: name };
  }

  draw() {
    if (this.peaks) this.update();
  }

  update() {
    const [from_s, to_s] = this.span();
    const segments = [...this.interim, ...this.segments];
    super.draw({ from_s, to_s, until_s: this.sound_s, level: (...times) => this.level(...times), ribbons: [{ label: this.label, segments }] });
  }

  /** Which seconds are shown. With reduced motion a full page is replaced, instead of scrolling. */
  span() {
    const page_s = this.bars * PEAK_S;
    if (this.isWhole) return [0, Math.max(page_s, this.sound_s)];
    if (!this.isCalm.matches) return [this.sound_s - page_s, this.sound_s];
    const page = Math.floor(Math.max(0, this.peaks.length - 1) / this.bars);
    return [page * page_s, (page + 1) * page_s];
  }

  level(from_s, to_s) {
    const first = Math.round(from_s / PEAK_S);
    const inside = this.peaks.slice(Math.max(0, first), Math.max(0, first + 1, Math.round(to_s / PEAK_S)));
    if (inside.length === 0) return null;
    const peak_db = 20 * Math.log10(Math.max(...inside, 1e-6));
    const share = Math.max(0, 1 + peak_db / 60) ** 1.6; // from -60 dB of full scale up
    return [share, share];
  }
}
