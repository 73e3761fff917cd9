// A sound as the model gets it: one channel, checked, with warnings. The same as hearfelt.audio does in Python.

import { BLOCK, LOUDEST, SHORTEST_S, SILENCE_DB } from "./constants.js";

// As hearfelt.audio.channels and hearfelt.audio.levels have them.
const CANCELS_BELOW = 0.25;
const LOOK_AT_S = 10;
const SILENCE = 1e-8;
const TOP = 0.98;
const FLAT_SHARE = 4e-4;
const FULL_SHARE = 4e-3;
const SMALLEST = 0.05;
const VERY_QUIET_DB = -50;
const LOWEST_RATE_HZ = 1_000;
const HIGHEST_RATE_HZ = 768_000;

/** A sound that cannot be used; the message is a sentence for people. */
export class AudioError extends Error {}

/**
 * Make one channel of several, check it, and collect warnings.
 *
 * Takes `{rate_hz, channels, warnings}`, each channel a Float32Array. Returns `{rate_hz, samples, duration_s, warnings}`;
 * a warning is `{code, text}`.
 */
export function prepared({ rate_hz, channels, warnings: found }) {
  if (!(rate_hz >= LOWEST_RATE_HZ && rate_hz <= HIGHEST_RATE_HZ))
    throw new AudioError(`a rate of ${rate_hz} Hz; ${LOWEST_RATE_HZ} to ${HIGHEST_RATE_HZ} Hz is wanted`);
  const warnings = [...found];
  const samples = mixed(rescaled(channels, warnings), rate_hz, warnings);
  const level = measured(samples);
  if (!Number.isFinite(level.top)) throw new AudioError("a sample is no finite number");
  if (level.top > LOUDEST) throw new AudioError(`samples reach ${Math.round(level.top)}; floats have to be scaled to -1 to 1`);
  const duration_s = samples.length / rate_hz;
  if (duration_s < SHORTEST_S) {
    const shown = Math.floor(duration_s * 10_000) / 10_000;
    throw new AudioError(`${shown} s of sound; a clip needs at least ${SHORTEST_S} s`);
  }
  if (level.peak_db < SILENCE_DB)
    throw new AudioError(`only silence (peak ${level.peak_db.toFixed(0)} dB); a voice needs more than ${SILENCE_DB} dB`);
  warnings.push(...levelWarnings(level, samples));
  return { rate_hz, samples, duration_s, warnings };
}

/** Scale floats that were stored in the range of integers; the first block decides. */
function rescaled(channels, warnings) {
  let peak = 0;
  for (const channel of channels)
    for (let at = 0; at < Math.min(BLOCK, channel.length); at += 1) peak = Math.max(peak, Math.abs(channel[at]));
  const bits = [16, 24, 32].find((one) => LOUDEST < peak && peak <= 2 ** (one - 1));
  if (!bits) return channels;
  const text = `samples reach ${Math.round(peak).toLocaleString("en")} where 1 is full scale; they were divided by 2^${bits - 1}`;
  warnings.push({ code: "not_scaled", text });
  return channels.map((channel) => channel.map((one) => one / 2 ** (bits - 1)));
}

/** Mix channels to their mean; where that would cancel most of the sound, take the loudest instead. */
function mixed(channels, rate_hz, warnings) {
  if (channels.length === 1) return channels[0];
  const length = channels[0].length;
  const mean = new Float32Array(length);
  const sums = new Float64Array(channels.length + 1); // of each channel, and last of the mix
  const squares = new Float64Array(channels.length + 1);
  let chosen = null;
  let held = 0; // where the part begins that nothing was decided for
  const out = new Float32Array(length);
  for (let start = 0; start < length; start += BLOCK) {
    const end = Math.min(length, start + BLOCK);
    for (let at = start; at < end; at += 1) {
      let sum = 0;
      for (const channel of channels) sum = Math.fround(sum + channel[at]);
      mean[at] = sum / channels.length;
    }
    if (chosen === null) {
      [...channels, mean].forEach((values, place) => {
        for (let at = start; at < end; at += 1) {
          sums[place] += values[at];
          squares[place] += values[at] ** 2;
        }
      });
      if (end < LOOK_AT_S * rate_hz && end < length) continue;
      chosen = loudest(sums, squares, end, warnings);
    }
    out.set((chosen === null ? mean : channels[chosen]).subarray(held, end), held);
    held = end;
  }
  return out;
}

/** Choose a channel if the mix would lose most of the sound; null for the mix. */
function loudest(sums, squares, frames, warnings) {
  const variances = Array.from(squares, (square, place) => Math.max(square / frames - (sums[place] / frames) ** 2, 0));
  const mix = variances.pop();
  const most = Math.max(...variances);
  const total = variances.reduce((sum, one) => sum + one, 0);
  if (most <= SILENCE || (mix * variances.length ** 2) / total >= CANCELS_BELOW) return null;
  const chosen = variances.indexOf(most);
  const text = `mixed, the channels would cancel each other; channel ${chosen} is used, the loudest`;
  warnings.push({ code: "channels_cancel", text });
  return chosen;
}

const decibels = (swing) => 20 * Math.log10(Math.max(swing, 1e-10));

function measured(samples) {
  let [lowest, highest, sum] = [Infinity, -Infinity, 0];
  for (const one of samples) {
    if (!Number.isFinite(one)) return { top: NaN };
    if (one < lowest) lowest = one;
    if (one > highest) highest = one;
    sum += one;
  }
  const mean = sum / Math.max(1, samples.length);
  return { top: Math.max(-lowest, highest), peak_db: decibels(Math.max(highest - mean, mean - lowest)) };
}

function levelWarnings({ top, peak_db }, samples) {
  let [flat, full] = [0, 0];
  const limit = TOP * top;
  for (let at = 0; at < samples.length; at += 1) {
    const size = Math.abs(samples[at]);
    if (top >= TOP && size >= TOP) full += 1;
    if (at >= 2 && size >= limit && samples[at] === samples[at - 1] && samples[at] === samples[at - 2]) flat += 1;
  }
  const share = Math.max(flat, full) / samples.length;
  if (top >= SMALLEST && (flat / samples.length > FLAT_SHARE || full / samples.length > FULL_SHARE)) {
    const cut = `${(100 * share).toFixed(1)}% of the samples are cut off at the top`;
    return [{ code: "clipped", text: `recorded too loud: ${cut}, so the voice is distorted` }];
  }
  if (peak_db < VERY_QUIET_DB)
    return [{ code: "very_quiet", text: `very quiet: its loudest peak is at ${peak_db.toFixed(0)} dB` }];
  return [];
}
