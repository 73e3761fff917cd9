// The WebSocket of a live stream: sends the first message and the sound, and passes on the service's events.

const BUSY = 1013;
const NOT_ALLOWED = 3000;
const ENDS_WITHIN_MS = 8000;
const MOST_BUFFERED_S = 10; // of sound that the service has not taken yet
const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname); // then no network is between

export class StreamConnection {
  constructor({ key, onEvent }) {
    this.key = key;
    this.onEvent = onEvent;
    this.detail = "";
  }

  /** Connect and send the first message. `onProblem(kind, detail)` is called if the connection ends by itself. */
  open(rate, onProblem) {
    this.rate = rate;
    this.onProblem = onProblem;
    const address = new URL("v1/stream", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.search = "";
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.closed = new Promise((resolve) => {
      this.socket.onclose = (event) => {
        resolve();
        if (!this.isEnding) this.reportClose(event.code);
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

  receive(event) {
    if (event.type === "error") this.detail = event.detail;
    else this.onEvent(event);
  }

  send(sound) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(sound);
    if (this.socket.bufferedAmount > MOST_BUFFERED_S * 2 * this.rate) this.onProblem(isLocal ? "overloaded" : "slow");
  }

  reportClose(code) {
    if (!this.wasOpen) this.onProblem("unreachable");
    else if (code === BUSY) this.onProblem("busy");
    else if (code === NOT_ALLOWED) this.onProblem("key", this.key ? this.detail : "");
    else if (this.detail) this.onProblem("ended", this.detail);
    else this.onProblem("lost");
  }

  /** Send the end of the sound, and wait for the remaining segments. */
  async end() {
    this.isEnding = true;
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "end" }));
      await Promise.race([this.closed, new Promise((resolve) => setTimeout(resolve, ENDS_WITHIN_MS))]);
    }
    this.close();
  }

  close() {
    this.isEnding = true;
    this.socket?.close();
  }
}
