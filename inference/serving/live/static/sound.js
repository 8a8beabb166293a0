// What is heard: a short tone at once, then a recorded word; each kind not more often than every few seconds.
import { isChinese } from "./words.js";

const TONES = { lesion: [880, 1175], fast: [440, 440, 440], slip: [660, 440], short: [523, 392], off: [330] };
const SPOKEN = ["lesion", "fast", "slip", "short"];
const EVERY_MS = { lesion: 4000, fast: 8000, slip: 6000, short: 30000, off: 5000 };
const NOTE_S = 0.11;

let context = null, words = {}, last = {};
export let muted = false;
export const latencies = [];

export async function unlock() {
  context ??= new AudioContext({ latencyHint: "interactive" });
  await context.resume();
  for (const kind of SPOKEN) for (const language of ["en", "zh"]) {
    const name = `${kind}-${language}`;
    if (words[name]) continue;
    try {
      const answer = await fetch(`/live/sounds/${name}.m4a`);
      if (answer.ok) words[name] = await context.decodeAudioData(await answer.arrayBuffer());
    } catch { /* the tone is enough */ }
  }
}

export const isOn = () => context?.state === "running" && !muted;
export function mute() { muted = !muted; }

export function alarm(kind, heardAt = performance.now()) {
  const now = performance.now();
  if (!isOn() || now - (last[kind] ?? -1e9) < EVERY_MS[kind]) return;
  last[kind] = now;
  let at = context.currentTime;
  for (const pitch of TONES[kind]) {
    const tone = context.createOscillator(), loud = context.createGain();
    tone.frequency.value = pitch;
    loud.gain.setValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(0.25, at + 0.01);
    loud.gain.linearRampToValueAtTime(0, at + NOTE_S);
    tone.connect(loud).connect(context.destination);
    tone.start(at);
    tone.stop(at + NOTE_S);
    at += NOTE_S * 1.2;
  }
  latencies.push(performance.now() - heardAt + 1000 * ((context.baseLatency || 0) + (context.outputLatency || 0)));
  const word = words[`${kind}-${isChinese() ? "zh" : "en"}`];
  if (!word) return;
  const spoken = context.createBufferSource();
  spoken.buffer = word;
  spoken.connect(context.destination);
  spoken.start(at + 0.05);
}
