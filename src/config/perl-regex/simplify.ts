// Leaves away what cannot change whether there is a match: `.*OK.*` asks for nothing but `OK`.
import type { Node, RepeatNode, SequenceNode } from './tree.ts';

/**
 * The same question with less work. A search is not anchored, so a repetition of a set at either end of the pattern
 * needs no more turns than it must have: where X{3}rest matches, X{2}rest matches one byte later; where restX{3}
 * matches, restX{2} does too. Nothing else is touched: not a group in `used` (its text is asked for again), and no
 * possessive repetition (`a*+a` never matches, `a` does).
 */
export function simplify(root: Node, used: ReadonlySet<number>): Node {
  return trim(trim(root, 'first', used), 'last', used);
}

function trim(node: Node, end: 'first' | 'last', used: ReadonlySet<number>): Node {
  switch (node.kind) {
    case 'repeat':
      return node.body.kind === 'set' ? fewestTurns(node) : node;
    case 'choice':
      return { kind: 'choice', branches: node.branches.map((branch) => trim(branch, end, used)) };
    case 'capture':
      return used.has(node.group) ? node : { ...node, body: trim(node.body, end, used) };
    case 'sequence':
      return trimSequence(node, end, used);
    default:
      return node;
  }
}

function fewestTurns(node: RepeatNode): Node {
  if (node.min === 0) return { kind: 'sequence', items: [] };
  return node.min === 1 ? node.body : { ...node, max: node.min };
}

function trimSequence(node: SequenceNode, end: 'first' | 'last', used: ReadonlySet<number>): Node {
  const items = [...node.items];
  for (;;) {
    const outer = end === 'first' ? items.shift() : items.pop();
    if (outer === undefined) break;
    const trimmed = trim(outer, end, used);
    // What is left empty lets the next item be the outer one.
    if (trimmed.kind === 'sequence' && trimmed.items.length === 0) continue;
    if (end === 'first') items.unshift(trimmed);
    else items.push(trimmed);
    break;
  }
  const [only] = items;
  return items.length === 1 && only !== undefined ? only : { kind: 'sequence', items };
}
