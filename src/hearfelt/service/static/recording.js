// What the page keeps of a session, in memory only: its sound and its segments. Both can be saved, and corrections of
// segments as a table that `hearfelt teach` takes.

const MOST_S = 1800; // of sound; what comes later is not kept
const NAME = "live";

export class Recording {
  constructor(rate) {
    this.rate = rate;
    this.blocks = [];
    this.samples = 0;
    this.segments = [];
  }

  /** Keep a block of 16-bit samples. */
  add(block) {
    if (this.samples >= MOST_S * this.rate) return;
    this.blocks.push(block);
    this.samples += block.byteLength / 2;
  }

  get sound_s() {
    return this.samples / this.rate;
  }

  /** The address of the sound as a WAV file; made once. */
  get address() {
    this.made ??= URL.createObjectURL(new Blob([header(this.samples, this.rate), ...this.blocks], { type: "audio/wav" }));
    return this.made;
  }

  saveSound() {
    save(this.address, `${NAME}.wav`);
  }

  saveSegments(labels) {
    const rows = this.segments.map((one) => [
      ...[`${NAME}.wav`, one.start_s, one.end_s, one.emotion, one.confidence.toFixed(4)],
      ...labels.map((label) => (one.probabilities[label] ?? 0).toFixed(4)),
      one.unsure ? "True" : "False",
    ]);
    saveTable([["source", "start_s", "end_s", "emotion", "confidence", ...labels, "unsure"], ...rows], `${NAME}-segments.csv`);
  }

  get corrected() {
    return this.segments.filter((one) => one.correction);
  }

  saveCorrections() {
    const rows = this.corrected.map((one) => [`${NAME}.wav`, one.start_s.toFixed(2), one.end_s.toFixed(2), one.correction]);
    saveTable([["path", "start_s", "end_s", "emotion"], ...rows], `${NAME}-corrections.csv`);
  }

  /** Forget the sound. */
  release() {
    if (this.made) URL.revokeObjectURL(this.made);
    this.blocks = [];
  }
}

/** The first 44 bytes of a WAV file with one channel of 16-bit samples. */
function header(samples, rate) {
  const view = new DataView(new ArrayBuffer(44));
  const write = (at, text) => [...text].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // whole numbers
  view.setUint16(22, 1, true); // channel
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, "data");
  view.setUint32(40, 2 * samples, true);
  return view.buffer;
}

function saveTable(rows, name) {
  const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const text = rows.map((row) => `${row.map((cell) => quoted(String(cell))).join(",")}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  save(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function save(href, download) {
  Object.assign(document.createElement("a"), { href, download }).click();
}
