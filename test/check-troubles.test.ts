// Checks that could not be made: what the log says of them, and how often.
import { expect, onTestFinished, test } from 'vitest';
import { CheckTroubles } from '../src/check-troubles.ts';
import { LogLines } from './log-lines.ts';
import { until } from './until.ts';

function made(gatherMs = 10) {
  const log = new LogLines();
  const troubles = new CheckTroubles({ log: () => log, gatherMs });
  onTestFinished(() => troubles.clear());
  return { log, troubles };
}
const FIRST = 'error: The check of a could not be made, which says nothing about the server: too many open files';

test('the same for many, again and again, and now and then: two lines, and one when it is over', async () => {
  const { log, troubles } = made();
  for (let round = 0; round < 20; round++) {
    for (const server of ['a', 'b', 'c']) troubles.failed(server, 'too many open files');
    for (const server of ['b', 'a', 'c']) if (round % 2 === 1) troubles.made(server);
  }
  await until('its end', () => log.lines.length === 3);
  expect(log.lines).toEqual([
    FIRST,
    'error: Nor could the check of b and 1 more be made: too many open files',
    'All checks can be made again',
  ]);
});

test('each reason is told', () => {
  const { log, troubles } = made();
  troubles.failed('a', 'too many open files');
  troubles.failed('a', 'out of memory');
  troubles.failed('a', 'out of memory');
  expect(log.lines).toEqual([FIRST, FIRST.replace('too many open files', 'out of memory')]);
});

test('what is over is told when it stays so', async () => {
  const { log, troubles } = made(60);
  troubles.failed('a', 'too many open files');
  troubles.made('a');
  troubles.failed('a', 'too many open files');
  await new Promise((resolve) => setTimeout(resolve, 90));
  expect(log.lines).toEqual([FIRST]);
  troubles.made('a');
  await until('its end', () => log.lines.length === 2);
});
