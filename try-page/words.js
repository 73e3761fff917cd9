// A prediction in words, as hearfelt says it in Python.

import { NO_SPEECH_WORDS, SURE_WORDS, UNSURE_WORD } from "./constants.js";

const LONG_S = 15; // of longer sounds the other page shows a timeline
const LEAST_UNFAMILIAR = 2; // words of SURE_WORDS that are said of unfamiliar sound

/** A probability in whole per cent, never 0 or 100. */
export function shareWords(share) {
  if (share < 0.01) return "under 1\u00a0%";
  return share > 0.995 ? "over 99\u00a0%" : `${(100 * share).toFixed(0)}\u00a0%`;
}

/** Bands of confidence outside the training corpora, ascending: `{low, high, answers, right}`. */
function bandsOf({ outside }) {
  return (outside.bands ?? []).map(([low, high, answers, right]) => ({ low, high, answers, right, accuracy: right / answers }));
}

/** The confidence in words, as far as they held outside the training corpora. */
export function inWords({ confidence, unsure, isUnfamiliar }, card) {
  if (unsure) return UNSURE_WORD;
  const words = isUnfamiliar ? SURE_WORDS.slice(LEAST_UNFAMILIAR) : SURE_WORDS.map(([least, word]) => [start(least, bandsOf(card)), word]);
  return words.find(([least]) => least < 1 && confidence >= least)?.[1] ?? SURE_WORDS.at(-1)[1];
}

/** From which confidence on a word holds in every band. */
function start(least, bands) {
  return Math.max(least, ...bands.filter((band) => band.high > least && band.accuracy < least).map((band) => band.high));
}

/** What is written in large type, and below it. */
export function headline(prediction, card) {
  if (prediction.hasNoSpeech) return [NO_SPEECH_WORDS, ""];
  const share = shareWords(prediction.confidence);
  return [`${prediction.unsure ? "perhaps " : ""}${prediction.emotion}`, `${inWords(prediction, card)}, ${share}`];
}

/** How often such predictions were correct outside the training corpora, and which emotions are plausible. */
export function howOften(prediction, card, duration_s) {
  if (prediction.hasNoSpeech) return "The model was trained on speech: its prediction for other sounds means nothing.";
  if (prediction.isUnfamiliar) return "How often predictions for sound so unlike that of the training are correct is not known.";
  const sentences = duration_s > LONG_S ? ["One result for the whole recording, averaged; hearfelt in Python also shows how it changes."] : [];
  if (prediction.unsure) sentences.push("The confidence is too low to rely on: several emotions are about as probable.");
  else if (prediction.confidence < 0.5) sentences.push("The other emotions together are more probable than this one.");
  const band = bandsOf(card).findLast((one) => prediction.confidence >= one.low);
  if (band) {
    const such = band.low ? `with ${percent(band.low)} to ${percent(band.high)}\u00a0% confidence` : `with under ${percent(band.high)}\u00a0%`;
    const [right, answers] = [band.right, band.answers].map((one) => one.toLocaleString("en"));
    sentences.push(
      `In a test on corpora that were left out of training, ${right} of ${answers} predictions ${such} were correct: ${shareWords(band.accuracy)}.`,
    );
  }
  for (const [coverage, quantile] of Object.entries(card.plausible)) {
    const labels = prediction.ranked.filter(([, share]) => 1 - share <= quantile).map(([label]) => label);
    if (labels.length > 1 && labels.length < prediction.ranked.length)
      sentences.push(`In ${percent(Number(coverage))}\u00a0% of cases, the correct emotion is one of: ${labels.join(", ")}.`);
  }
  return sentences.join(" ");
}

const percent = (share) => Math.round(100 * share);

/** Seconds as words: 2.1 s, or 1:05. */
export function lengthWords(seconds) {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
