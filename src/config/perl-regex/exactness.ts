// Whether JavaScript can do exactly what Perl does with a pattern; where the two would differ, the pattern is refused.
import { type LookNode, type Node, type ParsedPattern, type ReferenceNode, Refusal, widthOf } from './tree.ts';

/** Perl's own limit for a lookbehind, in bytes. */
const MAX_LOOKBEHIND = 255;

/** The group that each back-reference means. */
export type Groups = ReadonlyMap<ReferenceNode, number>;

interface Surroundings {
  /** Inside a lookbehind, which JavaScript matches from right to left. */
  readonly backward: boolean;
  /**
   * Which of several ways to match comes first decides what is kept: inside an atomic group, and inside a lookahead
   * whose captures may be used.
   */
  readonly ordered: boolean;
}

/**
 * Finds the group of each back-reference; throws a Refusal where JavaScript would differ:
 * - A reference to a group that took no part fails in Perl and matches the empty text in JavaScript; and a repetition
 *   forgets its groups at each turn in JavaScript but keeps them in Perl. So a reference is taken only where its group
 *   has taken part on every way there, in the same turn of every repetition around it.
 * - A turn of a repetition that takes nothing ends it in Perl and is undone in JavaScript. That finds the same texts,
 *   but in another order, so it matters only in `ordered` surroundings.
 * - A lookbehind runs right to left in JavaScript: no references to what it captures, nothing atomic.
 */
export function checkExactness(pattern: ParsedPattern): Groups {
  const groups = new Map<ReferenceNode, number>();

  /** Returns the groups that have surely taken part after the node, given those before it. */
  function visit(node: Node, before: ReadonlySet<number>, around: Surroundings): ReadonlySet<number> {
    switch (node.kind) {
      case 'set':
      case 'place':
        return before;
      case 'sequence': {
        let after = before;
        for (const item of node.items) after = visit(item, after, around);
        return after;
      }
      case 'choice': {
        const [first = before, ...others] = node.branches.map((branch) => visit(branch, before, around));
        return new Set([...first].filter((group) => others.every((other) => other.has(group))));
      }
      case 'capture': {
        const after = visit(node.body, before, around);
        return around.backward ? before : new Set([...after, node.group]);
      }
      case 'look': {
        checkLook(node);
        const ordered = around.ordered || (!node.negative && pattern.hasReferences);
        const after = visit(node.body, before, { backward: node.behind, ordered });
        return node.negative || node.behind || around.backward ? before : after;
      }
      case 'atomic':
        if (around.backward) {
          throw new Refusal(
            node.at,
            'an atomic group or possessive repetition in a lookbehind cannot be translated',
            'write it without (?> ) or the second +',
          );
        }
        return visit(node.body, before, { ...around, ordered: true });
      case 'repeat': {
        const after = visit(node.body, before, around);
        if (node.min === 1 && node.max === 1) return after;
        const width = widthOf(node.body);
        if (around.ordered && node.max > node.min && width.min === 0 && width.max > 0) {
          throw new Refusal(
            node.at,
            'this repeats what can be empty, inside an atomic group or a lookahead: that cannot be translated exactly',
            'make what is repeated take at least one character',
          );
        }
        return before;
      }
      case 'reference':
        groups.set(node, resolve(node, before, around));
        return before;
    }
  }

  function resolve(node: ReferenceNode, before: ReadonlySet<number>, around: Surroundings): number {
    const group = typeof node.target === 'number' ? node.target : pattern.names.get(node.target)?.[0];
    if (group === undefined) throw new Refusal(node.at, `there is no group named ${node.target}`);
    if (group < 1 || group > pattern.groupCount) {
      throw new Refusal(node.at, `there is no group ${node.target}: the pattern has ${pattern.groupCount}`);
    }
    if (node.ignoreCase) {
      throw new Refusal(
        node.at,
        'a back-reference under (?i) cannot be translated exactly',
        'end (?i) before it, for instance as (?i:...)',
      );
    }
    if (around.backward || !before.has(group)) {
      throw new Refusal(
        node.at,
        'this back-reference can be reached before its group has matched, or in another turn of a repetition: ' +
          'that cannot be translated exactly',
        'put the group directly before it, outside of |, ? and *, or write out what it should match',
      );
    }
    return group;
  }

  visit(pattern.root, new Set(), { backward: false, ordered: false });
  return groups;
}

function checkLook(node: LookNode): void {
  const { max } = widthOf(node.body);
  if (node.behind && max > MAX_LOOKBEHIND) {
    throw new Refusal(
      node.at,
      `a lookbehind can be at most ${MAX_LOOKBEHIND} bytes long`,
      'leave out *, + and back-references inside it',
    );
  }
  // Perl's optimizer takes (?=-?). for (?=-). at times.
  if (!node.negative && max > 0 && canTakeNothing(node.body)) {
    throw new Refusal(node.at, 'this condition always holds, since what it looks for may be empty', 'leave it out');
  }
}

/** Whether a node matches the empty text anywhere, without a condition. */
function canTakeNothing(node: Node): boolean {
  switch (node.kind) {
    case 'sequence':
      return node.items.every(canTakeNothing);
    case 'choice':
      return node.branches.some(canTakeNothing);
    case 'capture':
    case 'atomic':
      return canTakeNothing(node.body);
    case 'repeat':
      return node.min === 0 || canTakeNothing(node.body);
    default:
      return false;
  }
}
