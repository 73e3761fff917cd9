// Decodes and recognizes in a thread of its own, so that the page stays responsive.
//
// Messages are `{id, task, ...}`; the answers `{id, progress}`, and at the end `{id, result}` or `{id, error}`.

import * as runtime from "./ort.wasm.min.mjs";
import { MODELS } from "./constants.js";
import { fetchModel } from "./models.js";
import { outlined, playable } from "./preview.js";
import { Recognizer } from "./recognizer.js";
import { AudioError, prepared } from "./sound.js";
import { readWav } from "./wav.js";

runtime.env.wasm.numThreads = 1; // more need headers that static hosts do not send
runtime.env.wasm.wasmPaths = new URL("./", import.meta.url).href;

const recognizers = new Map(); // by name of the model: a promise
let sound = null; // the last that was read

const TASKS = {
  /** Load a model: gives what the page says about it. */
  async load({ model }, onProgress) {
    if (!recognizers.has(model)) {
      const loading = fetchModel(MODELS.find((one) => one.name === model), onProgress).then((bytes) => Recognizer.load(runtime, bytes));
      recognizers.set(model, loading);
      loading.catch(() => recognizers.delete(model)); // so that it can be tried again
    }
    const { card, detectsSpeech } = await recognizers.get(model);
    const { description, licence, limits, outside, plausible } = card;
    return { description, licence, limits, outside, plausible, detectsSpeech };
  },

  /** Read a sound: the bytes of a WAV file, or decoded channels. Gives what is drawn and played. */
  async read({ bytes, decoded, longest_s }) {
    sound = null;
    const known = decoded ?? readWav(bytes);
    if (!known) return null; // the browser may know the format
    const read = prepared(known);
    if (read.duration_s > longest_s) {
      const minutes = Math.round(longest_s / 60);
      throw new AudioError(`${(read.duration_s / 60).toFixed(1)} minutes of sound; this page accepts up to ${minutes}, and hearfelt in Python any length`);
    }
    sound = read;
    return { duration_s: sound.duration_s, ...outlined(sound), copy: playable(sound) };
  },

  /** Recognize the sound that was read last. */
  async recognize({ model }, onProgress) {
    const current = sound;
    const recognizer = await recognizers.get(model);
    return recognizer.recognize(current, async (done, of) => {
      onProgress(done / of);
      await new Promise((resolve) => setTimeout(resolve)); // another sound may have come
      if (sound !== current) throw new AudioError("replaced by another sound");
    });
  },
};

self.onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    self.postMessage({ id, result: await TASKS[task](given, (progress) => self.postMessage({ id, progress })) });
  } catch (error) {
    self.postMessage({ id, error: error.message || String(error) });
  }
};
