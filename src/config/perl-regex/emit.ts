// Writes the nodes of a Perl pattern as an ECMAScript pattern without flags that means the same on latin1 text.
import { onlyByte, setSource } from './bytes.ts';
import type { Groups } from './exactness.ts';
import type { Node, Place, RepeatNode } from './tree.ts';

const PLACES: Readonly<Record<Place, string>> = {
  start: '^',
  end: '$',
  // Perl's $ also stands before a newline that ends the text.
  lastLine: '(?=\\n?$)',
  // Perl's ^ does not stand behind a newline that ends the text, where JavaScript's does.
  lineStart: '(?:^|(?<=\\n)(?=[^]))',
  lineEnd: '(?=\\n|$)',
  // Without flags JavaScript's \b is ASCII, as Perl's is on byte strings.
  word: '\\b',
  notWord: '\\B',
};

/** The ECMAScript source of a checked pattern. */
export function emitPattern(root: Node, groups: Groups): string {
  const used = new Set(groups.values());
  /** Perl's group number -> JavaScript's: only groups that are referred to capture, and atomic groups take numbers too. */
  const numbers = new Map<number, number>();
  let count = 0;

  function write(node: Node): string {
    switch (node.kind) {
      case 'set':
        return setSource(node.set);
      case 'sequence':
        return node.items.map((item) => inSequence(item)).join('');
      case 'choice':
        return node.branches.map((branch) => write(branch)).join('|');
      case 'place':
        return PLACES[node.place];
      case 'capture': {
        if (!used.has(node.group)) return write(node.body);
        numbers.set(node.group, ++count);
        return `(${write(node.body)})`;
      }
      case 'look':
        return `(?${node.behind ? '<' : ''}${node.negative ? '!' : '='}${write(node.body)})`;
      case 'atomic': {
        // A lookahead is never entered again: what it captured is then taken whole.
        const number = ++count;
        return `(?=(${write(node.body)}))(?:\\${number})`;
      }
      case 'repeat': {
        const body = write(node.body);
        return `${node.body.kind === 'set' ? body : `(?:${body})`}${quantifierSource(node)}`;
      }
      case 'reference':
        // The brackets keep a digit that follows out of the number.
        return `(?:\\${numbers.get(groups.get(node) ?? 0)})`;
    }
  }

  function inSequence(node: Node): string {
    const source = write(node);
    return hasBareChoice(node) ? `(?:${source})` : source;
  }

  /** Whether `write` leaves a | outside of brackets. */
  function hasBareChoice(node: Node): boolean {
    if (node.kind === 'choice') return true;
    return node.kind === 'capture' && !used.has(node.group) && hasBareChoice(node.body);
  }

  return write(root);
}

function quantifierSource(node: RepeatNode): string {
  const lazy = node.lazy ? '?' : '';
  if (node.max === Number.POSITIVE_INFINITY) {
    return (node.min === 0 ? '*' : node.min === 1 ? '+' : `{${node.min},}`) + lazy;
  }
  if (node.min === 0 && node.max === 1) return `?${lazy}`;
  return (node.min === node.max ? `{${node.min}}` : `{${node.min},${node.max}}`) + lazy;
}

/** The bytes of a pattern that is nothing but text, as latin1; undefined for any other. */
export function literalOf(root: Node): string | undefined {
  let literal = '';
  for (const node of root.kind === 'sequence' ? root.items : [root]) {
    const value = node.kind === 'set' ? onlyByte(node.set) : undefined;
    if (value === undefined) return undefined;
    literal += String.fromCharCode(value);
  }
  return literal;
}
