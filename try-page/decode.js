// Files other than WAV, decoded by the browser at their own rate, so that it does not resample.

import { AudioError } from "./sound.js";

const USUAL_HZ = 48_000;
const MP3_HZ = [44_100, 48_000, 32_000]; // MPEG 1; half of it for MPEG 2, a quarter for MPEG 2.5

/** Decode a file: `{rate_hz, channels, warnings}`. */
export async function decodeByBrowser(bytes) {
  let buffer;
  try {
    buffer = await contextAt(ownRate(bytes)).decodeAudioData(bytes.slice().buffer);
  } catch {
    throw new AudioError("this is no sound that this browser can read; WAV always works");
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel).slice());
  return { rate_hz: buffer.sampleRate, channels, warnings: [] };
}

function contextAt(rate_hz) {
  try {
    return new OfflineAudioContext(1, 1, rate_hz);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_HZ); // a rate that this browser does not have
  }
}

/** The rate that a FLAC, Ogg or MP3 file names; 48 kHz for others. */
export function ownRate(bytes) {
  const starts = (text, at = 0) => [...text].every((letter, place) => bytes[at + place] === letter.charCodeAt(0));
  if (starts("fLaC")) return (bytes[18] << 12) | (bytes[19] << 4) | (bytes[20] >> 4);
  if (starts("OggS") && starts("\x01vorbis", 28)) return new DataView(bytes.buffer, bytes.byteOffset).getUint32(40, true);
  const tag = starts("ID3") ? 10 + bytes.slice(6, 10).reduce((sum, byte) => 128 * sum + byte, 0) : 0;
  if (bytes[tag] !== 0xff || (bytes[tag + 1] & 0xe6) !== 0xe2) return USUAL_HZ; // layer III only
  const version = (bytes[tag + 1] >> 3) & 3;
  return (MP3_HZ[(bytes[tag + 2] >> 2) & 3] ?? USUAL_HZ) / { 3: 1, 2: 2, 0: 4 }[version] || USUAL_HZ;
}
