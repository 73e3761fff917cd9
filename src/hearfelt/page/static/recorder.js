// One button that records the microphone, and sends the recording as a WAV file of 16 kHz.

const RATE_HZ = 16000; // of the models
const SILENT = 0.002; // no sample of a recording is louder: nothing was heard
const SHORTEST_S = 0.3;

const wait = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));

class Recorder {
  constructor(root) {
    [this.button, this.label, this.words] = [".hf-record-button", ".hf-record-label", ".hf-record-words"].map((name) => root.querySelector(name));
    this.button.onclick = () => (this.recorder ? this.stop() : this.start());
    this.shown = ["rest", "record", ""]; // state, name of the label, and of the words below
  }

  load(data, send) {
    this.data = data;
    this.send = send;
    this.button.disabled = false;
    this.show(...this.shown);
  }

  async start() {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "insecure");
      this.show("asking", "record", "asking");
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
      this.context = new AudioContext();
      this.analyser = this.context.createAnalyser();
      this.context.createMediaStreamSource(this.stream).connect(this.analyser);
      this.recorder = new MediaRecorder(this.stream);
      this.parts = [];
      this.recorder.ondataavailable = ({ data }) => this.parts.push(data);
      this.recorder.start();
      this.startedMs = performance.now();
      this.show("recording", "stop", "speak");
      this.follow();
    } catch (error) {
      this.release();
      this.fail(error.name);
    }
    this.isBusy = false;
  }

  /** Show the level and the time, several times a second. */
  follow() {
    if (!this.recorder) return;
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    const seconds = (performance.now() - this.startedMs) / 1000;
    this.button.style.setProperty("--level", Math.min(1, Math.sqrt(peak)).toFixed(3));
    this.label.textContent = `${this.data.words.stop} · ${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    if (seconds >= this.data.longest_s) this.stop();
    else this.timer = setTimeout(() => this.follow(), 60);
  }

  async stop() {
    const { recorder } = this;
    if (this.isBusy || !recorder) return;
    this.isBusy = true;
    this.recorder = null;
    clearTimeout(this.timer);
    this.show("sending", "sending", "");
    try {
      const stopped = wait(recorder, "stop");
      recorder.stop();
      await stopped;
      const samples = await this.decode(new Blob(this.parts, { type: recorder.mimeType }));
      this.release();
      if (samples.length < SHORTEST_S * RATE_HZ) this.fail("short");
      else if (samples.every((one) => Math.abs(one) < SILENT)) this.fail("silent");
      else {
        this.send("recording", base64(wav(samples)));
        this.show("rest", "again", "");
      }
    } catch (error) {
      this.release();
      this.fail(error.name);
    }
    this.isBusy = false;
  }

  /** Decode and resample to the rate of the models. */
  async decode(blob) {
    const whole = await this.context.decodeAudioData(await blob.arrayBuffer());
    const frames = Math.max(1, Math.floor(whole.duration * RATE_HZ));
    const offline = new OfflineAudioContext(1, frames, RATE_HZ);
    const source = new AudioBufferSourceNode(offline, { buffer: whole });
    source.connect(offline.destination);
    source.start();
    return (await offline.startRendering()).getChannelData(0);
  }

  fail(kind) {
    this.show("problem", "retry", kind in this.data.words ? kind : "other");
  }

  show(state, label, words) {
    this.shown = [state, label, words];
    this.button.dataset.state = state;
    this.label.textContent = this.data.words[label];
    this.words.textContent = this.data.words[words] ?? "";
  }

  release() {
    clearTimeout(this.timer);
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
    this.recorder = this.stream = this.context = null;
  }
}

/** A WAV file of 16-bit samples, one channel. */
function wav(samples) {
  const file = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, place) => file.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  [[16, 16, 4], [20, 1, 2], [22, 1, 2], [24, RATE_HZ, 4], [28, 2 * RATE_HZ, 4], [32, 2, 2], [34, 16, 2]].forEach(([at, value, size]) =>
    size === 4 ? file.setUint32(at, value, true) : file.setUint16(at, value, true),
  );
  text(36, "data");
  file.setUint32(40, 2 * samples.length, true);
  samples.forEach((one, place) => file.setInt16(44 + 2 * place, Math.round(32767 * Math.max(-1, Math.min(1, one))), true));
  return new Uint8Array(file.buffer);
}

function base64(bytes) {
  const parts = [];
  for (let start = 0; start < bytes.length; start += 32768) parts.push(String.fromCharCode(...bytes.subarray(start, start + 32768)));
  return btoa(parts.join(""));
}

const recorders = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".hf-recorder");
  if (!recorders.has(root)) recorders.set(root, new Recorder(root));
  const recorder = recorders.get(root);
  if (data.focus && data.focus !== recorder.data?.focus) {
    recorder.button.scrollIntoView({ block: "center" });
    recorder.button.focus();
  }
  recorder.load(data, setTriggerValue);
  return () => {
    recorder.release();
    recorders.delete(root);
  };
}
