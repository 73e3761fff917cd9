// Converts the microphone's sound to blocks of 0.1 s: 16-bit samples, and two peaks to draw.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.half = Math.round(sampleRate / 20); // 50 ms
    this.isOver = false;
    this.begin();
    this.port.onmessage = () => {
      this.give();
      this.port.postMessage(null); // that was the last
      this.isOver = true;
    };
  }

  begin() {
    this.samples = new Int16Array(2 * this.half);
    this.peaks = [0, 0];
    this.filled = 0;
  }

  give() {
    if (this.filled === 0) return;
    const sound = this.samples.slice(0, this.filled).buffer;
    const peaks = this.filled > this.half ? this.peaks : this.peaks.slice(0, 1);
    this.port.postMessage({ sound, peaks }, [sound]);
    this.begin();
  }

  process(inputs) {
    const channels = inputs[0];
    const length = channels.length === 0 ? 0 : channels[0].length;
    for (let place = 0; place < length && !this.isOver; place += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[place];
      const sample = Math.max(-1, Math.min(1, sum / channels.length));
      const half = this.filled < this.half ? 0 : 1;
      this.peaks[half] = Math.max(this.peaks[half], Math.abs(sample));
      this.samples[this.filled] = Math.min(32767, Math.round(sample * 32768));
      this.filled += 1;
      if (this.filled === this.samples.length) this.give();
    }
    return !this.isOver;
  }
}

registerProcessor("capture", Capture);
