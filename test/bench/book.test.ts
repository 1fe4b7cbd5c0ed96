// What each server has answered: how often, and each change once.
import { expect, test } from 'vitest';
import { Book } from '../../bench/book.ts';

test.for([
  ['well all the time', '+++', { well: 3, failed: 0, turns: [['up', 1]] }],
  ['failing from the first answer on', '--', { well: 0, failed: 2, turns: [['down', 1]] }],
  [
    'down and up again',
    '+--+',
    {
      well: 2,
      failed: 2,
      turns: [
        ['up', 1],
        ['down', 2],
        ['up', 4],
      ],
    },
  ],
] as const)('%s', ([, answers, { turns, ...counts }]) => {
  let now = 0;
  const book = new Book(() => now);
  for (const answer of answers) {
    now++;
    book.add('127.1.0.1', answer === '+');
    book.add('127.1.0.2', true);
  }
  expect(book.pages['127.1.0.1']).toEqual({ ...counts, turns: turns.map(([to, at]) => ({ to, at })) });
  expect(book.pages['127.1.0.2']?.turns).toHaveLength(1);
});
