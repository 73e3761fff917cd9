// The model card inside an .onnx file: JSON text among its metadata.

import { CARD_FORMAT, CARD_KEY } from "./constants.js";

// Protocol Buffers: a message is a row of fields, each a number with the kind of its value, and the value. The numbers
// are those of onnx.proto3, which never change.
const METADATA = 14; // of ModelProto: a list of messages with key 1 and value 2
const [VARINT, EIGHT, BYTES, FOUR] = [0, 1, 2, 5];

/** Read the card of a model file. */
export function readCard(bytes) {
  for (const [number, entry] of fields(bytes)) {
    if (number !== METADATA) continue;
    const [key, value] = [1, 2].map((wanted) => text([...fields(entry)].find(([field]) => field === wanted)?.[1]));
    if (key === CARD_KEY) return checked(JSON.parse(value));
  }
  throw new Error("there is no card in the model file; it is damaged");
}

const text = (bytes) => new TextDecoder().decode(bytes ?? new Uint8Array());

function checked(card) {
  if (card.format !== CARD_FORMAT || card.input !== "sound" || !(card.labels?.length > 1) || !(card.temperature > 0))
    throw new Error("the card in the model file is none that this page knows");
  return { unsure_below: 0, window_s: 0, plausible: {}, outside: {}, unfamiliar_above: 0, no_speech_below: 0, limits: [], ...card };
}

/** Step through a message; only values that are bytes are given, as `[number, bytes]`. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      if (at >= bytes.length) throw new Error("the model file is cut short; load the page again");
      const byte = bytes[at++];
      value += (byte & 0x7f) * factor; // no shift: lengths may be beyond 31 bits
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const head = varint();
    const kind = head & 7;
    if (kind === VARINT) varint();
    else if (kind === EIGHT) at += 8;
    else if (kind === FOUR) at += 4;
    else if (kind === BYTES) {
      const length = varint();
      yield [Math.floor(head / 8), bytes.subarray(at, at + length)];
      at += length;
    } else throw new Error("the model file is damaged; load the page again");
  }
}
