// How much work a pattern can cost at worst: whether it may run on the event loop without a time limit.
import { type Node, widthOf } from './tree.ts';

/** The longest answer that `isCheap` promises anything about; matching sends a longer one through the time limit. */
const LONGEST = 2 ** 20;

/**
 * Work for each byte of the answer, in units of about a quarter of a nanosecond (see `UNIT`): 64 are some 16 ms for
 * an answer of 1 MiB.
 */
const MOST_PER_BYTE = 64;

/** Measured with V8 on the worst answers for each step: a set 0.25 ns, a branch 1 ns, a turn of a counted loop 3 ns. */
const UNIT = { set: 1, place: 8, branch: 4, turn: 12 } as const;

interface Cost {
  /** At most so many ways to match from one place: what follows may be tried that often. */
  readonly ways: number;
  /** Units to try them all. */
  readonly work: number;
}

/**
 * Whether a search through 1 MiB takes at most MOST_PER_BYTE units for each byte, whatever the answer is.
 *
 * Proof: a backtracking search tries each place of the answer once, and from one place does at most `work`: a step that
 * takes or refuses a byte costs one unit; a sequence AB costs A, and B once for each way of A; a choice has the ways and
 * the work of all its branches; n turns of a body with w ways have w^n ways; a lookaround or atomic group is left with
 * one way at most. An unbounded repetition has as many turns as the answer has bytes, which alone is over the limit
 * when every place is tried (1 MiB times 1 MiB), but not behind ^, where there is one place only. All sums are upper
 * bounds, so what is called cheap is cheap; what is not may still be.
 */
export function isCheap(root: Node): boolean {
  const { work } = costOf(root);
  const total = isAnchored(root) ? LONGEST + work : LONGEST * work;
  return total <= LONGEST * MOST_PER_BYTE;
}

function costOf(node: Node): Cost {
  switch (node.kind) {
    case 'set':
      return { ways: 1, work: UNIT.set };
    case 'place':
      return { ways: 1, work: UNIT.place };
    case 'sequence': {
      let ways = 1;
      let work = 1;
      for (const item of node.items) {
        const cost = costOf(item);
        work += ways * cost.work;
        ways *= cost.ways;
      }
      return { ways, work };
    }
    case 'choice': {
      const costs = node.branches.map(costOf);
      return {
        ways: costs.reduce((total, cost) => total + cost.ways, 0),
        work: costs.reduce((total, cost) => total + cost.work + UNIT.branch, 0),
      };
    }
    case 'capture':
      return costOf(node.body);
    case 'look':
      return { ways: 1, work: costOf(node.body).work + UNIT.branch };
    case 'atomic':
      // What was taken is compared once more.
      return { ways: 1, work: costOf(node.body).work + UNIT.branch + Math.min(widthOf(node.body).max, LONGEST) };
    case 'repeat': {
      const body = costOf(node.body);
      const turns = node.max === Number.POSITIVE_INFINITY ? LONGEST : node.max;
      const perTurn = body.work + UNIT.turn;
      if (body.ways === 1) return { ways: turns - Math.min(node.min, turns) + 1, work: turns * perTurn + 1 };
      // w^0 + w^1 + ... + w^n
      const ways = (body.ways ** (turns + 1) - 1) / (body.ways - 1);
      return { ways, work: ways * perTurn };
    }
    case 'reference':
      return { ways: 1, work: LONGEST };
  }
}

/** Whether only the very start of the answer can match: V8 sees the same and tries no other place. */
function isAnchored(node: Node): boolean {
  switch (node.kind) {
    case 'place':
      return node.place === 'start';
    case 'sequence': {
      const [first] = node.items;
      return first !== undefined && isAnchored(first);
    }
    case 'choice':
      return node.branches.every(isAnchored);
    case 'capture':
      return isAnchored(node.body);
    default:
      return false;
  }
}
