// How long checks took, in words.
import type { Latency } from '../../latencies.ts';

/** "Last 60 checks: half took up to 12 ms, the longest 80 ms; 3 failed". */
export function plotWords(latencies: readonly Latency[]): string {
  if (latencies.length === 0) return 'No check yet';
  const sorted = latencies.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const failed = latencies.filter(({ outcome }) => outcome === 'down').length;
  const which = latencies.length === 1 ? 'Last check' : `Last ${latencies.length} checks`;
  return `${which}: half took up to ${milliseconds(median)}, the longest ${milliseconds(sorted.at(-1) ?? 0)}; ${failed === 0 ? 'none' : failed} failed`;
}

/** "0.8 ms", "12 ms", "2.5 s". */
export function milliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
