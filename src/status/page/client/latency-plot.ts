// How long a server's last checks took: a line, and a mark on its ground for each that failed.

import type { Latency } from '../../latencies.ts';
import { svg } from './dom.ts';
import { plotWords } from './latency-words.ts';

const WIDTH = 120;
const HEIGHT = 24;
/** As many as the daemon keeps: the newest is always at the right edge. */
const CHECKS = 60;
/** Below this scale, noise would look like trouble. */
const LEAST_SCALE_MS = 5;

/** The plot, and what it says in words. */
export function latencyPlot(latencies: readonly Latency[]): SVGSVGElement {
  const top = Math.max(LEAST_SCALE_MS, ...latencies.map(({ durationMs }) => durationMs));
  const x = (index: number) => WIDTH - 3 - (latencies.length - 1 - index) * ((WIDTH - 6) / (CHECKS - 1));
  const y = (ms: number) => HEIGHT - 5 - (ms / top) * (HEIGHT - 8);
  const points = latencies.map(({ durationMs }, index) => `${x(index).toFixed(1)},${y(durationMs).toFixed(1)}`);
  const failed = latencies.flatMap(({ outcome }, index) =>
    outcome === 'up'
      ? []
      : [svg('rect', { class: 'failed', x: (x(index) - 1).toFixed(1), y: HEIGHT - 4, width: 2, height: 4 })],
  );
  return svg(
    'svg',
    { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': plotWords(latencies) },
    svg('polyline', { points: points.join(' ') }),
    ...failed,
    ...points.slice(-1).map((point) => svg('circle', { cx: point.split(',')[0], cy: point.split(',')[1], r: 2 })),
  );
}
