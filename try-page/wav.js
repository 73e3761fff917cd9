// WAV files, decoded without the browser, which would resample them.

import { AudioError } from "./sound.js";

const PCM = 1;
const FLOAT = 3;
const A_LAW = 6;
const MU_LAW = 7;
const EXTENSIBLE = 0xfffe;
const UNKNOWN = 0x7fff0000; // from here on a 32-bit length is a placeholder

const tag = (view, at) => String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4));

/** Check by its first 12 bytes whether a file is WAV, RF64 or BW64. */
export function isWav(bytes) {
  if (bytes.length < 12) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return ["RIFF", "RF64", "BW64"].includes(tag(view, 0)) && tag(view, 8) === "WAVE";
}

/**
 * Decode a WAV file: `{rate_hz, channels, warnings}`, the channels as Float32Array, full scale -1 to 1.
 * Returns null for a format that only the browser may know, such as ADPCM.
 */
export function readWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let form = null;
  let long = 0;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const length = view.getUint32(at + 4, true);
    const start = at + 8;
    if (tag(view, at) === "ds64") long = Number(view.getBigUint64(start + 8, true));
    else if (tag(view, at) === "fmt ") form = readForm(view, start, length);
    else if (tag(view, at) === "data") {
      if (!form) break;
      return form.read && decode(view, form, start, length === 0xffffffff && long ? long : length);
    }
    at = start + length + (length % 2);
  }
  throw new AudioError(`a WAV file with no ${form ? "sound" : "format"} in it; copy or record the file again`);
}

function readForm(view, at, length) {
  let kind = view.getUint16(at, true);
  if (kind === EXTENSIBLE && length >= 26) kind = view.getUint16(at + 24, true);
  const bits = view.getUint16(at + 14, true);
  const width = kind === A_LAW || kind === MU_LAW ? 1 : Math.ceil(bits / 8); // bytes of a sample
  const count = view.getUint16(at + 2, true);
  if (!count) throw new AudioError("a WAV file with no channels; copy or record the file again");
  return { rate_hz: view.getUint32(at + 4, true), count, width, read: READERS[`${kind} ${width}`] };
}

/** How a sample is read, by format and bytes: `(view, at) => number`. */
const READERS = {
  [`${PCM} 1`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${PCM} 2`]: (view, at) => view.getInt16(at, true) / 2 ** 15,
  [`${PCM} 3`]: (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23,
  [`${PCM} 4`]: (view, at) => view.getInt32(at, true) / 2 ** 31,
  [`${FLOAT} 4`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT} 8`]: (view, at) => view.getFloat64(at, true),
  [`${A_LAW} 1`]: (view, at) => aLaw(view.getUint8(at)) / 2 ** 15,
  [`${MU_LAW} 1`]: (view, at) => muLaw(view.getUint8(at)) / 2 ** 15,
};

// ITU-T G.711: sign, three bits of exponent, four of mantissa.
function aLaw(code) {
  const turned = code ^ 0x55;
  const exponent = (turned >> 4) & 7;
  const size = exponent ? ((((turned & 15) << 4) + 0x108) << exponent) >> 1 : ((turned & 15) << 4) + 8;
  return turned & 0x80 ? size : -size;
}

function muLaw(code) {
  const turned = ~code & 0xff;
  const size = ((((turned & 15) << 3) + 0x84) << ((turned >> 4) & 7)) - 0x84;
  return turned & 0x80 ? -size : size;
}

function decode(view, { rate_hz, count, width, read }, start, length) {
  const there = view.byteLength - start;
  const isUnknown = length === 0 || (length >= UNKNOWN && length > there);
  const frames = Math.floor(Math.min(isUnknown ? there : length, there) / (count * width));
  if (!frames) throw new AudioError("a WAV file with no sound in it; record the file again");
  const channels = Array.from({ length: count }, () => new Float32Array(frames));
  for (let frame = 0, at = start; frame < frames; frame += 1)
    for (let channel = 0; channel < count; channel += 1, at += width) channels[channel][frame] = read(view, at);
  const warnings = [];
  if (length === 0) {
    const text = "a wrong header: its header was never completed; all that is there is used";
    warnings.push({ code: "wrong_header", text });
  } else if (!isUnknown && length > there) {
    const [there_s, promised_s] = [frames, length / (count * width)].map((one) => (one / rate_hz).toFixed(2));
    warnings.push({ code: "cut_short", text: `cut short: ${there_s} s of ${promised_s} s are there` });
  }
  return { rate_hz, channels, warnings };
}
