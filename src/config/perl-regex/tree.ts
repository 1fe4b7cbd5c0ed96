// What a Perl pattern is after reading: the nodes that the later stages decide on, and how a pattern is refused.
import type { ByteSet } from './bytes.ts';

/** A piece of the pattern, in bytes. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/**
 * `start` \A, `end` \z, `lastLine` $ and \Z, `lineStart` and `lineEnd` ^ and $ under (?m),
 * `word` \b, `notWord` \B.
 */
export type Place = 'start' | 'end' | 'lastLine' | 'lineStart' | 'lineEnd' | 'word' | 'notWord';

export interface SetNode {
  readonly kind: 'set';
  readonly set: ByteSet;
}
export interface SequenceNode {
  readonly kind: 'sequence';
  readonly items: readonly Node[];
}
export interface ChoiceNode {
  readonly kind: 'choice';
  readonly branches: readonly Node[];
}
export interface PlaceNode {
  readonly kind: 'place';
  readonly place: Place;
}
export interface CaptureNode {
  readonly kind: 'capture';
  readonly group: number;
  readonly body: Node;
}
export interface LookNode {
  readonly kind: 'look';
  readonly behind: boolean;
  readonly negative: boolean;
  readonly body: Node;
  readonly at: Span;
}
/** `(?>...)`, or a possessive repetition. */
export interface AtomicNode {
  readonly kind: 'atomic';
  readonly body: Node;
  readonly at: Span;
}
export interface RepeatNode {
  readonly kind: 'repeat';
  readonly body: Node;
  readonly min: number;
  /** Infinity when unbounded. */
  readonly max: number;
  readonly lazy: boolean;
  readonly at: Span;
}
export interface ReferenceNode {
  readonly kind: 'reference';
  /** A group's number or name. */
  readonly target: number | string;
  readonly ignoreCase: boolean;
  readonly at: Span;
}
export type Node =
  | SetNode
  | SequenceNode
  | ChoiceNode
  | PlaceNode
  | CaptureNode
  | LookNode
  | AtomicNode
  | RepeatNode
  | ReferenceNode;

/** A pattern that was read. */
export interface ParsedPattern {
  readonly root: Node;
  readonly groupCount: number;
  /** Name -> the numbers of its groups, in order: Perl lets several groups have one name. */
  readonly names: ReadonlyMap<string, readonly number[]>;
  readonly hasReferences: boolean;
}

/** Why a pattern is not taken; caught by translatePattern alone. */
export class Refusal extends Error {
  readonly at: Span;
  readonly hint: string | undefined;
  constructor(at: Span, message: string, hint?: string) {
    super(message);
    this.at = at;
    this.hint = hint;
  }
}

/** The shortest and the longest text that a node can take, in bytes. */
export interface Width {
  readonly min: number;
  readonly max: number;
}

export function widthOf(node: Node): Width {
  switch (node.kind) {
    case 'set':
      return { min: 1, max: 1 };
    case 'sequence': {
      const widths = node.items.map(widthOf);
      return { min: sum(widths.map((width) => width.min)), max: sum(widths.map((width) => width.max)) };
    }
    case 'choice': {
      const widths = node.branches.map(widthOf);
      return {
        min: Math.min(...widths.map((width) => width.min)),
        max: Math.max(...widths.map((width) => width.max)),
      };
    }
    case 'place':
    case 'look':
      return { min: 0, max: 0 };
    case 'capture':
    case 'atomic':
      return widthOf(node.body);
    case 'repeat': {
      const width = widthOf(node.body);
      // Perl limits a lookbehind as if {0} were {1}; and 0 * Infinity would be NaN.
      return { min: width.min * node.min, max: width.max === 0 ? 0 : width.max * Math.max(node.max, 1) };
    }
    case 'reference':
      return { min: 0, max: Number.POSITIVE_INFINITY };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
