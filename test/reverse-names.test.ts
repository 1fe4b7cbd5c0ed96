// Names of addresses in the background: when they are asked for, how long an answer counts, and what a failure changes.
import { expect, onTestFinished, test } from 'vitest';
import { ReverseNames } from '../src/reverse-names.ts';
import { until } from './until.ts';

type Answer = readonly string[] | Error | 'never';

function namesWith(answers: Record<string, Answer>, times: { ttlMs?: number; deadlineMs?: number } = {}) {
  const asked: string[] = [];
  const told: string[] = [];
  let underWay = 0;
  let most = 0;
  const names = new ReverseNames({
    async reverse(address) {
      asked.push(address);
      underWay++;
      most = Math.max(most, underWay);
      try {
        await new Promise((resolve) => setImmediate(resolve));
        const answer = answers[address] ?? [];
        if (answer === 'never') return await new Promise<never>(() => {});
        if (answer instanceof Error) throw answer;
        return answer;
      } finally {
        underWay--;
      }
    },
    onNames: (address) => told.push(`${address} ${names.of(address)}`),
    onTrouble: (address, error) => told.push(`${address} ${error}`),
    ...times,
  });
  onTestFinished(() => names.close());
  return { names, asked, told, answers, most: () => most };
}

test('asks once for each address, and again only for new ones', async () => {
  const { names, asked, told } = namesWith({ a: ['Web1.Example.com.', 'www'], b: [] });
  names.want(new Set(['a', 'b']));
  await until('both answers', () => asked.length === 2 && told.length === 1);
  expect(told).toEqual(['a web1.example.com,www']);
  names.want(new Set(['a', 'b', 'c']));
  await until('the new one', () => asked.length === 3);
  expect(asked).toEqual(['a', 'b', 'c']);
  expect(names.of('a')).toEqual(['web1.example.com', 'www']);
  expect(names.of('never wanted')).toEqual([]);
});

test('what is old is asked again and used meanwhile; an old failure does not take names away', async () => {
  const { names, asked, told, answers } = namesWith({ a: ['one'] }, { ttlMs: 50 });
  names.want(new Set(['a']));
  await until('the first name', () => told.join() === 'a one');
  answers.a = new Error('no answer');
  await until('a failure', () => told.length === 2);
  expect(names.of('a')).toEqual(['one']);
  const failures = asked.length;
  await until('two more failures', () => asked.length >= failures + 2);
  answers.a = ['two'];
  await until('the second name', () => told.length === 3);
  // The failure was told once.
  expect(told).toEqual(['a one', 'a Error: no answer', 'a two']);
  answers.a = [];
  await until('no name', () => names.of('a').length === 0);
});

test('nothing is asked when nothing is wanted, and what was not wanted for long is forgotten', async () => {
  const { names, asked, told } = namesWith({ a: ['one'] }, { ttlMs: 30 });
  names.want(new Set(['a']));
  await until('the name', () => told.length === 1);
  names.want(new Set());
  const before = asked.length;
  await until('it is old', () => {
    names.want(new Set());
    return names.of('a').length === 0;
  });
  expect(asked).toHaveLength(before);
});

test('one that never answers is given up at the deadline', async () => {
  const { names, told } = namesWith({ a: 'never', b: ['web'] }, { deadlineMs: 30 });
  names.want(new Set(['b']));
  await until('the other one', () => told.length === 1);
  names.want(new Set(['a', 'b']));
  await until('its end', () => told.length === 2);
  expect(told).toEqual(['b web', 'a Error: the resolver does not answer']);
});

test('1,000 addresses are asked for a few at a time', async () => {
  const { names, asked, most } = namesWith({});
  names.want(new Set(Array.from({ length: 1_000 }, (_, index) => String(index))));
  await until('all of them', () => asked.length === 1_000);
  expect(most()).toBe(16);
});

test('nothing comes after the close', async () => {
  const { names, asked, told } = namesWith({ a: ['one'], b: new Error('late') });
  names.want(new Set(['a', 'b']));
  names.close();
  names.want(new Set(['c']));
  await until('the look-ups under way', () => asked.length === 2);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(told).toEqual([]);
});
