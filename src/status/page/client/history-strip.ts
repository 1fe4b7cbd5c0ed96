// A server's periods as a strip whose heights say the same as its colours.
import type { Transition } from '../../../operator/history.ts';
import { svg } from './dom.ts';
import { type Phase, periodsOf, type Span, stripWords } from './history.ts';

const WIDTH = 240;
const HEIGHT = 20;
/** Low is well; down reaches from edge to edge. */
const SHAPES: Readonly<Record<Phase, readonly [y: number, height: number]>> = {
  up: [13, 5],
  held: [7, 11],
  down: [1, 17],
  unknown: [15, 1],
};

/** The strip, and what it says in words. */
export function historyStrip(transitions: readonly Transition[], now: number, span: Span): SVGSVGElement {
  const periods = periodsOf(transitions, now, span.ms);
  const x = (at: number) => ((at - (now - span.ms)) / span.ms) * WIDTH;
  const bars = periods.map(({ phase, from, to }) => {
    const [y, height] = SHAPES[phase];
    // What is too short to be seen is made wide enough.
    const width = Math.max(phase === 'up' ? 0.5 : 2, x(to) - x(from));
    return svg('rect', {
      class: `phase-${phase}`,
      x: Math.min(x(from), WIDTH - width).toFixed(1),
      y,
      width: width.toFixed(1),
      height,
    });
  });
  return svg(
    'svg',
    {
      class: 'strip',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': stripWords(periods, span),
    },
    ...bars,
  );
}
