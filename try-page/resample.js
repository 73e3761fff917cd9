// Resampling with the filter of soxr's high quality setting, which hearfelt uses in Python: a low-pass windowed by Kaiser's
// window, 20 bits precise. Its three numbers were fitted to soxr's output for white noise; what is left is 99 dB below it.

const CUT_OFF = 0.95687; // of half the lower rate
const HALF_WIDTH = 48.871; // periods of half the lower rate, to either side
const BETA = 13.28;
const MOST_PHASES = 1_024; // for odd ratios the filter is interpolated between so many

/** Change the rate of samples: Float32Array `(n,)` to `(ceil(n * to_hz / from_hz),)`. */
export function resample(samples, from_hz, to_hz) {
  if (from_hz === to_hz) return samples;
  const divisor = greatestCommonDivisor(from_hz, to_hz);
  const [up, down] = [to_hz / divisor, from_hz / divisor];
  const phases = Math.min(up, MOST_PHASES);
  const filters = makeFilters(from_hz, to_hz, phases);
  const reach = (filters[0].length - 2) / 2; // a filter has `reach` taps before, and `reach` + 1 after its place
  const padded = new Float32Array(samples.length + 2 * reach + 2);
  padded.set(samples, reach);
  const out = new Float32Array(Math.ceil((samples.length * to_hz) / from_hz));
  for (let place = 0; place < out.length; place += 1) {
    const steps = place * down; // of 1 / up of a sample
    const whole = Math.floor(steps / up);
    const between = ((steps - whole * up) / up) * phases;
    const phase = Math.floor(between);
    const share = between - phase;
    let sum = dot(filters[phase], padded, whole);
    if (share > 1e-9) sum += share * (dot(filters[phase + 1], padded, whole) - sum);
    out[place] = sum;
  }
  return out;
}

function dot(filter, values, start) {
  let sum = 0;
  for (let tap = 0; tap < filter.length; tap += 1) sum += filter[tap] * values[start + tap];
  return sum;
}

/** The filter for each of `phases` + 1 places between two samples. */
function makeFilters(from_hz, to_hz, phases) {
  const lower = Math.min(from_hz, to_hz) / 2 / from_hz; // half the lower rate, in cycles a sample
  const half = HALF_WIDTH / lower;
  const reach = Math.ceil(half);
  const cut = 2 * CUT_OFF * lower;
  const window = 1 / bessel(BETA);
  return Array.from({ length: phases + 1 }, (_, phase) =>
    Float32Array.from({ length: 2 * reach + 2 }, (__, tap) => {
      const away = tap - reach - phase / phases;
      if (Math.abs(away) >= half) return 0;
      const angle = Math.PI * cut * away;
      const sinc = Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
      return cut * sinc * window * bessel(BETA * Math.sqrt(1 - (away / half) ** 2));
    }),
  );
}

/** The modified Bessel function of order 0, by its power series. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let order = 1; term > 1e-12 * sum; order += 1) {
    term *= (x / (2 * order)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(one, other) {
  return other ? greatestCommonDivisor(other, one % other) : one;
}
