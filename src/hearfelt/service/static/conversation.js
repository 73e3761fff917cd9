// The socket: says what comes, sends the sound, and gives what the service answers.

const BUSY = 1013;
const NOT_ALLOWED = 3000;
const ENDS_WITHIN_MS = 8000;
const MOST_WAITING_S = 10; // of sound that the network has not taken

export class Conversation {
  constructor({ key, onEvent }) {
    this.key = key;
    this.onEvent = onEvent;
    this.detail = "";
  }

  /** Connect and say what will come. `onProblem(kind, detail)` is called if the conversation ends by itself. */
  open(rate, onProblem) {
    this.rate = rate;
    this.onProblem = onProblem;
    const address = new URL("v1/stream", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.search = "";
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    this.closed = new Promise((resolve) => {
      this.socket.onclose = (event) => {
        resolve();
        if (!this.isEnding) this.explain(event.code);
      };
    });
    return new Promise((resolve) => {
      this.socket.onopen = () => {
        this.wasOpen = true;
        this.socket.send(JSON.stringify({ rate_hz: rate, encoding: "pcm16", ...(this.key ? { key: this.key } : {}) }));
        resolve();
      };
      this.closed.then(resolve);
    });
  }

  take(event) {
    if (event.type === "error") this.detail = event.detail;
    else this.onEvent(event);
  }

  send(sound) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(sound);
    if (this.socket.bufferedAmount > MOST_WAITING_S * 2 * this.rate) this.onProblem("slow");
  }

  explain(code) {
    if (!this.wasOpen) this.onProblem("unreachable");
    else if (code === BUSY) this.onProblem("busy");
    else if (code === NOT_ALLOWED) this.onProblem("key", this.key ? this.detail : "");
    else if (this.detail) this.onProblem("ended", this.detail);
    else this.onProblem("lost");
  }

  /** Say that it is over, and wait for what is left. */
  async end() {
    this.isEnding = true;
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "end" }));
      await Promise.race([this.closed, new Promise((resolve) => setTimeout(resolve, ENDS_WITHIN_MS))]);
    }
    this.leave();
  }

  leave() {
    this.isEnding = true;
    this.socket?.close();
  }
}
