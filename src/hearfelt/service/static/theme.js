// Emojis, colours and confidence words of the emotions, as the service defines them.

export class Theme {
  constructor(values) {
    this.emotions = values.emotions;
    this.sureWords = values.sure_words;
    this.unsureWord = values.unsure_word;
    this.nearlyAll = values.nearly_all;
    this.needsKey = values.needs_key;
    this.byName = new Map(values.emotions.map((emotion) => [emotion.name, emotion]));
  }

  static async fetch() {
    const response = await fetch(`live/theme.json?language=${document.documentElement.lang}`, { cache: "no-cache" });
    if (!response.ok) throw new Error(`theme: ${response.status}`);
    return new Theme(await response.json());
  }

  emoji(name) {
    return this.byName.get(name)?.emoji ?? "";
  }

  /** The name of an emotion as it is shown. */
  shown(name) {
    return this.byName.get(name)?.shown ?? name;
  }

  /** The CSS variable with the colour of an emotion. */
  mark(name) {
    return this.byName.get(name)?.mark ?? "--emotion-other";
  }

  /** The confidence of a prediction in words and per cent. */
  confidence(event) {
    const word = event.unsure ? this.unsureWord : this.sureWords.find(([least]) => event.confidence >= least)[1];
    const share = event.confidence > 0.995 ? this.nearlyAll : `${Math.round(event.confidence * 100)}\u00a0%`;
    return `${word} · ${share}`;
  }
}
