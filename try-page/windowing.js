// Divides sound of any length into blocks for a network, and averages the outputs, as hearfelt.inference.windowing does.

import { BLOCK, FRAME, QUIETER_DB, RATE_HZ, SHORTEST_S } from "./constants.js";
import { resample } from "./resample.js";

/** Divide a prepared sound into equal blocks at 16 kHz, each as long as `window_s` allows; 0 for one block. */
export function blocksOf({ samples, rate_hz }, window_s) {
  const resampled = resample(centred(samples), rate_hz, RATE_HZ);
  const longest = Math.round(window_s * RATE_HZ);
  const count = window_s ? Math.ceil(resampled.length / longest) : 1;
  const length = Math.ceil(resampled.length / count);
  const blocks = [];
  for (let start = 0; start < resampled.length; start += length) {
    const block = resampled.subarray(start, start + length);
    if (!blocks.length || block.length >= SHORTEST_S * RATE_HZ) blocks.push(block);
  }
  return blocks;
}

/** Subtract the offset, the mean of the first 2^18 samples. */
function centred(samples) {
  const first = samples.subarray(0, BLOCK);
  const offset = Math.fround(first.reduce((sum, one) => sum + one, 0) / first.length);
  return samples.map((one) => one - offset);
}

/** Measure the power of each 20 ms of a block, less its mean. */
export function framePowers(block) {
  return Float64Array.from({ length: Math.floor(block.length / FRAME) }, (_, frame) => {
    const part = block.subarray(frame * FRAME, (frame + 1) * FRAME);
    const mean = part.reduce((sum, one) => sum + one, 0) / FRAME;
    return part.reduce((sum, one) => sum + (one - mean) ** 2, 0) / FRAME;
  });
}

/** Measure how much sound is in each block, in seconds; 0 for a pause. */
export function blockWeights(powers) {
  const loudest = Math.max(...powers.map((one) => one.reduce((most, power) => Math.max(most, power), 0)));
  const least = loudest * 10 ** (-QUIETER_DB / 10);
  return powers.map((one) => (one.filter((power) => power >= least).length * FRAME) / RATE_HZ);
}

/** Average rows of numbers, each with its weight. */
export function weightedMean(rows, weights) {
  if (rows.length === 1) return rows[0];
  const total = weights.reduce((sum, one) => sum + one, 0);
  return rows[0].map((_, column) => rows.reduce((sum, row, place) => sum + weights[place] * row[column], 0) / total);
}
