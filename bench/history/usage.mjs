/**
 * Preloaded into a process (`--import usage.mjs?<file>`): writes its CPU time and its peak memory to the file when it
 * exits. Plain JavaScript, because to load a TypeScript module, Node.js also loads a compiler, whose memory would count
 * as that of the process.
 */
import { writeFileSync } from 'node:fs';

const file = decodeURIComponent(new URL(import.meta.url).search.slice(1));

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 };
  writeFileSync(file, JSON.stringify(usage));
});
