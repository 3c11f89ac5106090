/** Samples the harness process once per second: CPU, memory and the delay of the main event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Sampler, SamplerContext } from './sampler.ts';
import { SAMPLE_EVERY_MS } from './sampler.ts';

const RESOLUTION_MS = 10;

export function sampleProcess({ clock, recorder }: Omit<SamplerContext, 'environment'>): Sampler {
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loop.enable();
  let before = { usage: process.cpuUsage(), atUs: clock.nowUs() };

  const sample = () => {
    const atUs = clock.nowUs();
    const used = process.cpuUsage(before.usage);
    const elapsedUs = Math.max(1, atUs - before.atUs);
    const data = {
      cpuRatio: Math.round(((used.user + used.system) / elapsedUs) * 1_000) / 1_000,
      rssBytes: process.memoryUsage.rss(),
      // The histogram measures the time from tick to tick, so the resolution is part of each value.
      loopDelayP99Ms: Math.max(0, toMilliseconds(loop.percentile(99)) - RESOLUTION_MS),
      loopDelayMaxMs: Math.max(0, toMilliseconds(loop.max) - RESOLUTION_MS),
    };
    recorder.record({ type: 'observe', from: 'process', name: 'sample', atUs, data });
    before = { usage: process.cpuUsage(), atUs };
    loop.reset();
  };
  const timer = setInterval(sample, SAMPLE_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      sample();
      loop.disable();
    },
  };
}

function toMilliseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 1e3) / 1e3;
}
