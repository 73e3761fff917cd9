// From a prepared sound to a prediction, as hearfelt.inference does it around the network.

import { LITTLE_SHARE } from "./constants.js";
import { readCard } from "./card.js";
import { blockWeights, blocksOf, framePowers, weightedMean } from "./windowing.js";

const [SPEECH, DISTANCE] = ["speech", "distance"]; // optional outputs

export class Recognizer {
  constructor(runtime, session, card) {
    [this.runtime, this.session, this.card] = [runtime, session, card];
    this.outputs = ["logits", ...[SPEECH, DISTANCE].filter((name) => session.outputNames.includes(name))];
  }

  /** Load a model file; `runtime` is onnxruntime-web. */
  static async load(runtime, bytes) {
    const card = readCard(bytes);
    const session = await runtime.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      logSeverityLevel: 4,
      // Weights of 8 bits become float32 once, at loading, as in Python: the same answers, in a fifth of the time.
      extra: { session: { disable_quant_qdq: "1" } },
    });
    return new Recognizer(runtime, session, card);
  }

  /** Whether the file has an output that says if somebody speaks. */
  get detectsSpeech() {
    return this.outputs.includes(SPEECH);
  }

  /** Recognize the emotion in a prepared sound; `onBlock(done, of)` may return a promise. */
  async recognize(sound, onBlock = () => {}) {
    const blocks = blocksOf(sound, this.card.window_s);
    const results = [];
    for (const block of blocks) {
      await onBlock(results.length, blocks.length);
      results.push(await this.run(block));
    }
    const weights = blockWeights(blocks.map(framePowers));
    const logits = weightedMean(results.map((one) => one.logits), weights);
    if (logits.length !== this.card.labels.length) throw new Error("the model file does not fit its card");
    return this.prediction(logits, [...sound.warnings, ...this.warnings(results, weights)]);
  }

  async run(block) {
    const samples = new this.runtime.Tensor("float32", block, [1, block.length]);
    const results = await this.session.run({ samples }, this.outputs);
    const found = Object.fromEntries(this.outputs.map((name) => [name, Array.from(results[name].data)]));
    if (!Object.values(found).flat().every(Number.isFinite)) throw new Error("the model's output is not finite");
    return found;
  }

  /** Warn if there is no speech, or little, or if the sound is unfamiliar, as far as the file has outputs for it. */
  warnings(results, weights) {
    const { no_speech_below, unfamiliar_above } = this.card;
    const warnings = [];
    if (this.detectsSpeech) {
      const total_s = weights.reduce((sum, one) => sum + one, 0);
      const speech_s = weights.reduce((sum, one, place) => sum + (results[place][SPEECH][0] >= no_speech_below ? one : 0), 0);
      if (!speech_s) return [{ code: "no_speech", text: "no speech was found" }];
      const text = `little speech was found, in ${speech_s.toFixed(1)} s of ${total_s.toFixed(1)} s`;
      if (speech_s < LITTLE_SHARE * total_s) warnings.push({ code: "little_speech", text });
    }
    if (!this.outputs.includes(DISTANCE) || !unfamiliar_above) return warnings;
    const [distance] = weightedMean(results.map((one) => one[DISTANCE]), weights);
    const text = "the sound is unlike all sounds that the model was trained on, so the prediction may well be wrong";
    return distance > unfamiliar_above ? [...warnings, { code: "unfamiliar", text }] : warnings;
  }

  prediction(logits, warnings) {
    const scaled = logits.map((one) => one / this.card.temperature);
    const highest = Math.max(...scaled);
    const powers = scaled.map((one) => Math.exp(one - highest));
    const total = powers.reduce((sum, one) => sum + one, 0);
    const ranked = this.card.labels.map((label, place) => [label, powers[place] / total]).sort((one, other) => other[1] - one[1]);
    const [emotion, confidence] = ranked[0];
    const hasNoSpeech = warnings.some((one) => one.code === "no_speech");
    return {
      emotion,
      confidence,
      ranked,
      hasNoSpeech,
      isUnfamiliar: warnings.some((one) => one.code === "unfamiliar"),
      unsure: confidence < this.card.unsure_below || hasNoSpeech,
      warnings: warnings.filter((one) => one.code !== "no_speech"),
    };
  }
}
