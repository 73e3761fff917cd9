// What the player draws and plays of a sound.

const COLUMNS = 900;
const HEADER = 44; // bytes

/** The lowest and highest sample in equal stretches, rounded. */
export function outlined({ samples }) {
  const columns = Math.min(COLUMNS, samples.length);
  const [low, high] = [[], []];
  for (let column = 0; column < columns; column += 1) {
    const [start, end] = [column, column + 1].map((one) => Math.floor((one * samples.length) / columns));
    let [least, most] = [Infinity, -Infinity];
    for (let at = start; at < end; at += 1) {
      if (samples[at] < least) least = samples[at];
      if (samples[at] > most) most = samples[at];
    }
    low.push(Number(least.toFixed(4)));
    high.push(Number(most.toFixed(4)));
  }
  return { low, high };
}

/** A WAV file of 16 bits, which every browser plays. */
export function playable({ samples, rate_hz }) {
  const bytes = new ArrayBuffer(HEADER + 2 * samples.length);
  const view = new DataView(bytes);
  const letters = (at, text) => [...text].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  letters(0, "RIFF");
  view.setUint32(4, bytes.byteLength - 8, true);
  letters(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate_hz, true);
  view.setUint32(28, 2 * rate_hz, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  letters(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  const values = new Int16Array(samples.length);
  for (let at = 0; at < values.length; at += 1) values[at] = Math.max(-32768, Math.min(32767, Math.round(32768 * samples[at])));
  new Int16Array(bytes, HEADER).set(values);
  return new Blob([bytes], { type: "audio/wav" });
}
