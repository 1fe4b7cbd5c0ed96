// What the bench reads out of a daemon's log.
import { expect, test } from 'vitest';
import { changeOf } from '../../bench/changes.ts';

const HEAD = '[Mon Nov 23 01:13:16 2026] ';
const down = (server: string) => `${HEAD}Real server ${server} (10.9.0.1:80) is down: 500 Internal Server Error`;
const taken = (server: string) => `${HEAD}Quiescent real server: ${server} (10.9.0.1:80) (Weight set to 0)`;

test('servers that are found one by one, in two batches', () => {
  const lines = [
    { at: 100, text: `${HEAD}Started` },
    { at: 1_000, text: down('10.0.0.1:80') },
    { at: 1_005, text: down('10.0.0.2:80') },
    { at: 1_020, text: taken('10.0.0.1:80') },
    { at: 1_020, text: taken('10.0.0.2:80') },
    { at: 2_000, text: down('10.0.0.3:80') },
    { at: 2_040, text: taken('10.0.0.3:80') },
    { at: 2_050, text: `${HEAD}Real server 10.0.0.4:80 (10.9.0.1:80) is up: 200 OK` },
  ];
  expect(changeOf(lines)).toEqual({ servers: 3, tookMs: 1_040, slowestMs: 40, batches: 2 });
});

test('nothing', () => {
  expect(changeOf([])).toEqual({ servers: 0, tookMs: NaN, slowestMs: 0, batches: 0 });
});
