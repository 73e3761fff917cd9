// How emotions look and how sure is said, as the service tells it; no colour and no word of it is written here.

export class Looks {
  constructor(said) {
    this.emotions = said.emotions;
    this.sureWords = said.sure_words;
    this.unsureWord = said.unsure_word;
    this.needsKey = said.needs_key;
    this.byName = new Map(said.emotions.map((emotion) => [emotion.name, emotion]));
  }

  static async fetched() {
    const answer = await fetch("live/looks.json", { cache: "no-cache" });
    if (!answer.ok) throw new Error(`looks: ${answer.status}`);
    return new Looks(await answer.json());
  }

  emoji(name) {
    return this.byName.get(name)?.emoji ?? "";
  }

  /** The colour for a drawing on this element; on a dark page a little lighter. */
  colour(name, element) {
    const lift = Number(getComputedStyle(element).getPropertyValue("--lift"));
    const colour = this.byName.get(name)?.colour ?? "#808080";
    const parts = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
    return `rgb(${parts.map((part) => Math.round(part + (255 - part) * lift)).join(" ")})`;
  }

  /** How sure an event is, in words and per cent. */
  sure(event) {
    const word = event.unsure ? this.unsureWord : this.sureWords.find(([least]) => event.confidence >= least)[1];
    return `${word} · ${Math.round(event.confidence * 100)} %`;
  }
}
